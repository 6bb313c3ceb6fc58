"""The ledger: the one way in which records change. One group is being written, what arrives meanwhile makes the next.

Requests are applied in the order of their arrival to one draft, so each sees what the ones before it did, whoever asked
for it. After the commit, in one turn of the event loop: the table adopts the changes, the listeners are told of all of
them, the requests are told what came of them. If the commit fails nothing has changed, and every request of the group
is told so.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from fairlead_common.counting import count
from fairlead_common.errors import Busy, StoreFailed
from fairlead_common.outcomes import Outcome, Result, tell_all
from fairlead_common.shares import Shares
from fairlead_records.counters import RecordCounters
from fairlead_records.live.answers import Answers
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change
from fairlead_records.model.table import Table
from fairlead_records.store.record_store import Answer, Group, RecordStore
from fairlead_router import RequestError
from fairlead_store import StoreError

WAITING_LIMIT_BYTES = 32 << 20
"""Of requests that wait for the group that is being written: some seconds of the fastest writer. Who sends more without
waiting for answers is told to."""

SESSION_LIMIT_BYTES = 8 << 20
"""A session's part of that, with what is being written: a quarter, so that no one of them keeps the others out."""

GROUP_LIMIT_CHANGES = 2_000
"""In one transaction, and in one turn of the loop when it is durable: some 20 ms."""

GROUP_LIMIT_BYTES = 4 << 20
"""Of records that one transaction makes: a small patch of a large record makes all of it anew."""

_log = logging.getLogger(__name__)

Listener = Callable[[Sequence[Change]], None]


class Request(msgspec.Struct, frozen=True, eq=False):
    """Something asked of the records: `apply` does it to a draft, `tell` is called once with what came of it.

    `apply` may raise a RequestError: what it did until then is taken back. With a `key` (of the principal that asks) it
    is done at most once: a repeated request gets the first one's result.
    """

    apply: Callable[[Draft], Result]
    tell: Callable[[Outcome], None]
    size: int = 0
    """Bytes, for what may wait."""
    key: tuple[str, str] | None = None
    """Who asks, and the key."""
    session_id: int | None = None
    """Whose share of what may wait it takes; None: nobody's, the service itself asks."""


class _Step(NamedTuple):
    """A group in flight: what it makes durable, and who is told what then."""

    draft: Draft
    group: Group
    told: list[tuple[Request, Outcome]]
    begun_s: float


class Ledger:
    """The records of one realm and the queue of their changes."""

    def __init__(
        self,
        table: Table,
        store: RecordStore,
        answers: Answers,
        clock_us: Callable[[], int],
        counters: RecordCounters,
    ) -> None:
        self.table = table
        self.answers = answers
        self.clock_us = clock_us
        self.counters = counters
        self._store = store
        self._listeners: tuple[Listener, ...] = ()
        self._waiting: deque[Request] = deque()
        self._waiting_bytes = 0
        self._shares = Shares(SESSION_LIMIT_BYTES, counters.refused)
        self._in_flight: asyncio.Future[None] | None = None
        self._is_busy = False
        self._closed_because: RequestError | None = None

    def listen(self, listener: Listener) -> None:
        """Call this with the changes of each group, in the turn in which it is durable, before it is acknowledged."""
        self._listeners = (*self._listeners, listener)

    def submit(self, request: Request) -> None:
        """Queue a request; raises Busy, and once it is closed why."""
        if self._closed_because is not None:
            raise self._closed_because
        if self._waiting_bytes + request.size > WAITING_LIMIT_BYTES:
            count(self.counters.refused, Busy.uri)
            raise Busy(
                f"{self._waiting_bytes} bytes of changes wait already: wait for answers",
                limit_bytes=WAITING_LIMIT_BYTES,
            )
        if request.session_id is not None:
            self._shares.take(request.session_id, request.size)
        self._waiting.append(request)
        self._waiting_bytes += request.size
        if not self._is_busy:
            self._write_next()

    async def perform(self, apply: Callable[[Draft], Result], key: tuple[str, str] | None = None) -> Result:
        """Have this done and wait for it. Raises a RequestError."""
        outcome = await self._outcome_of(apply, key)
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    async def settled(self) -> None:
        """Returns when everything that was submitted before is durable and delivered, or has failed."""
        if self._is_busy:
            await self._outcome_of(lambda draft: {})

    @property
    def waiting_bytes(self) -> int:
        """Of requests that wait for the next write."""
        return self._waiting_bytes

    async def close(self) -> None:
        """Start no more writes and refuse what waits; return when the one in flight has been told."""
        self._closed_because = StoreFailed("the record service is closing: send it again when it is back")
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        self._tell([(request, self._closed_because) for request in waiting])
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])

    async def _outcome_of(self, apply: Callable[[Draft], Result], key: tuple[str, str] | None = None) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.submit(Request(apply, partial(_resolve, future), key=key))
        return await asyncio.shield(future)

    def _write_next(self) -> None:
        """Start the next write, if anything that waits needs one."""
        self._is_busy = True
        while self._waiting:
            draft = Draft(self.table, self.clock_us())
            told, group = self._apply_waiting(draft)
            if draft.changes:
                self._write(_Step(draft, group, told, asyncio.get_running_loop().time()))
                return
            self._tell(told)
        self._in_flight = None
        self._is_busy = False

    def _write(self, step: _Step) -> None:
        try:
            write = self._in_flight = self._store.write(step.group)
        except StoreError as error:
            write = self._in_flight = asyncio.get_running_loop().create_future()
            write.set_exception(error)
        write.add_done_callback(partial(self._written, step))

    def _apply_waiting(self, draft: Draft) -> tuple[list[tuple[Request, Outcome]], Group]:
        told: list[tuple[Request, Outcome]] = []
        fresh: dict[tuple[str, str], Answer] = {}
        while self._waiting and len(draft.changes) < GROUP_LIMIT_CHANGES and draft.size < GROUP_LIMIT_BYTES:
            request = self._waiting.popleft()
            self._waiting_bytes -= request.size
            told.append((request, self._outcome(request, draft, fresh)))
        return told, Group(draft.changes, list(fresh.values()))

    def _outcome(self, request: Request, draft: Draft, fresh: dict[tuple[str, str], Answer]) -> Outcome:
        mark = draft.mark()
        try:
            if request.key is None:
                return request.apply(draft)
            return self._once(request, request.key, draft, fresh)
        except RequestError as error:
            draft.rollback(mark)
            return error
        except Exception:  # noqa: BLE001 - a mistake of ours: logged whole, and no reason to refuse the others
            _log.exception("a change of records failed")
            draft.rollback(mark)
            return StoreFailed("the record service failed; the server's log says why")

    def _once(
        self, request: Request, key: tuple[str, str], draft: Draft, fresh: dict[tuple[str, str], Answer]
    ) -> Result:
        known = self.answers.get(*key)
        if known is None and key in fresh:
            known = msgspec.json.decode(fresh[key].result)
        if known is not None:
            return known
        mark = draft.mark()
        result = request.apply(draft)
        if draft.mark() > mark:  # what changed nothing may be done again
            fresh[key] = Answer(*key, msgspec.json.encode(result), draft.now_us)
        return result

    def _written(self, step: _Step, write: asyncio.Future[None]) -> None:
        error = write.exception()
        if error is None:
            self.counters.add_group(len(step.draft.changes), asyncio.get_running_loop().time() - step.begun_s)
            self.table.adopt(step.draft.changes)
            self.answers.adopt(step.group.answers)
            self._deliver(step.draft.changes)
            self._tell(step.told)
        else:
            # What was refused for the state after this write was refused for nothing: all of them try again.
            self.counters.writes_failed += 1
            failure = _explained(error)
            self._tell([(request, failure) for request, _ in step.told])
        self._write_next()

    def _deliver(self, changes: Sequence[Change]) -> None:
        """It is durable, and acknowledged whatever becomes of the delivery."""
        for listener in self._listeners:
            try:
                listener(changes)
            except Exception:  # noqa: BLE001 - logged whole
                _log.exception("changes of records were not delivered")

    def _tell(self, told: Sequence[tuple[Request, Outcome]]) -> None:
        for request, _ in told:
            if request.session_id is not None:
                self._shares.give_back(request.session_id, request.size)
        tell_all(told, self.counters.refused)


def _resolve(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


def _explained(error: BaseException) -> RequestError:
    if not isinstance(error, StoreError):
        _log.error("the store failed to write records", exc_info=error)
    return StoreFailed(f"nothing was stored: {error}")
