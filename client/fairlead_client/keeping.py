"""What a peer keeps across sessions: its subscriptions and registrations.

Each is made anew in every session. One that is refused is told of, and tried again while the reason may pass: a
registration that another callee holds, perhaps a session of ours whose end the router has not noticed yet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from fairlead_client import autobahn_requests
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.backoff import Backoff
from fairlead_client.errors import PASSING, CallFailed, Unreachable
from fairlead_client.merging import Event, Merger
from fairlead_client.runtime import Runtime
from fairlead_client.shield import shielded

PROCEDURE_ALREADY_EXISTS = "wamp.error.procedure_already_exists"
WORTH_ANOTHER_ATTEMPT = PASSING | {PROCEDURE_ALREADY_EXISTS}


class Kept(ABC):
    """What outlives its session."""

    def __init__(self, runtime: Runtime) -> None:
        self.refusal: CallFailed | None = None
        """Why the router would not have it again, until it has; then None."""
        self.is_wanted = True
        self._runtime = runtime
        self._made: Any = None

    @property
    def is_active(self) -> bool:
        """Whether the router knows it now."""
        return self._made is not None

    @abstractmethod
    async def make(self, session: AutobahnSession) -> None:
        """Makes it in a new session. Raises CallFailed or Unreachable."""

    def lost(self) -> None:
        """The session is over."""
        self._made = None

    async def end(self) -> None:
        """Takes it back, where there is a session; nothing comes from here on. Raises CallFailed."""
        self.is_wanted = False
        made, self._made = self._made, None
        if made is not None:
            try:
                await autobahn_requests.ask(self._runtime, partial(self._take_back, made))
            except Unreachable:
                return  # it was the end of this, too

    @abstractmethod
    def _take_back(self, made: Any) -> Any:
        """UNSUBSCRIBE or UNREGISTER, as Autobahn has it."""


class Wanted(NamedTuple):
    """A subscription as a program wants it: see `Peer.subscribe`."""

    topic: str
    on_event: Callable[[Event], object]
    match: str = "exact"
    fill: bool = True
    on_resumed: Callable[[Subscription], object] | None = None


class Subscription(Kept):
    """A subscription that outlives its session. Made by `Peer.subscribe`."""

    def __init__(self, runtime: Runtime, wanted: Wanted, merger: Merger) -> None:
        super().__init__(runtime)
        self.wanted = wanted
        self.resumed: bool | None = None
        """Whether all that was published while the last session was lost has been handed on; None before any loss."""
        self._merger = merger
        self._id = 0
        self._has_been_made = False

    async def make(self, session: AutobahnSession) -> None:
        """SUBSCRIBE, then what was missed, then what has come meanwhile."""
        if self.wanted.fill:
            self._merger.hold()
        self._made = await autobahn_requests.subscribe(
            self._runtime, session, self.wanted.topic, self.wanted.match, self._on_live
        )
        self._id = self._made.id
        is_first, self._has_been_made = not self._has_been_made, True
        if is_first:
            await self._anchor(session)
        else:
            await self._catch_up(session)
        self._hand_on(self._merger.release())

    def _take_back(self, made: Any) -> Any:
        return made.unsubscribe()

    def _on_live(self, event: Event) -> None:
        self._hand_on(self._merger.live(event))

    async def _anchor(self, session: AutobahnSession) -> None:
        """Where the history ends now: a loss may come before the first event does."""
        if not self.wanted.fill:
            return
        try:
            events, _ = await self._history(session, reverse=True, limit=1)
        except CallFailed:
            return
        self._merger.anchored(events[0].publication if events else None)

    async def _catch_up(self, session: AutobahnSession) -> None:
        """What is kept since the last event that we had; there may be a gap where that is not kept any more."""
        last = self._merger.last
        if self.wanted.fill and last is not None and await self._is_kept(session, last):
            self._say_resumed(is_whole=await self._hand_on_past(session, last))
        else:
            self._say_resumed(is_whole=False)
            if self.wanted.fill:
                await self._hand_on_past(session, None)

    async def _is_kept(self, session: AutobahnSession, publication: int) -> bool:
        try:
            events, _ = await self._history(session, from_publication=publication, limit=1)
        except CallFailed:
            return False
        return [event.publication for event in events] == [publication]

    async def _hand_on_past(self, session: AutobahnSession, after: int | None) -> bool:
        """Whether all of it could be had, in time for the live events that wait."""
        has_more = True
        while has_more and self._merger.is_holding:
            wanted = {} if after is None else {"after_publication": after}
            try:
                events, has_more = await self._history(session, **wanted)
            except CallFailed:
                return False
            self._hand_on(self._merger.past(events))
            after = events[-1].publication if events else after
            has_more = has_more and bool(events)
        return self._merger.is_holding

    async def _history(self, session: AutobahnSession, **wanted: Any) -> tuple[list[Event], bool]:
        return await autobahn_requests.history(self._runtime, session, self._id, self.wanted.topic, **wanted)

    def _say_resumed(self, *, is_whole: bool) -> None:
        self.resumed = is_whole
        if self.wanted.on_resumed is not None:
            shielded(self.wanted.on_resumed, self)

    def _hand_on(self, events: Iterable[Event]) -> None:
        for event in events:
            if self.is_wanted:
                shielded(self.wanted.on_event, event)


class Registration(Kept):
    """A registration that outlives its session. Made by `Peer.register`."""

    def __init__(self, runtime: Runtime, procedure: str, endpoint: Callable[..., Any], options: Any) -> None:
        super().__init__(runtime)
        self.procedure = procedure
        self._endpoint = endpoint
        self._options = options

    async def make(self, session: AutobahnSession) -> None:
        """REGISTER."""
        self._made = await autobahn_requests.register(
            self._runtime, session, self.procedure, self._endpoint, self._options
        )

    def _take_back(self, made: Any) -> Any:
        return made.unregister()


async def restore(
    runtime: Runtime, kept: Kept, session: AutobahnSession, on_refused: Callable[[Any, CallFailed], object] | None
) -> None:
    """Makes it in a session; tells of a refusal once, and tries again where that may help."""
    backoff = Backoff()
    while session.is_open:
        try:
            await kept.make(session)
        except Unreachable:
            return  # there will be another session
        except CallFailed as error:
            if kept.refusal is None and on_refused is not None:
                shielded(on_refused, kept, error)
            kept.refusal = error
            if error.uri not in WORTH_ANOTHER_ATTEMPT:
                return
            await runtime.wakeup().wait(backoff.next_s())
            if not kept.is_wanted:
                return
        else:
            kept.refusal = None
            if not kept.is_wanted:  # any more: it was ended while this went on
                await kept.end()
            return
