"""What the records of a spool are about, kept in a file beside them."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

VERSION = 1
FILE_NAME = "meta.json"
DRAFT_NAME = "meta.json.new"


@dataclass
class SpoolMeta:
    """What the records are about. `term` and `base` are None until the service has named them.

    `base` is the producer's number of this spool's record 0: a new spool of a known producer goes on where that is.
    `epoch` is that of the store which has what was acknowledged. `found` is how many records there were when the spool
    was opened again, until the service has answered, perhaps to a later process: what it has beyond them is what a
    power loss took from the spool, and new ones must not get the numbers of those.
    """

    stream: str
    producer: str
    object: str | None = None
    project: str | None = None
    attempt: int | None = None
    metadata: dict[str, Any] | None = None
    retention: dict[str, int] | None = None
    heartbeat_s: int | None = None
    unit: str | None = None  # "bytes", or None: records
    url: str | None = None
    realm: str | None = None
    term: int | None = None
    base: int | None = None
    epoch: int | None = None
    found: int | None = None
    takes_over: bool = False
    files: list[dict[str, Any]] | None = None  # of a FileTail
    version: int = VERSION

    @classmethod
    def load(cls, directory: Path) -> SpoolMeta:
        """Of a spool's directory. Raises OSError, ValueError or TypeError when there is none of ours."""
        return cls(**json.loads((directory / FILE_NAME).read_bytes()))

    def saving(self, directory: Path) -> Callable[[], None]:
        """A job for any thread that writes what is said now, whole also after a power loss; it raises OSError."""
        return partial(_save, directory, json.dumps(asdict(self)).encode())


def _save(directory: Path, content: bytes) -> None:
    draft = directory / DRAFT_NAME
    with open(draft, "wb", buffering=0, opener=partial(os.open, mode=0o600)) as file:
        if file.write(content) != len(content):  # a disk that becomes full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    draft.replace(directory / FILE_NAME)
    _sync_directory(directory)


def sync_names_of(directory: Path) -> None:
    """Makes a power loss leave the directory itself: its name is in the one above, which we may have made as well."""
    for parent in directory.absolute().parents:
        with suppress(OSError):  # one that is closed to us has been there for long
            _sync_directory(parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
