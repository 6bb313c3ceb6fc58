"""What the tests of the log service share: records, rights that change, peers that call, sinks that are slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fairlead_logstream import Archive, LogService, MemoryStreamStore, NewObject, StreamStore
from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live.follower import Follower
from fairlead_logstream.live.live_stream import LiveStream, Surroundings
from fairlead_logstream.live.recent import RECENT_LIMIT_BYTES, Recent
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.budget import NO_BUDGETS, Budgets
from fairlead_logstream.model.records import Record, decode_records, pieces
from fairlead_logstream.model.rows import Sealed, State, StreamRow
from fairlead_logstream.model.stream import Stream
from fairlead_router import Level, Match, Member, MemberEvent, Payload, Principal, Realm, RequestError, Router
from support.rights import Rights
from support.slow_peer import SlowPeer

NOW_US = 1_700_000_000_000_000


# ---- records


def wire_record(text: str | bytes, time_us: int = NOW_US, source: str = "stdout", flags: int = 0) -> list[Any]:
    """A record as a client sends it."""
    return [time_us, source, text, flags]


def lines(*texts: str) -> list[Record]:
    """Records with these texts, a microsecond apart."""
    return [Record(NOW_US + index, "stdout", text, 0) for index, text in enumerate(texts)]


def append_of(*texts: str, **about: Any) -> Append:
    """An append of these lines."""
    return Append(pieces(lines(*texts)), **about)


def batch_of(first: int, *texts: str, epoch: int = 7) -> Batch:
    """A batch of these lines."""
    (piece,) = pieces(lines(*texts))
    return Batch(first, piece.count, (piece.min_time_us, piece.max_time_us), epoch, 1000 + first, piece.data)


def texts_of(batches: list[Batch]) -> list[str]:
    """The texts of all records, in order."""
    return [record.text for batch in batches for record in decode_records(batch.records)]


# ---- a stream without a service


class SilentAudience:
    """Topics without members; remembers what would have been published."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.notices: list[Any] = []
        self.members = 0

    def batch(self, stream: Stream, batch: Batch) -> int:
        self.batches.append(batch)
        return self.members

    def hears(self, stream: Stream) -> bool:
        return self.members > 0

    def notice(self, stream: Stream, payload: Payload) -> None:
        self.notices.append(payload.args[0])

    def rebind(self, stream: Stream) -> None:
        """Nobody is to be judged."""


class StreamHarness:
    """One live stream over a store in memory."""

    def __init__(self, recent_bytes: int = RECENT_LIMIT_BYTES, store: MemoryStreamStore | None = None) -> None:
        self.store = store or MemoryStreamStore()
        self.audience = SilentAudience()
        self.surroundings = Surroundings(self.store, Recent(recent_bytes), self.audience, lambda: NOW_US)
        self.live: LiveStream

    async def start(self, name: str = "s", attempt: int = 1) -> LiveStream:
        """Make the stream, or find it again as after a restart."""
        row = await self.store.create(StreamRow(0, name, name, 7, NOW_US, State(attempt)))
        self.live = LiveStream(row, self.surroundings)
        return self.live

    async def append(self, *texts: str, **about: Any) -> Any:
        """Append and wait for what is told: the result, or the error."""
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.live.appender.append(append_of(*texts, **about), told.set_result)
        return await told


class SlowSink:
    """A sink with room for so many sends; remembers what it was sent."""

    def __init__(self, live: LiveStream, room: int = 1_000_000, *, merges: bool = True) -> None:
        self.live = live
        self.room = room
        self.merges = merges
        self.is_idle = False
        self.batches: list[Batch] = []
        self.notices: list[Any] = []
        self.sealed: Sealed | None = None
        self.error: RequestError | None = None
        self.follower: Follower | None = None

    @property
    def texts(self) -> list[str]:
        return texts_of(self.batches)

    def give(self, room: int) -> None:
        """There is room again."""
        self.room += room
        assert self.follower is not None
        self.follower.resume()

    def send_batch(self, batch: Batch) -> bool:
        if self._is_full():
            return False
        self.batches.append(batch)
        return True

    def send_notice(self, payload: Payload, position: int) -> bool:
        if self._is_full():
            return False
        self.notices.append(payload.args[0])
        return True

    def go_live(self, follower: Follower) -> None:
        self.live.join(follower)

    def end(self, sealed: Sealed) -> bool:
        if self._is_full():
            return False
        self.sealed = sealed
        return True

    def vanish(self, follower: Follower) -> None:
        self.fail(follower, no_such_stream(self.live.stream.name))

    def fail(self, follower: Follower, error: RequestError) -> None:
        self.error = error
        follower.end()

    def _is_full(self) -> bool:
        if self.room == 0:
            return True
        self.room -= 1
        self.is_idle = False
        return False


# ---- a service in a realm


class Peer:
    """A session in the realm that calls the log service."""

    def __init__(self, realm: Realm, authid: str) -> None:
        self.member: Member = realm.join(Principal(authid, "user"))
        self.events: dict[str, list[Any]] = {}

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The result's dict; raises CallError."""
        result = await self.member.call(f"fairlead.log.{name}", list(args), kwargs)
        assert result.kwargs == {}
        (value,) = result.args
        return value

    def follow(self, stream: str, **kwargs: Any) -> tuple[list[Any], asyncio.Future[Any]]:
        """What comes, and the final result's dict."""
        progress: list[Any] = []

        async def run() -> Any:
            result = await self.member.call(
                "fairlead.log.follow", [stream], kwargs, on_progress=lambda args, _kwargs: progress.append(args[0])
            )
            return result.args[0]

        final = asyncio.ensure_future(run())
        final.add_done_callback(lambda future: future.cancelled() or future.exception())  # few tests wait for it
        return progress, final

    async def watch(self, topic: str = "fairlead.directory.", match: Match = "prefix") -> list[Any]:
        """What becomes of the streams of the directory, from now on: (change, stream) each."""
        changes: list[Any] = []

        def add(event: MemberEvent) -> None:
            assert event.kwargs == {}
            (entry,) = event.args
            changes.append((entry["change"], entry["stream"]))

        await self.member.subscribe(topic, add, match=match)
        return changes

    async def subscribe(self, stream: str) -> list[MemberEvent]:
        """The events of a stream's topic, from now on."""
        events: list[MemberEvent] = []
        await self.member.subscribe(f"fairlead.stream.{stream}", events.append)
        return events


class LogPeer(SlowPeer):
    """One that reads logs."""

    def subscribe(self, stream: str, **options: Any) -> None:
        self.subscribe_to(f"fairlead.stream.{stream}", **options)

    def follow(self, stream: str, **kwargs: Any) -> None:
        self.call("fairlead.log.follow", stream, **kwargs)


class ServiceHarness:
    """A log service in a realm of its own."""

    def __init__(self, rights: Rights | None = None) -> None:
        self.rights = rights or Rights()
        self.router = Router()
        self.realm = self.router.add_realm("realm1", authorizer=self.rights)
        self.logs: LogService

    @classmethod
    @asynccontextmanager
    async def over(cls, store: StreamStore) -> AsyncIterator[ServiceHarness]:
        """One that is closed whatever happens, as when hypothesis ends an example early."""
        harness = cls()
        await harness.start(store)
        try:
            yield harness
        finally:
            await harness.close()

    async def start(
        self,
        store: StreamStore,
        new_object: NewObject | None = None,
        budgets: Budgets = NO_BUDGETS,
        *,
        archive: Archive | None = None,
    ) -> None:
        self.logs = await LogService.over(store, new_object, budgets, archive=archive)
        self.logs.bind(self.realm)

    def slow_peer(self, authid: str = "alice") -> LogPeer:
        return LogPeer(self.realm, authid)

    def peer(self, authid: str = "alice") -> Peer:
        return Peer(self.realm, authid)

    def revoke(self, authid: str, level: Level, object_id: str) -> None:
        """Take a right away, as the permission service does it."""
        self.rights.granted.discard((authid, level, object_id))
        self.realm.gate.revoke(principals=[authid])

    async def close(self) -> None:
        await self.logs.close()
        await self.router.close()


def records_of(dicts: list[Any]) -> list[Any]:
    """All records of some batch dicts, checked to be contiguous where nothing says otherwise."""
    found: list[Any] = []
    expected: int | None = None
    for value in dicts:
        if "lagged" in value:
            expected = value["lagged"]["to"]
        if "records" in value:
            assert expected in (None, value["first"]), f"expected {expected}: {value}"
            assert value["next"] == value["first"] + len(value["records"])
            expected = value["next"]
            found += value["records"]
    return found
