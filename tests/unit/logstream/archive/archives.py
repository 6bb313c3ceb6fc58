"""Archives for tests: one in memory that breaks on demand, and a store that archives all that it is given."""

from __future__ import annotations

import asyncio

import msgspec

from fairlead_logstream import Archive, NotInArchive, StreamStore
from fairlead_logstream.archive.archived_store import ArchivedStreamStore
from fairlead_logstream.archive.segment_file import Source
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.model.rows import StreamKey, StreamRow
from fairlead_logstream.model.scan import Found, Scan
from unit.logstream.fakes import NOW_US


class MemoryArchive:
    """Files by name. `error` is raised by every call while it is set, and calls wait while `go` is not."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.gets: list[str] = []
        self.error: BaseException | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def put(self, name: str, data: bytes) -> str:
        await self._work()
        self.files[f"at/{name}"] = data
        return f"at/{name}"

    async def get(self, location: str) -> bytes:
        self.gets.append(location)
        await self._work()
        if location not in self.files:
            raise NotInArchive(location)
        return self.files[location]

    async def delete(self, location: str) -> None:
        await self._work()
        self.files.pop(location, None)

    async def close(self) -> None:
        """It stays, for another service."""

    async def _work(self) -> None:
        await self.go.wait()
        if self.error is not None:
            raise self.error


class ArchivingStore(ArchivedStreamStore):
    """All that is in it is in the archive when it is asked, in segments of so many batches."""

    def __init__(self, store: StreamStore, archive: Archive, segment_batches: int = 1_000) -> None:
        super().__init__(store, archive)
        self._segment_batches = segment_batches

    async def streams(self) -> list[StreamRow]:
        for row in await super().streams():
            await self._archive_all(StreamKey(row.id, row.epoch))
        return [msgspec.structs.replace(row, archived=0, version=0) for row in await super().streams()]

    async def read(self, key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        await self._archive_all(key)
        return await super().read(key, start, end, limit_bytes)

    async def tail_start(self, key: StreamKey, end: int, limit_count: int, limit_bytes: int) -> int:
        await self._archive_all(key)
        return await super().tail_start(key, end, limit_count, limit_bytes)

    async def batch_with_byte(self, key: StreamKey, end: int, offset: int) -> tuple[int, Batch] | None:
        await self._archive_all(key)
        return await super().batch_with_byte(key, end, offset)

    async def first_batch_since(self, key: StreamKey, time_us: int) -> Batch | None:
        await self._archive_all(key)
        return await super().first_batch_since(key, time_us)

    async def scan(self, key: StreamKey, asked: Scan) -> Found:
        await self._archive_all(key)
        return await super().scan(key, asked)

    async def size_between(self, key: StreamKey, start: int, end: int) -> int:
        await self._archive_all(key)
        return await super().size_between(key, start, end)

    async def _archive_all(self, key: StreamKey) -> None:
        await archive_all(self, key, self._segment_batches)


async def archive_all(store: ArchivedStreamStore, key: StreamKey, segment_batches: int) -> None:
    """Everything of a stream is in the archive now."""
    last = await store.archives.before(key, MAX_NUMBER)
    begin = 0 if last is None else last.next
    while outlines := await store.outlines(key, begin, segment_batches):
        assert await store.archive(Source(f"s{key.id}", "o", key.epoch), key, outlines, NOW_US) is not None
        begin = outlines[-1].next
