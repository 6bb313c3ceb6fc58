"""The appender of a stream: one write in flight, and all that arrives meanwhile goes with the next.

Numbers are given when the write is put together, in the order of arrival, so there is
one sequence whoever appends. After the commit, in one turn of the event loop: the head
moves, the records are delivered live, the requests are acknowledged. If the commit
fails, nothing has changed and each request of that write is told so.

Where servers share the store, the commit may find that another one has changed the stream
(MovedOn). Then what it has stored is adopted and delivered first, and the same requests are
tried again on what the stream is by then. Also what stores nothing, a refusal or a
repetition, is told only when the store says that the stream was as we knew it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple, Protocol

from fairlead_common.counting import count
from fairlead_common.errors import Busy, StoreFailed
from fairlead_common.outcomes import Outcome, Result, tell_all
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.budget import Budgets
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.rows import Change
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.store.stream_store import MovedOn, StreamStore
from fairlead_router import RequestError, new_id
from fairlead_store import StoreError

WAITING_LIMIT_BYTES = 8 << 20
"""Records that wait for one stream's write: a second of the fastest writer. Who sends more
without waiting for acknowledgements is told to."""

WRITE_LIMIT_BYTES = 1 << 20
"""Records of one stream in one write, so that a busy stream doesn't hold up the others' commit."""

LOSSES_LIMIT = 3
"""So often another server may have been quicker before a write claims the stream: one that writes all the time always
is, and one that writes now and then loses once."""

_log = logging.getLogger(__name__)


class Request:
    """Something asked of a stream: `apply` does it to a draft, `tell` is called once with what came of it."""

    __slots__ = ("apply", "size", "tell")

    def __init__(self, apply: Callable[[Draft], Result], tell: Callable[[Outcome], None], size: int = 0) -> None:
        self.apply = apply
        self.tell = tell
        self.size = size


class _Step(NamedTuple):
    """A write in flight: what it makes durable, who is told what then, and when it began."""

    change: Change
    draft: Draft
    told: list[tuple[Request, Outcome]]
    begun_s: float


class Durable(Protocol):
    """What follows a durable change, in the same turn and before it is acknowledged."""

    def moved(self, change: Change) -> None:
        """The stream has adopted the change."""
        ...

    async def catch_up(self) -> None:
        """Another server may have changed the stream: adopt that. Raises StoreError, NoSuchStream."""
        ...


class Appender:
    """The queue of one stream's requests."""

    def __init__(
        self,
        stream: Stream,
        store: StreamStore,
        durable: Durable,
        clock_us: Callable[[], int],
        budgets: Budgets,
        counters: LogCounters,
    ) -> None:
        self._stream = stream
        self._store = store
        self._durable = durable
        self._clock_us = clock_us
        self._budgets = budgets
        self._counters = counters
        self._waiting: deque[Request] = deque()
        self._waiting_bytes = 0
        self._is_busy = False
        self._closed_because: RequestError | None = None
        self._in_flight: asyncio.Future[Any] | None = None
        self._behind: asyncio.Future[RequestError | None] | None = None
        self._losses = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being written, and nothing waits."""
        return not self._is_busy

    @property
    def waiting_bytes(self) -> int:
        """Of records that wait for the next write."""
        return self._waiting_bytes

    def append(self, append: Append, tell: Callable[[Outcome], None]) -> None:
        """Queue records; raises Busy."""
        self._counters.appends += 1
        self._stream.offered(append)
        self.submit(Request(partial(_append, append, self._stream.epoch), tell, append.size))

    def submit(self, request: Request) -> None:
        """Queue a request; raises Busy, and once it is closed why."""
        if self._closed_because is not None:
            raise self._closed_because
        if self._waiting_bytes + request.size > WAITING_LIMIT_BYTES:
            count(self._counters.refused, Busy.uri)
            raise Busy(
                f"{self._waiting_bytes} bytes wait for stream '{self._stream.name}' already: wait for acknowledgements",
                limit_bytes=WAITING_LIMIT_BYTES,
            )
        self._waiting.append(request)
        self._waiting_bytes += request.size
        if not self._is_busy:
            self._go_on()

    async def close(self, error: RequestError) -> None:
        """Start no more writes and refuse what waits; return when the one in flight has been told."""
        self._closed_because = error
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        self._tell([(request, error) for request in waiting])
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
        if self._behind is not None and not self._behind.done():
            self._behind.set_result(error)

    def catch_up(self) -> asyncio.Future[RequestError | None]:
        """Another server has changed the stream: the future says when that is adopted, or why it cannot be."""
        if self._behind is None:
            self._behind = asyncio.get_running_loop().create_future()
        behind = self._behind
        if self._closed_because is not None and not behind.done():
            behind.set_result(self._closed_because)
        elif not self._is_busy:
            self._go_on()
        return behind

    def _go_on(self) -> None:
        """Start what comes next: adopting what another server did, loading who has written, writing."""
        self._is_busy = True
        if self._behind is not None and self._closed_because is None:
            behind, self._behind = self._behind, None
            self._prepare(self._durable.catch_up(), behind)
        elif self._waiting and self._stream.producers is None:
            self._prepare(self._load_producers())
        else:
            self._write_next()

    def _write_next(self) -> None:
        """Start the next write, if anything that waits needs one."""
        while self._waiting:
            group = self._take()
            try:
                if self._write(group):
                    return
            except Exception as error:  # noqa: BLE001 - a mistake of ours, and the draft may be half of what was asked
                self._fail(group, error)
        self._is_busy = False
        self._in_flight = None

    def _write(self, group: list[Request]) -> bool:
        """Start the write of these; False: it took none, they are told."""
        draft = Draft(self._stream, self._clock_us(), self._budgets)
        told = [(request, _outcome(request, draft)) for request in group]
        if draft.is_empty and self._store.sharing is None:
            self._tell(told)
            return False
        change = draft.change(new_id, claims=self._losses >= LOSSES_LIMIT)
        write = self._in_flight = self._store.write(change)
        begun_s = asyncio.get_running_loop().time()
        write.add_done_callback(partial(self._written, _Step(change, draft, told, begun_s)))
        return True

    def _take(self) -> list[Request]:
        """Requests for one write, in order."""
        group: list[Request] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0].size <= WRITE_LIMIT_BYTES):
            request = self._waiting.popleft()
            size += request.size
            group.append(request)
        self._waiting_bytes -= size
        return group

    def _written(self, step: _Step, write: asyncio.Future[None]) -> None:
        error = write.exception()
        if error is None:
            self._losses = 0
            self._count(step)
            self._stream.adopt(step.change, step.draft.head)
            step.draft.settle()
            self._deliver(step.change)
            self._tell(step.told)
            self._go_on()
        elif isinstance(error, MovedOn):
            self._losses += 1
            self._again([request for request, _ in step.told])
        else:
            # What was refused for the state after this write was refused for nothing: all of them try again.
            self._counters.writes_failed += 1
            self._fail([request for request, _ in step.told], error)
            self._go_on()

    def _count(self, step: _Step) -> None:
        if step.change.is_empty:
            return
        counters, draft = self._counters, step.draft
        counters.writes += 1
        counters.records += draft.head - self._stream.head
        counters.record_bytes += sum(batch.size for batch in step.change.batches)
        counters.dropped_records += draft.dropped.records
        counters.dropped_bytes += draft.dropped.bytes
        counters.commits.add(asyncio.get_running_loop().time() - step.begun_s)

    def _deliver(self, change: Change) -> None:
        """It is durable, and acknowledged whatever becomes of the delivery: who has missed it reads it."""
        try:
            self._durable.moved(change)
        except Exception:  # noqa: BLE001 - logged whole
            _log.exception("what was written to stream %r was not delivered", self._stream.name)

    def _fail(self, requests: list[Request], error: BaseException) -> None:
        failure = self._explained(error)
        self._tell([(request, failure) for request in requests])

    def _again(self, requests: list[Request]) -> None:
        """These were made of an old state: they come first when it is the newest."""
        if self._closed_because is not None:
            self._tell([(request, self._closed_because) for request in requests])
            return
        self._waiting.extendleft(reversed(requests))
        self._waiting_bytes += sum(request.size for request in requests)
        self.catch_up()
        self._go_on()

    def _explained(self, error: BaseException) -> RequestError:
        if isinstance(error, RequestError):
            return error
        if not isinstance(error, StoreError):
            _log.error("the store failed to write stream %r", self._stream.name, exc_info=error)
        return StoreFailed(f"stream '{self._stream.name}' was not written: {error}")

    def _tell(self, told: list[tuple[Request, Outcome]]) -> None:
        tell_all(told, self._counters.refused)

    # ---- what must be there before the next write

    async def _load_producers(self) -> None:
        self._stream.producers = await self._store.producers(self._stream.id)

    def _prepare(
        self, work: Coroutine[Any, Any, None], behind: asyncio.Future[RequestError | None] | None = None
    ) -> None:
        task = self._in_flight = asyncio.ensure_future(work)
        task.add_done_callback(partial(self._prepared, behind))

    def _prepared(self, behind: asyncio.Future[RequestError | None] | None, task: asyncio.Future[None]) -> None:
        """Go on; or, if it failed, what waits fails with it."""
        error = task.exception()
        failure = None if error is None else self._explained(error)
        if behind is not None and not behind.done():
            behind.set_result(failure)
        if failure is not None:
            group, self._waiting, self._waiting_bytes = list(self._waiting), deque(), 0
            self._tell([(request, failure) for request in group])
        if failure is None or self._waiting or self._behind is not None:
            self._go_on()
        else:
            self._is_busy = False


def _append(append: Append, epoch: int, draft: Draft) -> Result:
    first, following, dropped = draft.append(append)
    result: Result = {"first": first, "next": following, "epoch": epoch}
    if dropped.records or dropped.bytes:
        result["truncated"] = {"records": dropped.records, "bytes": dropped.bytes, "reason": dropped.reason}
    return result


def _outcome(request: Request, draft: Draft) -> Outcome:
    try:
        return request.apply(draft)
    except RequestError as error:
        return error
