"""Writes a log into files, so that a second call goes on where the first was cut.

How far the files have come is in a small file beside them, `NAME.fairlead-export`, until all is written: the place in
the log, and the size of each file there. They are synced before it, so that it never promises more than they hold; what
they hold beyond it is cut off and written again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

from fairlead_client.following import Batch
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._display import data_of, document
from fairlead_server.errors import CommandError

Kind = Literal["text", "ndjson", "dir"]

_SAVED_EACH_S = 1.0
# Files of a directory that are open at once; a log has few sources.
_MOST_SOURCES = 256


@dataclass
class _Place:
    """How far the files have come."""

    stream: str
    kind: str
    epoch: int
    next: int
    sizes: dict[str, int] = field(default_factory=dict)


class Files:
    """The files of one export, at `path`: one, or one a source in a directory."""

    def __init__(self, path: Path, stream: str, kind: Kind) -> None:
        self.path = path
        self.place: _Place | None = None
        self._stream = stream
        self._kind = kind
        self._saved = path.with_name(path.name + ".fairlead-export")
        self._files: dict[str, BinaryIO] = {}
        self._saved_s = time.monotonic()
        self._load()

    def write(self, batch: Batch) -> None:
        """Appends records. Raises CommandError."""
        try:
            for name, data in written(batch, self._kind):
                self._file(name).write(data)
        except OSError as error:
            raise CommandError(f"cannot write to {str(self.path)!r}: {error.strerror}") from None

    def came_to(self, epoch: int, following: int) -> None:
        """All before this number is written; remembered about once a second."""
        sizes = {name: file.tell() for name, file in self._files.items()}
        self.place = _Place(self._stream, self._kind, epoch, following, sizes)
        if time.monotonic() - self._saved_s >= _SAVED_EACH_S:
            self.save()

    def save(self) -> None:
        """Makes what is written last, and remembers how far it has come."""
        if self.place is None:
            return
        try:
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
            draft = self._saved.with_name(self._saved.name + ".new")
            draft.write_text(json.dumps(asdict(self.place)), encoding="utf-8")
            draft.replace(self._saved)
        except OSError as error:
            raise CommandError(f"cannot write to {str(self.path)!r}: {error.strerror}") from None
        self._saved_s = time.monotonic()

    def finish(self) -> None:
        """All is written."""
        if not self._files and self._kind != "dir":
            self._file("")
        self.save()
        self.close()
        self._saved.unlink(missing_ok=True)

    def close(self) -> None:
        """Leaves them as they are; what a full disk has not taken by now was told, or is written again."""
        for file in self._files.values():
            with suppress(OSError):
                file.close()

    def _load(self) -> None:
        """Raises CommandError for files that are not ours to go on with."""
        try:
            if not self._saved.exists():
                if self.path.exists() and (self._kind != "dir" or any(self.path.iterdir())):
                    raise CommandError(f"{str(self.path)!r} is there already, and no export that was cut")
                if self._kind == "dir":
                    self.path.mkdir(exist_ok=True)
                return
            place = _Place(**json.loads(self._saved.read_text(encoding="utf-8")))
            if (place.stream, place.kind) != (self._stream, self._kind):
                raise CommandError(f"{str(self.path)!r} was begun as an export of {place.stream} as {place.kind}")
            for name, size in place.sizes.items():
                self._resume(name, size)
        except (OSError, ValueError, TypeError) as error:
            raise CommandError(f"cannot go on with {str(self.path)!r}: {error}") from None
        self.place = place

    def _resume(self, name: str, size: int) -> None:
        file = self._file(name)
        if file.seek(0, os.SEEK_END) < size:
            raise CommandError(f"{file.name!r} is shorter than it was: delete it, and {str(self._saved)!r}")
        file.seek(size)
        file.truncate()

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            if len(self._files) >= _MOST_SOURCES:
                raise CommandError(f"the log has more than {_MOST_SOURCES} sources: export it as ndjson")
            path = self.path / name if self._kind == "dir" else self.path
            self._files[name] = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        return self._files[name]


def written(batch: Batch, kind: Kind) -> Iterator[tuple[str, bytes]]:
    """The files' names and what goes into them; an export that is one file has no name."""
    if kind == "ndjson":
        for seq, record in zip(batch.seqs, batch.records, strict=True):
            yield "", json.dumps(document(seq, *record), ensure_ascii=False).encode(errors="surrogatepass") + b"\n"
        return
    for _, source, text, flags in batch.records:
        if not flags & MARKER:
            end = b"" if flags & PARTIAL else b"\n"
            yield file_name(source) if kind == "dir" else "", data_of(text) + end


def file_name(source: str) -> str:
    """The file of a source: what could lead out of the directory, or hide in it, is escaped as in URLs.

    >>> file_name("stderr"), file_name("../x"), file_name(".")
    ('stderr.txt', '%2E.%2Fx.txt', '%2E.txt')
    """
    quoted = quote(source, safe="+@:=, ", errors="surrogatepass")
    return (quoted.replace(".", "%2E", 1) if quoted.startswith(".") else quoted) + ".txt"
