"""Where a writer's spool comes from: a new one, or what the program's last run has left in the same place."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from tempfile import gettempdir
from typing import Any, TypedDict, Unpack

from fairlead_client.errors import ClientError, SpoolError
from fairlead_client.spool import LIMIT_BYTES, Spool
from fairlead_client.spool_meta import FILE_NAME, SpoolMeta

_ID = re.compile(r"[A-Za-z0-9_+@-]{1,128}")


class About(TypedDict, total=False):
    """What can be said of a new stream, and of the spool; see `fairlead.log.create`.

    `producer` names a writer that goes on under that name with a new spool, taking over from who had it, who is told.
    `spool` is a directory; what a run before this one has left in it is sent first, and the rest goes on behind it.
    `heartbeat_s`: the service hears from us at least so often, so that the stream is not shown as stale.
    """

    object: str | None
    project: str | None
    producer: str | None
    attempt: int | None
    metadata: dict[str, Any] | None
    retention: dict[str, int] | None
    heartbeat_s: int | None
    spool: str | Path | None
    limit_bytes: int


def checked_id(name: str, value: str) -> str:
    """An id as the service takes it, so that a mistake is found before anything is written. Raises ClientError."""
    if not _ID.fullmatch(value):
        raise ClientError(f"{name} is {value!r}: an id has 1 to 128 of the characters A-Z a-z 0-9 _ + @ -")
    return value


def new_spool(stream: str, **about: Unpack[About]) -> Spool:
    """A spool for a stream; without a `producer` it gets a name of its own, so that nobody takes over by mistake.

    Raises ClientError for an id that cannot be one, SpoolError where there can be no spool.
    """
    checked_id("the log's id", stream)
    path = Path(about.get("spool") or spool_directory() / f"{stream}-{secrets.token_hex(4)}")
    limit_bytes = about.get("limit_bytes", LIMIT_BYTES)
    if (path / FILE_NAME).exists():
        return _left_spool(path, stream, about.get("producer"), limit_bytes)
    return Spool.create(path, meta_of(stream, **about), limit_bytes)


def meta_of(stream: str, unit: str | None = None, **about: Unpack[About]) -> SpoolMeta:
    """What is said of a stream. Raises ClientError for a wrong id, TypeError for what `About` does not know."""
    unknown = about.keys() - About.__annotations__.keys()
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))}: nothing of that name can be said of a stream or its spool")
    for name, value in (("the log's id", stream), ("object", about.get("object")), ("project", about.get("project"))):
        if value is not None:
            checked_id(name, value)
    producer = about.get("producer")
    return SpoolMeta(
        stream,
        producer or f"writer-{secrets.token_hex(8)}",
        unit=unit,
        object=about.get("object"),
        project=about.get("project"),
        attempt=about.get("attempt"),
        metadata=about.get("metadata"),
        retention=about.get("retention"),
        heartbeat_s=about.get("heartbeat_s"),
        takes_over=producer is not None,
    )


def _left_spool(path: Path, stream: str, producer: str | None, limit_bytes: int) -> Spool:
    """What a run has left, to go on with. Raises SpoolError where it is another writer's, or has its end."""
    spool = Spool.open(path, limit_bytes)
    problem = None
    if spool.meta.stream != stream:
        problem = f"is of the log {spool.meta.stream}"
    elif producer not in {None, spool.meta.producer}:
        problem = f"is of the producer {spool.meta.producer!r}"
    elif spool.has_end:
        problem = "has its end: send it first, with a LogWriter of Spool.open(path)"
    if problem is not None:
        spool.close()
        raise SpoolError(f"the spool {str(path)!r} {problem}")
    return spool


def spool_directory() -> Path:
    """Where spools are kept unless told otherwise: the user's state directory, else a temporary one of their own."""
    state = os.environ.get("XDG_STATE_HOME")
    home = Path(state) if state else Path.home() / ".local" / "state"
    for candidate in (home / "fairlead" / "spool", Path(gettempdir()) / f"fairlead-{os.getuid()}" / "spool"):
        try:
            candidate.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(candidate, os.W_OK) and candidate.stat().st_uid == os.getuid():
            return candidate
    raise ClientError(f"no directory for spools: neither {str(home)!r} nor {gettempdir()!r} can be written to")
