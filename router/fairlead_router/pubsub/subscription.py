"""Subscriptions and their memberships: who gets the events of a topic or pattern, and on which right.

A subscription is shared by all sessions that asked for the same topic and match policy, as the spec
wants. Each session's part in it is a membership: a hold of the gate (gate.py). An exact membership
rests on its topic's object. A pattern membership is judged once as a whole, and again for each
topic and object that an event is about (G9).
"""

from collections.abc import Awaitable, Callable, Container, Iterable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar, cast

from fairlead_router.answers import Verdict
from fairlead_router.errors import AuthorizationFailed
from fairlead_router.gate import Cell, Gate, Hold
from fairlead_router.item import About
from fairlead_router.questions import Question
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.pubsub.topic_source import TopicSource
    from fairlead_router.session import Session

MAX_PERMITTED = 1_000_000
"""Members of a pattern that are remembered for its topics, 8 MB in all; then the memory starts anew."""


M = TypeVar("M", bound="Membership")


class Membership(Hold):
    """One session's part in a subscription."""

    __slots__ = ("object_id", "session", "subscription")
    is_asked_about = True

    def __init__(self, session: "Session", subscription: "Subscription", object_id: str | None) -> None:
        super().__init__(session.principal_cell, session.realm.gate.object_cell(object_id), session.outbox)
        self.session = session
        self.subscription = subscription
        self.object_id = object_id

    def judge(self) -> bool | Awaitable[bool]:
        """Ask as at SUBSCRIBE."""
        subscription = self.subscription
        return self.session.may(Question("subscribe", subscription.topic, subscription.match, self.object_id))

    def find_object(self) -> str | None:
        """That of its topic; a pattern as a whole is about none."""
        subscription = self.subscription
        is_exact = subscription.match == "exact"
        self.object_id = self.session.realm.object_of_topic("subscribe", subscription.topic) if is_exact else None
        return self.object_id

    def revoke(self, reason: str) -> None:
        """The realm ends the subscription for this session and tells it."""
        self.session.realm.end_membership(self, reason)


class MetaMembership(Membership):
    """One session's part in a topic of meta events: each shows something that it may see or not."""

    __slots__ = ()
    is_broad = True

    def find_object(self) -> str | None:
        """What is queued is about other objects now too, by which it is taken back."""
        self.outbox.relabel(self.subscription, self.session.realm.renewed)
        return super().find_object()

    def purge_lost(self, objects: Container[str | None]) -> None:
        """Take back queued events that show what may no longer be seen."""
        for about in self.outbox.queued_topics(self.subscription):
            if _shows(about, objects) and not self.session.sees(about.seen_by):
                self.outbox.purge(self.subscription, about)


class PatternMembership(MetaMembership):
    """One session's part in a pattern subscription: remembers which objects' events it may see, and as of when."""

    __slots__ = ()

    def may_see(self, about: About, object_cell: Cell) -> bool:
        """Whether an event about this may be delivered now. Until an answer comes the outbox is blocked."""
        revision = self.principal_cell.revision + object_cell.revision
        openings = self._openings
        known = self.session.verdicts.get(about, revision, openings)
        if known is not None:
            return known
        try:
            verdict = self.session.may(Question("subscribe", about.topic, "exact", about.object_id))
        except AuthorizationFailed:
            self._ask_again_next_time()
            return False
        if isinstance(verdict, bool):
            self.session.verdicts.remember(about, revision, openings, verdict)
            return verdict
        self.outbox.block()
        basis = revision, openings
        self.session.realm.answers.wait_for(verdict, partial(self._settle, about, object_cell, basis))
        return True

    def purge_lost(self, objects: Container[str | None]) -> None:
        """Take back queued events about these objects that may no longer be seen."""
        super().purge_lost(objects)
        for about in self.outbox.queued_topics(self.subscription):
            if about.object_id in objects:
                self._purge_unless_seen(about, self.session.realm.gate.object_cell(about.object_id))

    @property
    def _openings(self) -> int:
        return self.session.realm.gate.openings_for(self.principal_cell)

    def _purge_unless_seen(self, about: About, object_cell: Cell) -> None:
        if not self.may_see(about, object_cell):
            self.outbox.purge(self.subscription, about)

    def _ask_again_next_time(self) -> None:
        """The authorizer failed, which is no verdict about the events that come after this one."""
        self.session.realm.gate.grant()

    def _settle(self, about: About, object_cell: Cell, basis: tuple[int, int], verdict: Verdict) -> None:
        """An asynchronous answer; asked for again if a cell moved, or a denial if something was granted, meanwhile."""
        revision, openings = basis
        is_moved = revision != self.principal_cell.revision + object_cell.revision
        if isinstance(verdict, AuthorizationFailed):
            self.outbox.purge(self.subscription, about)
            self._ask_again_next_time()
        elif is_moved or (verdict is False and openings != self._openings):
            self._purge_unless_seen(about, object_cell)
        else:
            self.session.verdicts.remember(about, revision, openings, verdict)
            if not verdict:
                self.outbox.purge(self.subscription, about)
                self.subscription.forget_permitted()
        self.outbox.unblock()


def those_who(may_see: Callable[[M], bool], members: Iterable[M]) -> list[M]:
    """The members of whom this is true. Asking may end memberships: the authorizer may notice only then what is due."""
    found = [member for member in list(members) if may_see(member)]
    return [member for member in found if not member.is_ended]


def _shows(about: About, objects: Container[str | None]) -> bool:
    """Whether an event shows something of these objects."""
    return any(question.object_id in objects for question in about.seen_by)


Permitted = dict[About, tuple[tuple[int, int], Cell, list[PatternMembership]]]
"""Who of a pattern's members may see what an event is about, as of when; the object's cell is kept with it."""

_NO_READERS = cast("dict[Session, Membership]", MappingProxyType({}))
_NONE_PERMITTED = cast("Permitted", MappingProxyType({}))
"""Of topics without a source, and of exact ones: to enter anything raises TypeError. An empty dictionary of each would
take 64 bytes, and there may be a subscription for each of 100 000 topics."""


class Subscription:
    """A topic or pattern that at least one session has subscribed to.

    `live` members get events as they are published; on a topic with a source (topic_source.py) there are
    `readers` too, whom the source feeds until they have caught up.
    """

    __slots__ = (
        "_checked_at",
        "_permitted",
        "_remembered",
        "created_us",
        "id",
        "is_guarded",
        "live",
        "match",
        "readers",
        "source",
        "topic",
    )

    def __init__(self, id_: int, topic: str, match: Match, source: "TopicSource | None", created_us: int) -> None:
        self.id = id_
        self.topic = topic
        self.match: Match = match
        self.created_us = created_us
        self.source = source
        self.is_guarded = False
        """Whether only services put events on this topic: kept by the broker, for each publication asks."""
        self.live: dict[Session, Membership] = {}
        self.readers: dict[Session, Membership] = _NO_READERS if source is None else {}
        self._checked_at = 0
        self._remembered = 0
        self._permitted: Permitted = _NONE_PERMITTED if match == "exact" else {}

    @property
    def is_empty(self) -> bool:
        """Whether its last member has gone."""
        return not self.live and not self.readers

    @property
    def members(self) -> list[Membership]:
        """All memberships, live or reading."""
        return [*self.live.values(), *self.readers.values()]

    def add_live(self, membership: Membership) -> None:
        """The membership gets events from now on."""
        self.live[membership.session] = membership
        self.forget_permitted()

    def remove(self, session: "Session") -> None:
        """The session's membership has ended."""
        self.live.pop(session, None)
        if self.source is not None:
            self.readers.pop(session, None)
        self.forget_permitted()

    def open_members(self, about: About, gate: Gate) -> Iterable[Membership]:
        """The live members to whom an event may be delivered now."""
        if self._checked_at != gate.moves:
            for membership in list(self.live.values()):
                gate.is_open(membership)
            self._checked_at = gate.moves
        if self.match == "exact":
            return self.live.values()
        return self._members_who_may_see(about, gate)

    def forget_permitted(self) -> None:
        """The members changed, so what is remembered of them is void."""
        if self._remembered:
            self._permitted.clear()
            self._remembered = 0

    def _members_who_may_see(self, about: About, gate: Gate) -> list[PatternMembership]:
        """Pattern members are judged for each topic and object, until a cell moves or a member comes or goes.

        The object's cell is kept with it: a cell that nobody keeps would be dropped, and judged anew each time.
        """
        known = self._permitted.get(about)
        as_of = (gate.moves, gate.openings)
        if known is not None and known[0] == as_of:
            return known[2]
        cell = gate.object_cell(about.object_id) if known is None else known[1]
        members = those_who(
            lambda member: member.may_see(about, cell),
            (member for member in self.live.values() if isinstance(member, PatternMembership)),
        )
        before = self._permitted.get(about)
        self._remembered += len(members) + 1 - (0 if before is None else len(before[2]) + 1)
        if self._remembered > MAX_PERMITTED:
            self.forget_permitted()
        self._permitted[about] = (as_of, cell, members)
        return members
