"""A growing file as a source of records, by its bytes: rotated, truncated, or gone for a while.

The file is the spool: nothing is copied. A record's number is the byte where its text begins in the file, counted on
through all the files that the path has named, so the service says after any crash of either side where to go on
(`offset=` of `fairlead.log.append`). What must be kept is only at which numbers the files begin: that is in `meta.json`
of a directory of the tail's own, written before the first record of a file is sent.

    renamed and made anew   the old file is read to its end, also when it is rotated several times before we look; a
                            writer that pauses for QUIET_S and then goes on in the old one loses that
    truncated               (its size goes back, or its beginning is another) it is read from its beginning, behind a
                            marker: how much was written between our last look and the truncation nobody knows
    gone                    waited for; one that is there again is a new one
    without a line's end    waited for, until `finish` says that nothing follows: then it is a partial record

What was read but not acknowledged of a file that is gone for good is marked as lost, with its bytes. Not for threads.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairlead_client.errors import SpoolError
from fairlead_client.forking import let_go_in_children
from fairlead_client.records import LONGEST_TEXT_BYTES, MARKER, PARTIAL, WireRecord, character_boundary, now_us, record
from fairlead_client.source import Batch, Position
from fairlead_client.spool import lock_directory
from fairlead_client.spool_meta import FILE_NAME, SpoolMeta, sync_names_of
from fairlead_client.tailed_file import TailedFile, stat_of

# Of a batch: short lines are larger as records than in the file.
MOST_RECORDS = 1000
# What a rotated file is called behind its old name: by a number or a date; one that is compressed cannot be read.
_ROTATED = re.compile(r"[-.]\d[\d.T-]*")
# How long nothing was written to a renamed file before it counts as finished: its writer opens the new one meanwhile.
QUIET_S = 1.0


class FileTail:
    """Follows the file that a path names; what an Appender sends from. `directory` keeps the place."""

    def __init__(self, path: Path, source: str, directory: Path, meta: SpoolMeta) -> None:
        self.path = path
        self.source = source
        self.has_end = False
        self._end: dict[str, Any] | None = None
        self._is_finishing = False
        self._directory = directory
        self._parts: list[TailedFile] = []
        self._removed = 0  # parts that are not needed any more
        self._read_to = 0  # the largest offset that was read in the last part
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = lock_directory(directory)
            is_known = (directory / FILE_NAME).exists()
            self.meta = SpoolMeta.load(directory) if is_known else meta
            if not is_known:
                sync_names_of(directory)
        except (OSError, ValueError, TypeError) as error:
            raise SpoolError(f"cannot keep the place of {str(path)!r} in {str(directory)!r}: {error}") from None
        if self.meta.stream != meta.stream:
            os.close(self._lock)
            raise SpoolError(f"{str(directory)!r} keeps the place of a file in the log {self.meta.stream}")
        self._find_parts()
        if not self._parts:
            self._begin(path, 0)
        let_go_in_children(self)

    # ------------------------------------------------------------ state

    @property
    def oldest(self) -> Position:
        """Where the oldest record is that has not been acknowledged."""
        return Position(self._parts[0].first, self._removed, -self._parts[0].lead) if self._parts else Position(0, 0, 0)

    @property
    def next_seq(self) -> int:
        """The number behind all that is in the file now."""
        return self._parts[-1].start + max(self._parts[-1].size, self._read_to) if self._parts else 0

    def saving(self) -> Callable[[], None]:
        """A job for any thread that keeps `meta`."""
        return self.meta.saving(self._directory)

    def finish(self, end: dict[str, Any] | None = None) -> None:
        """Nothing follows what the file has now; with `end` (exit_code, reason) the stream ends there, too."""
        self._is_finishing = True
        self._end = end
        self.has_end = end is not None

    # ------------------------------------------------------------ reading

    def read(self, position: Position) -> Batch | None:
        """The next batch from `position` on; None where nothing follows now."""
        start = position.seq
        self._look(position)
        while True:
            records, after = self._read_file(position)
            if records:
                return Batch(position.seq, position.seq - start, records, after, None)
            at = position.segment - self._removed + 1
            if at >= len(self._parts):
                break
            part = self._parts[at]
            position = Position(part.first, position.segment + 1, -part.lead)
        is_at_end = self._is_finishing and position.seq >= self.next_seq
        end = self._end if is_at_end else None
        return Batch(position.seq, position.seq - start, [], position, end) if end or position.seq > start else None

    def seek(self, seq: int) -> Position:
        """The place of a number."""
        for at in reversed(range(len(self._parts))):
            if self._parts[at].first <= seq:
                return Position(seq, self._removed + at, seq - self._parts[at].start)
        return Position(seq, self._removed, 0)

    def acknowledge(self, position: Position) -> None:
        """What is before `position` is not needed any more."""
        while self._removed < position.segment and len(self._parts) > 1:
            self._parts.pop(0).close()
            self._removed += 1

    def _read_file(self, position: Position) -> tuple[list[WireRecord], Position]:
        at = position.segment - self._removed
        if at >= len(self._parts):
            return [], position
        part = self._parts[at]
        if position.offset < 0:
            return [(now_us(), self.source, part.marker, MARKER)], Position(part.start, position.segment, 0)
        is_last = at == len(self._parts) - 1
        data = part.read(position.offset)
        if not is_last:  # whatever is in it now, what counts on begins in the next file
            data = data[: max(0, self._parts[at + 1].first - position.seq)]
        records, used = _cut(data, self.source, is_whole=not is_last or self._is_finishing)
        if is_last:
            self._read_to = max(self._read_to, position.offset + used)
        return records, Position(position.seq + used, position.segment, position.offset + used)

    # ------------------------------------------------------------ files that come and go

    def _look(self, position: Position) -> None:
        """Finds out what has become of the file."""
        if not self._parts:
            self._begin(self.path, position.seq)
            return
        last = self._parts[-1]
        if position.segment - self._removed == len(self._parts) - 1:
            self._read_to = max(self._read_to, position.offset)
        if last.is_cut_off(self._read_to):
            last.forget()
            self._begin(self.path, last.start + self._read_to, "the file was truncated, or is gone")
        elif last.note_head():
            self._save()
        elif self._is_quiet(last):
            self._go_on_behind(last)

    def _is_quiet(self, last: TailedFile) -> bool:
        """The path names another file, and this one is not written to any more."""
        if stat_of(self.path) is None or last.is_at(self.path):
            return False
        return self._is_finishing or time.time_ns() - last.modified_ns >= QUIET_S * 1e9

    def _go_on_behind(self, last: TailedFile) -> None:
        for path in [*_rotated_since(self.path, last, self._parts), self.path]:
            if not self._begin(path, self._parts[-1].start + self._parts[-1].size):
                return  # the rest is found at the next look

    def _begin(self, path: Path, first: int, reason: str = "") -> bool:
        """The file of a path begins at a number, behind a marker where there is something to say; False: not yet."""
        part = TailedFile.open(path, first, _marker(path, reason))
        if part is None:
            return False
        self._parts.append(part)
        part.note_head()
        if self._save():
            self._read_to = 0
            return True
        self._parts.pop().close()
        return False

    def _save(self) -> bool:
        """What is not kept is not sent: a full disk makes us wait."""
        self.meta.files = [part.kept() for part in self._parts]
        try:
            self.saving()()
        except OSError:
            return False
        return True

    def _find_parts(self) -> None:
        """What was not acknowledged when the last run ended, wherever it was renamed to meanwhile."""
        for kept in self.meta.files or []:
            part = TailedFile(**kept)
            for path in [self.path, *self.path.parent.glob(f"{self.path.name}?*")]:
                if part.is_at(path) and part.reopen(path):
                    break
            self._parts.append(part)

    def close(self) -> None:
        """Lets go of the files; the place is kept."""
        self.abandon()

    def abandon(self) -> None:
        """The same, in a forked child."""
        for part in self._parts:
            part.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def _rotated_since(path: Path, last: TailedFile, known: list[TailedFile]) -> list[Path]:
    """Files of ours that were made and renamed between two looks, the oldest first."""
    since_ns = last.modified_ns
    found = []
    for each in path.parent.glob(f"{path.name}?*"):
        state = stat_of(each)
        is_ours = _ROTATED.fullmatch(each.name.removeprefix(path.name)) is not None
        if state is not None and is_ours and state.st_mtime_ns > since_ns and not any(p.is_at(each) for p in known):
            found.append((state.st_mtime_ns, each))
    return [each for _, each in sorted(found)]


def _cut(data: bytes, source: str, *, is_whole: bool) -> tuple[list[WireRecord], int]:
    """The records of whole lines, and how many bytes they are; a part where a line is too long, or does not go on."""
    time_us = now_us()
    *lines, rest = data.split(b"\n", MOST_RECORDS)
    if lines:
        return [record(time_us, source, line) for line in lines], sum(map(len, lines)) + len(lines)
    if len(data) < LONGEST_TEXT_BYTES and not is_whole:
        return [], 0
    end = len(rest) if len(data) < LONGEST_TEXT_BYTES else character_boundary(rest, len(rest))
    return ([record(time_us, source, rest[:end], PARTIAL)], end) if end else ([], 0)


def _marker(path: Path, reason: str) -> str:
    if not reason:
        return ""
    facts = {"truncated": {"records": None, "bytes": None, "reason": f"{path.name}: {reason}"}}
    return json.dumps(facts, ensure_ascii=True)
