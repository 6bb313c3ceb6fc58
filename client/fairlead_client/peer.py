"""A peer that stays: plain publish, subscribe, register and call on a session that is opened again whenever it is lost.

Subscriptions and registrations are made again in each new session, and what was published meanwhile is handed on from
the event history of the topics that keep one (keeping.py). Calls and publications made while there is no session fail
at once, wait for as long as their caller says, or (publications only) queue.

The modules `asyncio` and `twisted` have a `Peer` that brings its connection; this one is the same on both.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

from autobahn.wamp.types import PublishOptions, RegisterOptions

from fairlead_client.autobahn_requests import ask
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.errors import CallFailed, QueueFull, Refused, Unreachable
from fairlead_client.keeping import Registration, Subscription, Wanted, restore
from fairlead_client.merging import Event, Merger, RecentIds
from fairlead_client.runtime import Runtime, Sessions, Task
from fairlead_client.waiting import Waiting

# Autobahn declares no types for these.
_PublishOptions: Any = PublishOptions
_RegisterOptions: Any = RegisterOptions

# Publications that wait for a session: an outage of some minutes at a few a second.
QUEUE_LIMIT = 1_000

log = logging.getLogger(__name__)

OnRefused = Callable[[Subscription | Registration, CallFailed], object]


class _Publication(NamedTuple):
    """One that waits for a session."""

    topic: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Any


class Peer:
    """See the module. `start` it, and `stop` it in the end."""

    def __init__(
        self, sessions: Sessions, *, on_refused: OnRefused | None = None, queue_limit: int = QUEUE_LIMIT
    ) -> None:
        self.refusal: Refused | None = None
        """Why the router will have no session of ours ever again."""
        self._sessions = sessions
        self._runtime: Runtime = sessions.runtime
        self._on_refused = on_refused
        self._kept: list[Subscription | Registration] = []
        self._queue: deque[_Publication] = deque()
        self._queue_limit = queue_limit
        self._own = RecentIds()
        self._session: AutobahnSession | None = None
        self._is_stopped = False
        self._waiting = Waiting(self._runtime)
        self._staying: Task | None = None
        self._of_session: list[Task] = []
        self._queued_bell = self._runtime.wakeup()

    # ---- what a program calls ----

    async def subscribe(
        self,
        topic: str,
        on_event: Callable[[Event], object],
        *,
        match: str = "exact",
        fill: bool = True,
        on_resumed: Callable[[Subscription], object] | None = None,
        wait_s: float | None = None,
    ) -> Subscription:
        """Have each event handed to a function, in order, across sessions. Raises CallFailed when refused now.

        After a loss, `fill` asks the topic's history for what was missed; then `on_resumed` is called, and the
        subscription's `resumed` says whether that was all. `wait_s` bounds how long to wait for a session.
        """
        wanted = Wanted(topic, on_event, match, fill, on_resumed)
        subscription = Subscription(self._runtime, wanted, Merger(self._own))
        await self._keep(subscription, wait_s)
        return subscription

    async def register(
        self,
        procedure: str,
        endpoint: Callable[..., Any],
        *,
        options: Any = None,
        force_reregister: bool = False,
        wait_s: float | None = None,
    ) -> Registration:
        """Offer a procedure, across sessions, to a function as Autobahn has them. Raises CallFailed when refused now.

        `options` are Autobahn's RegisterOptions. `force_reregister` takes the procedure from whoever has it: from a
        session of ours, too, whose end the router has not noticed.
        """
        if force_reregister:
            options = _RegisterOptions() if options is None else copy(options)
            options.force_reregister = True
        registration = Registration(self._runtime, procedure, endpoint, options)
        await self._keep(registration, wait_s)
        return registration

    async def end(self, kept: Subscription | Registration) -> None:
        """Unsubscribe or unregister, for good; a second time does nothing. Raises CallFailed."""
        if kept in self._kept:
            self._kept.remove(kept)
            await kept.end()

    async def call(
        self,
        procedure: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        options: Any = None,
        wait_s: float = 0.0,
    ) -> Any:
        """The result, as Autobahn gives it. Raises CallFailed, and Unreachable without a session or when it is lost.

        A call that was lost with its session is not made again: it may have been performed. `options` are Autobahn's
        CallOptions; who stops waiting cancels the call.
        """
        session = (await self._open_session(wait_s)).session
        return await ask(self._runtime, lambda: session.call(procedure, *args, options=options, **(kwargs or {})))

    async def publish(
        self,
        topic: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        options: Any = None,
        wait_s: float = 0.0,
    ) -> int | None:
        """Publish, and wait for the acknowledgement; returns the publication's id. Raises CallFailed, Unreachable.

        `options` are Autobahn's PublishOptions; without `acknowledge` in them there is neither waiting nor an id.
        """
        session = await self._open_session(wait_s)
        return await self._publish(session, _Publication(topic, args, kwargs or {}, options))

    def enqueue(
        self, topic: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, *, options: Any = None
    ) -> None:
        """Publish as soon as there is a session, after what was queued before. Raises QueueFull.

        One whose acknowledgement is lost with the session is published again; one that is refused is logged.
        """
        if len(self._queue) >= self._queue_limit:
            raise QueueFull(f"{self._queue_limit} publications wait for a session already")
        self._queue.append(_Publication(topic, args, kwargs or {}, options))
        self._queued_bell.set()

    @property
    def is_joined(self) -> bool:
        """Whether there is a session now."""
        return self._session is not None and self._session.is_open

    @property
    def queued(self) -> int:
        """How many publications wait."""
        return len(self._queue)

    def start(self) -> None:
        """Begins to open sessions."""
        self._is_stopped = False
        self._staying = self._runtime.spawn(self._stay())

    def stop(self) -> None:
        """Ends what goes on, and who waits for a session hears so; the session is its connection's to end."""
        self._is_stopped = True
        self._session_is_over()
        if self._staying is not None:
            self._staying.cancel()
        self._waiting.ring()

    # ---- sessions ----

    async def _stay(self) -> None:
        """One session after the other; in each, all that is kept is made again."""
        while True:
            try:
                session = await self._sessions.session()
            except Refused as error:
                self.refusal = error
                self._waiting.ring()
                return
            assert isinstance(session, AutobahnSession)
            over = self._runtime.wakeup()
            session.on_end(over.set)
            self._session = session
            jobs = [restore(self._runtime, kept, session, self._on_refused) for kept in self._kept]
            self._of_session = [self._runtime.spawn(job) for job in [*jobs, self._drain(session)]]
            self._waiting.ring()
            while session.is_open:
                await over.wait()
            self._session_is_over()

    def _session_is_over(self) -> None:
        self._session = None
        for task in self._of_session:
            task.cancel()
        self._of_session.clear()
        for kept in self._kept:
            kept.lost()

    async def _open_session(self, wait_s: float | None) -> AutobahnSession:
        """Raises Unreachable when there is none in time, Refused when there will be none."""
        deadline_s = None if wait_s is None else self._runtime.time_s() + wait_s
        while True:
            if self._session is not None and self._session.is_open:
                return self._session
            if self.refusal is not None:
                raise self.refusal
            if self._is_stopped:
                raise Unreachable("the peer is closed")
            left_s = None if deadline_s is None else deadline_s - self._runtime.time_s()
            if left_s is not None and left_s <= 0:
                raise Unreachable("there is no session with the router now")
            await self._waiting.wait(left_s)

    async def _keep(self, kept: Subscription | Registration, wait_s: float | None) -> None:
        """Makes it, in this session or the next, and from then on in each."""
        while True:
            session = await self._open_session(wait_s)
            try:
                await kept.make(session)
            except Unreachable:
                continue
            except BaseException:  # refused, or nobody waits for it any more
                self._runtime.spawn(kept.end())
                raise
            break
        self._kept.append(kept)

    async def _publish(self, session: AutobahnSession, publication: _Publication) -> int | None:
        topic, args, kwargs, options = publication
        options = _PublishOptions(acknowledge=True) if options is None else options
        published = await ask(self._runtime, lambda: session.session.publish(topic, *args, options=options, **kwargs))
        if published is None:
            return None
        if options.exclude_me is not False:
            self._own.add(published.id)
        return int(published.id)

    async def _drain(self, session: AutobahnSession) -> None:
        """Publishes what is queued, one after the other: each is acknowledged before it leaves the queue."""
        while session.is_open:
            while self._queue:
                try:
                    await self._publish(session, self._queue[0])
                except Unreachable:
                    return  # the next session's
                except CallFailed as error:
                    log.warning("a queued publication to %s was refused: %s", self._queue[0].topic, error)
                self._queue.popleft()
            await self._queued_bell.wait()
