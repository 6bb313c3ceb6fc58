"""The spool: what a writer has to send, kept on disk until the log service has it.

A directory of its own, readable by its owner only:

    meta.json               what the records are about: stream, producer, term (SpoolMeta)
    0000000000000000.seg    frames of records, from the number in the name on; the next file begins where it ends

Files are only appended to, and deleted when all of their records are acknowledged. Records are numbered from 0;
what was dropped because there was no room keeps its numbers, in a frame that says so.

What survives: each `append` reaches the kernel before it returns, so the end of this process loses nothing of it. A
power loss can take what was appended since the last job of `unsynced` was done, which the LogWriter sees to once a
second. A file cut off in the middle of a frame is continued after its last whole frame.

What `append` costs its caller is one write into the kernel's page cache, never a sync: a full disk or a spool at its
limit drops and counts, a slow one delays as the kernel delays whoever writes faster than the disk (0.2 s a write).

Safe for threads. Not for two processes: the directory is locked while a Spool has it open, and a forked child lets go.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from fairlead_client import frames
from fairlead_client.errors import SpoolError
from fairlead_client.forking import let_go_in_children
from fairlead_client.frames import BATCH_BYTES, END, HEADER_BYTES, LOST, RECORDS, Frame
from fairlead_client.records import WireRecord
from fairlead_client.source import Batch, Position
from fairlead_client.spool_meta import DRAFT_NAME, SpoolMeta, sync_names_of

# A file is deleted as a whole: small enough that little of what was sent is kept, large enough to be few.
SEGMENT_BYTES = 4 * 1024 * 1024
# A day of a chatty program; more than that, and its disk is the next thing to fail.
LIMIT_BYTES = 1024 * 1024 * 1024
_READ_BYTES = 2 * BATCH_BYTES


class Spool:
    """One spool, open for appending and reading."""

    def __init__(self, path: Path, meta: SpoolMeta, lock: int, limit_bytes: int, segment_bytes: int) -> None:
        self.path = path
        self.meta = meta
        self.limit_bytes = limit_bytes
        self.damage = ""
        self.next_seq = 0
        self.has_end = False
        self.dropped = 0  # records, since it was opened
        self._end: dict[str, Any] | None = None  # the last word while the disk has no room for it
        self._guard = threading.RLock()
        self._lock = lock
        # A file in use is not deleted: several must fit, else a limit once reached would stay so.
        self._segment_bytes = min(segment_bytes, limit_bytes // 4)
        self._sizes: dict[int, int] = {}  # of each file, by the number of its first record, in order
        self._size = 0  # of all
        self._files: dict[int, int] = {}  # descriptors of those that are open
        self._unsaid = 0  # dropped, and not yet said in a frame
        self._unsynced: set[int] = set()  # files
        self._has_new_files = False  # whose names are not synced
        self._is_closed = False
        let_go_in_children(self)

    @classmethod
    def create(
        cls, path: Path, meta: SpoolMeta, limit_bytes: int = LIMIT_BYTES, segment_bytes: int = SEGMENT_BYTES
    ) -> Spool:
        """Makes a new spool; `path` must not be one already. An empty directory will do."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if {file.name for file in path.iterdir()} - {DRAFT_NAME}:  # never ours to delete in the end
                raise SpoolError(f"cannot make the spool {str(path)!r}: there is something in it already")
            spool = cls(path, meta, lock_directory(path), limit_bytes, segment_bytes)
            spool.save_meta()
            sync_names_of(path)
            spool._begin_segment()
        except OSError as error:
            raise SpoolError(f"cannot make the spool {str(path)!r}: {error.strerror}") from None
        return spool

    @classmethod
    def open(cls, path: Path, limit_bytes: int = LIMIT_BYTES, segment_bytes: int = SEGMENT_BYTES) -> Spool:
        """Opens what another process has left; `damage` says what of it could not be read, in words."""
        try:
            meta = SpoolMeta.load(path)
            spool = cls(path, meta, lock_directory(path), limit_bytes, segment_bytes)
        except (OSError, ValueError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its meta.json is not one of ours"
            raise SpoolError(f"cannot open the spool {str(path)!r}: {reason}") from None
        try:
            spool._recover()
        except (OSError, ValueError) as error:
            spool.close()
            raise SpoolError(f"cannot read the spool {str(path)!r}: {error}") from None
        return spool

    # ------------------------------------------------------------ state

    @property
    def size_bytes(self) -> int:
        """What the spool takes on disk."""
        return self._size

    @property
    def room_bytes(self) -> int:
        """What may be appended before `append` drops, as far as the limit goes."""
        return max(0, self.limit_bytes - self.size_bytes)

    @property
    def oldest(self) -> Position:
        """Where the oldest record is that the spool still has, acknowledged or not."""
        first = next(iter(self._sizes))
        return Position(first, first, 0)

    def save_meta(self) -> None:
        """Writes `meta` so that it is there whole after a power loss. Raises OSError."""
        self.saving()()

    def saving(self) -> Callable[[], None]:
        """The same, of `meta` as it is now, as a job that may be done in any thread; it raises OSError."""
        return self.meta.saving(self.path)

    # ------------------------------------------------------------ writing

    def append(self, records: Sequence[WireRecord]) -> bool:
        """Appends records; without room, or with a full disk, they are dropped, counted, and the answer is False.

        Raises SpoolError behind the end, and when the spool is closed.
        """
        with self._guard:
            if self.has_end or self._is_closed:
                raise SpoolError(f"nothing can be written to {str(self.path)!r}: it is closed, or has its end")
            if self.room_bytes == 0:
                self._drop(len(records))
                return False
            self._say_dropped()
            is_stored = True
            for count, payload in frames.payloads(records):
                is_stored = self._append_some(count, payload) and is_stored
            return is_stored

    def append_end(self, exit_code: int | None, reason: str | None) -> None:
        """The last word: how the command ended. Nothing may follow. On a full disk it is kept in memory meanwhile."""
        with self._guard:
            self.has_end = True
            self._end = {"exit_code": exit_code, "reason": reason}
            self._say_end()

    def unsynced(self) -> Callable[[], None] | None:
        """A job that makes what was appended survive a power loss, None when there is nothing to do.

        It may take as long as the disk does, so it may be done in any thread, whatever becomes of the spool meanwhile.
        """
        with self._guard:
            files = [self._files[segment] for segment in self._unsynced] + [self._lock] * self._has_new_files
            self._unsynced.clear()
            self._has_new_files = False
            descriptors = [os.dup(file) for file in files]
        return partial(_sync, descriptors) if descriptors else None

    def _append_some(self, count: int, payload: bytes) -> bool:
        is_small_enough = HEADER_BYTES + len(payload) <= self.room_bytes
        if self._unsaid == 0 and is_small_enough and self._write_frame(RECORDS, count, payload):
            return True
        self._drop(count)
        return False

    def _drop(self, count: int) -> None:
        self._unsaid += count
        self.dropped += count
        self.next_seq += count

    def _say_dropped(self) -> None:
        """Puts the numbers of what was dropped into a frame of their own, once there is room for it."""
        count, self._unsaid = self._unsaid, 0
        if count:
            self.next_seq -= count
            if not self._write_frame(LOST, count, b""):
                self._unsaid = count
                self.next_seq += count

    def _say_end(self) -> None:
        self._say_dropped()
        if self._end is not None and self._unsaid == 0 and self._write_frame(END, 0, msgspec.msgpack.encode(self._end)):
            self._end = None

    def _write_frame(self, kind: int, count: int, payload: bytes) -> bool:
        """False: a full disk, as if nothing had been written; recovery cuts the rest off."""
        frame = frames.encoded(self.next_seq, count, kind, payload)
        try:
            segment = self._segment_to_write()
            size = self._sizes[segment]
            written = os.pwrite(self._files[segment], frame, size)
        except OSError:
            return False
        if written != len(frame):
            return False
        self._sizes[segment] = size + written
        self._size += written
        self.next_seq += count
        self._unsynced.add(segment)
        return True

    def _segment_to_write(self) -> int:
        segment = next(reversed(self._sizes))
        is_full = self._sizes[segment] >= self._segment_bytes and self.next_seq > segment
        return self._begin_segment() if is_full else segment

    def _begin_segment(self) -> int:
        segment = self.next_seq
        self._files[segment] = os.open(self._file(segment), os.O_RDWR | os.O_CREAT, 0o600)
        self._sizes[segment] = 0
        self._has_new_files = True
        return segment

    # ------------------------------------------------------------ reading

    def read(self, position: Position, limit_bytes: int = BATCH_BYTES) -> Batch | None:
        """The next batch from `position` on, of at most about `limit_bytes`; None where nothing follows.

        The end is the last batch, also where the disk has no room for it: ask no further.
        """
        with self._guard:
            return self._read(position, limit_bytes)

    def seek(self, seq: int) -> Position:
        """The place of a number, or the nearest before it that begins a frame or is known to be there."""
        with self._guard:
            candidates = [segment for segment in self._sizes if segment <= seq]
            place = Position(candidates[-1], candidates[-1], 0) if candidates else self.oldest
            for segment, offset, frame in self._frames(place.segment, 0):
                if frame.after > seq or frame.kind == END:
                    break
                place = Position(frame.after, segment, offset + frame.size)
            return place

    def acknowledge(self, position: Position) -> None:
        """What is before `position` is not needed any more."""
        with self._guard:
            for segment in [*self._sizes][:-1]:
                if segment >= position.segment:
                    return
                self._size -= self._sizes.pop(segment)
                self._unsynced.discard(segment)
                if segment in self._files:
                    os.close(self._files.pop(segment))
                self._file(segment).unlink(missing_ok=True)

    def _read(self, position: Position, limit_bytes: int) -> Batch | None:
        start, total = position.seq, 0
        records: list[WireRecord] = []
        end = None
        for segment, offset, frame in self._frames(position.segment, position.offset):
            # A jump in the numbers is a damaged file's end; what was lost goes before the records, never between them.
            is_continuous = frame.kind == RECORDS and frame.first == position.seq
            if records and not (is_continuous and total + frame.size <= limit_bytes):
                break
            position = Position(frame.after, segment, offset + frame.size)
            if frame.kind == RECORDS:
                records += msgspec.msgpack.decode(frame.payload)
                total += frame.size
            elif frame.kind == END:
                end = msgspec.msgpack.decode(frame.payload)
        if not records and end is None:  # what the disk has no room for is behind all that it has
            position, end = position._replace(seq=max(position.seq, self.next_seq)), self._end
        first = position.seq - len(records)
        if not records and first == start and end is None:
            return None
        return Batch(first, first - start, records, position, end)

    def _frames(self, segment: int, offset: int) -> Iterator[tuple[int, int, Frame]]:
        """The frames from a place on, with theirs; a damaged one ends its file."""
        for later in [each for each in self._sizes if each >= segment]:
            at = offset if later == segment else 0
            buffer, base = b"", at
            while at < self._sizes[later]:
                frame = frames.decoded(buffer, at - base)
                if frame is None:
                    buffer, base = self._frame_bytes(later, at), at
                    frame = frames.decoded(buffer, 0)
                if frame is None:
                    break
                yield later, at, frame
                at += frame.size

    def _frame_bytes(self, segment: int, at: int) -> bytes:
        """The frame at a place and some of what follows it; nothing where its length cannot be true."""
        descriptor = self._descriptor(segment)
        length = HEADER_BYTES + int.from_bytes(os.pread(descriptor, 4, at), "little")
        return os.pread(descriptor, max(_READ_BYTES, length), at) if at + length <= self._sizes[segment] else b""

    def _descriptor(self, segment: int) -> int:
        if segment not in self._files:
            self._files[segment] = os.open(self._file(segment), os.O_RDWR)
        return self._files[segment]

    def _file(self, segment: int) -> Path:
        return self.path / f"{segment:016d}.seg"

    # ------------------------------------------------------------ from one process to the next

    def _recover(self) -> None:
        for file in sorted(self.path.glob("*.seg")):
            self._sizes[int(file.stem)] = file.stat().st_size
        self._size = sum(self._sizes.values())
        if not self._sizes:
            self._begin_segment()
        last = next(reversed(self._sizes))
        self.next_seq, whole = last, 0
        for _, offset, frame in self._frames(last, 0):
            self.next_seq, whole = frame.after, offset + frame.size
            self.has_end = frame.kind == END
        if whole < self._sizes[last]:
            self.damage = f"the last {self._sizes[last] - whole} bytes of {self._file(last).name} are not whole"
            os.ftruncate(self._descriptor(last), whole)
            self._size -= self._sizes[last] - whole
            self._sizes[last] = whole
        self._descriptor(last)
        if self.meta.base is not None:  # else nothing was ever sent
            found = self.meta.found
            self.meta.found = self.next_seq if found is None else min(found, self.next_seq)
            with suppress(OSError):  # a full disk: what is there can be sent, and nothing is added to it
                self.save_meta()

    def close(self) -> None:
        """Lets go of the directory and leaves it as it is."""
        with self._guard:
            if not self._is_closed:
                self._say_end()
            self.abandon()

    def abandon(self) -> None:
        """Closes its files, as a forked child does at once."""
        if self._is_closed:
            return
        self._is_closed = True
        for descriptor in (*self._files.values(), self._lock):
            os.close(descriptor)
        self._files.clear()

    def remove(self) -> None:
        """Closes the spool and deletes it: everything is acknowledged."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)


def lock_directory(path: Path) -> int:
    """A descriptor that keeps a directory for this process. Raises SpoolError when another one has it."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(directory)
        raise SpoolError(f"the spool {str(path)!r} is in use by another process") from None
    return directory


def _sync(descriptors: Sequence[int]) -> None:
    try:
        for descriptor in descriptors:
            os.fdatasync(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
