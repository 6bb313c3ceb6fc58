"""The log service: its procedures, and its life between `open`, `bind` and `close`.

Who may do what: reading is judged as `read` on the stream's object, appending and
sealing as `write`. Reads and follows are tied to that right (`Call.hold`), so that
losing it ends them, whatever they are waiting for. A stream that the caller may not
read is answered as one that is not there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fairlead_logstream import notices
from fairlead_logstream.appender import Outcome, Request, Result
from fairlead_logstream.arguments import (
    CreateArguments,
    ListArguments,
    ReadArguments,
    ReaderArguments,
    SealArguments,
    append_arguments,
    check_id,
)
from fairlead_logstream.directory import Directory
from fairlead_logstream.errors import NoProgress, NoSuchStream, StoreFailed
from fairlead_logstream.follower import Follower
from fairlead_logstream.history import History, Place
from fairlead_logstream.listing import list_streams
from fairlead_logstream.live import LiveStream, Surroundings
from fairlead_logstream.reading import Reading
from fairlead_logstream.recent import Recent
from fairlead_logstream.records import decode_records, pieces
from fairlead_logstream.sinks import CallSink
from fairlead_logstream.sql_store import SqlStreamStore
from fairlead_logstream.store import StreamStore
from fairlead_logstream.stream import Append, Draft
from fairlead_logstream.tasks import Tasks
from fairlead_logstream.topics import TOPIC_PREFIX, StreamTopics, Topics
from fairlead_router import (
    PENDING,
    Call,
    InvalidArgument,
    Level,
    Member,
    NotAuthorized,
    Payload,
    Principal,
    Realm,
    RequestError,
)
from fairlead_store import StoreError

PRINCIPAL = Principal("fairlead.logstream", "service", "internal", "internal")

HEARTBEAT_S = 30.0
"""How often an idle follower is told the head, so that it knows that it is current."""

NewObject = Callable[[Principal, str, str | None], Awaitable[None]]
"""Called with the caller, an object id and a project (or None) before a stream is made. It makes the
object if there is none, which needs write on the project, leaves one that exists as it is, and raises
a RequestError to refuse."""


class LogService:
    """All streams of one realm. Create it with `open`, then `bind` it, and `close` it in the end."""

    def __init__(self, store: StreamStore, new_object: NewObject | None = None) -> None:
        self._store = store
        self._new_object = new_object
        self._tasks = Tasks()
        self._topics = Topics()
        self._surroundings = Surroundings(store, Recent(), self._topics, _clock_us)
        self._directory = Directory(self._surroundings)
        self._history = History(store, self._tasks)
        self._reading = Reading(self._history)
        self._member: Member | None = None
        self._heartbeat: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls, database_url: str, realm_name: str = "realm1", new_object: NewObject | None = None
    ) -> LogService:
        """Open or make the database and read the directory; raises StoreError."""
        return await cls.over(SqlStreamStore.open(database_url, realm_name), new_object)

    @classmethod
    async def over(cls, store: StreamStore, new_object: NewObject | None = None) -> LogService:
        """The same over any StreamStore, which the service closes in the end."""
        service = cls(store, new_object)
        try:
            await service._directory.load()
        except BaseException:
            await store.close()
            raise
        return service

    def bind(self, realm: Realm) -> None:
        """Join the realm: register the procedures and feed the topics."""
        member = self._member = realm.join(PRINCIPAL)
        for name in ("create", "append", "read", "follow", "list", "seal"):
            member.register(f"fairlead.log.{name}", getattr(self, name))
        self._topics.topics = member.serve_topics(TOPIC_PREFIX, StreamTopics(self._directory, self._history))
        self._beat()

    async def close(self) -> None:
        """Refuse what waits, finish and acknowledge what is being written, leave, close the store."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        await asyncio.gather(*[live.close() for live in self._directory])
        await self._tasks.close()
        if self._member is not None:
            self._topics.topics = None
            self._member.leave()
        await self._store.close()

    # ---- procedures

    async def create(self, call: Call) -> Result:
        """`fairlead.log.create`: make a stream, or say where it and a producer stand."""
        arguments = call.arguments(CreateArguments)
        name = check_id("stream", arguments.stream)
        object_id = None if arguments.object is None else check_id("object", arguments.object)
        live = self._directory.get(name)
        if live is None:
            live = await self._create(call, name, object_id or name, arguments)
        _require(call, "write", live)
        if object_id not in (None, live.stream.object_id):
            raise InvalidArgument(f"stream '{name}' belongs to object '{live.stream.object_id}', not '{object_id}'")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        apply = partial(_stand, live, arguments.producer, arguments.attempt)
        live.appender.submit(Request(apply, partial(_tell_future, future)))
        return await future

    def append(self, call: Call) -> Any:
        """`fairlead.log.append`: acknowledged when the records are durable."""
        arguments = append_arguments(call)
        assert arguments.stream is not None
        live = self._find(call, "write", arguments.stream)
        records = pieces(decode_records(arguments.records))
        append = Append(records, arguments.producer, arguments.term, arguments.seq, arguments.lost)
        live.appender.append(append, partial(_tell_call, call))
        return PENDING

    async def read(self, call: Call) -> Payload | Result:
        """`fairlead.log.read`: one page, waiting at the head if asked to."""
        arguments = call.arguments(ReadArguments)
        begin = arguments.begin()
        live = self._find(call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        place = self._history.place(live, begin)
        try:
            if place is None:
                place = await self._history.place_since(live, begin.since or 0)
            return await self._reading.answer(call, live, place, arguments)
        except StoreError as error:
            raise StoreFailed(str(error)) from error

    def follow(self, call: Call) -> Any:
        """`fairlead.log.follow`: everything from a place on, until the seal."""
        if not call.wants_progress:
            raise NoProgress(f"{call.procedure} answers with progressive results: call it with receive_progress")
        arguments = call.arguments(ReaderArguments)
        begin = arguments.begin()
        live = self._find(call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        place = self._history.place(live, begin)
        if place is None:
            return self._follow_since(call, live, begin.since or 0)
        self._follow(call, live, place)
        return PENDING

    async def list(self, call: Call) -> Payload:
        """`fairlead.log.list`: the streams that the caller may read."""
        return await list_streams(self._directory, call, call.arguments(ListArguments))

    def seal(self, call: Call) -> Any:
        """`fairlead.log.seal`: no more records, and how it ended; behind everything appended before."""
        arguments = call.arguments(SealArguments)
        live = self._find(call, "write", arguments.stream)
        apply = partial(_seal, arguments.exit_code, arguments.reason)
        live.appender.submit(Request(apply, partial(_tell_call, call)))
        return PENDING

    # ---- helpers

    async def _create(self, call: Call, name: str, object_id: str, arguments: CreateArguments) -> LiveStream:
        if self._new_object is not None:
            await self._new_object(call.caller.principal, object_id, arguments.project)
        if not call.caller.can("write", object_id):
            raise _not_authorized(call, "write", name)
        before = 1 if arguments.attempt is None else arguments.attempt - 1
        try:
            return await self._directory.create(name, object_id, before)
        except StoreError as error:
            raise StoreFailed(str(error)) from error

    def _find(self, call: Call, level: Level, name: str) -> LiveStream:
        """The stream, if the caller has this level on it. Raises NoSuchStream, NotAuthorized, InvalidArgument."""
        live = self._directory.get(check_id("stream", name))
        if live is None:
            if not call.caller.can(level, name):
                raise _not_authorized(call, level, name)
            raise NoSuchStream(f"there is no stream '{name}'", stream=name)
        _require(call, level, live)
        return live

    async def _follow_since(self, call: Call, live: LiveStream, time_us: int) -> Any:
        try:
            place = await self._history.place_since(live, time_us)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        self._follow(call, live, place)
        return PENDING

    def _follow(self, call: Call, live: LiveStream, place: Place) -> None:
        if not call.is_open:
            return
        follower = Follower(live, self._history, CallSink(call, live), place)
        call.on_end = lambda _reason: follower.end()
        call.on_writable = follower.resume
        follower.resume()

    def _beat(self) -> None:
        for live in list(self._surroundings.followed):
            live.beat()
        self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)


def _clock_us() -> int:
    return time.time_ns() // 1000


def _require(call: Call, level: Level, live: LiveStream) -> None:
    if not call.caller.can(level, live.stream.object_id):
        raise _not_authorized(call, level, live.stream.name)


def _not_authorized(call: Call, level: Level, name: str) -> NotAuthorized:
    who = call.caller.principal.authid
    return NotAuthorized(f"'{who}' may not {level} stream '{name}', or there is no such stream")


def _stand(live: LiveStream, producer: str | None, attempt: int | None, draft: Draft) -> Result:
    """Where a stream and a producer stand, after an attempt has begun if one is to."""
    if attempt is not None:
        draft.begin_attempt(attempt)
    known = draft.producer(producer)
    return {
        "epoch": live.stream.epoch,
        "next": draft.head,
        "producer_term": known.term,
        "producer_seq": known.seq,
        "attempt": draft.attempt,
        "sealed": notices.sealed_of(draft.sealed),
    }


def _seal(exit_code: int | None, reason: str | None, draft: Draft) -> Result:
    return {"next": draft.seal(exit_code, reason)}


def _tell_call(call: Call, outcome: Outcome) -> None:
    if isinstance(outcome, RequestError):
        call.abort(outcome)
    else:
        call.finish(outcome)


def _tell_future(future: asyncio.Future[Result], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, RequestError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
