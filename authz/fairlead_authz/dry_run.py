"""What a list of changes would end of what is live, without making it.

The changes are worked out and made as the funnel does it, what rests on whoever and whatever lost something is
judged by the realm's authorizer, and the changes are taken back: all in one step that nobody can look into. So the
answer is exact for this moment. What is known of the graph as it is stays aside meanwhile.

It changes nothing and ends nothing. What will happen later by the clock (`trash_at`, expiry) is not counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import msgspec

from fairlead_authz.changes import Change
from fairlead_authz.changeset import Changeset
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.live.affected import Affected
from fairlead_authz.live.realm import Live
from fairlead_authz.state import State
from fairlead_authz.still import still_allowed
from fairlead_authz.tokens.tokens import TokenPrincipal
from fairlead_router.authorization import Principal
from fairlead_router.errors import LimitExceeded
from fairlead_router.gate import Hold
from fairlead_router.pubsub.subscription import Membership
from fairlead_router.realm import Realm
from fairlead_router.rpc.pending_call import PendingCall, Tie
from fairlead_router.rpc.registration import Callee
from fairlead_router.session import Session

MAX_JUDGED = 2_000
"""Subscriptions, registrations and calls that are judged for somebody who is no administrator: 30 ms. What is made in
earnest is judged over several turns, which cannot be where nothing is to be changed."""


class WouldEnd(msgspec.Struct):
    """How many would end, and of how many users that is."""

    subscriptions: int = 0
    registrations: int = 0
    calls: int = 0
    sessions: int = 0
    users: int = 0


class Rehearsed(msgspec.Struct):
    """What would come of a list of changes (`Applied` is what came of one)."""

    would_end: WouldEnd
    still: list[dict[str, Any]]


MayCount = Callable[[str], bool]
"""Whether what rests on a right to this object may be counted for whoever asks."""

Ended = Session | Membership | Callee | PendingCall


def rehearse(state: State, live: Live, changes: list[Change], actor: Actor, may_count: MayCount) -> Rehearsed:
    """What the changes would do now. Raises a RequestError if one of them would be refused.

    Administrators have everything counted. Others what is on objects for which `may_count` says so, and no more than
    MAX_JUDGED of it.
    """
    changeset = work_out(state.graph, changes, actor, state.policy)
    holds = _at_stake(live, live.affected(changeset), None if actor.is_admin else may_count)
    with state.closures.aside():
        changeset.make(state.graph)
        try:
            still = still_allowed(state, changes)
            ended = {what for what, hold in holds if hold.judge() is not True}
            if actor.is_admin and live.realm is not None:
                ended |= _ended_with_sessions(live.realm, _goes_with(state, changeset))
        finally:
            changeset.take_back(state.graph)
    return Rehearsed(_count(ended), still)


def _at_stake(live: Live, lost: Affected | None, may_count: MayCount | None) -> list[tuple[Ended, Hold]]:
    """What rests on whoever and whatever may lose something, and is counted: None counts all. Raises LimitExceeded."""
    if live.realm is None or lost is None:
        return []
    held = [(*of, hold) for hold in live.realm.gate.holds_on(*lost) if (of := _of(live.realm, hold)) is not None]
    if may_count is None:
        return [(what, hold) for what, _, hold in held]
    objects = {object_id for _, object_id, _ in held if object_id is not None}
    counted = set(filter(may_count, objects))
    found = [(what, hold) for what, object_id, hold in held if object_id in counted]
    if len(found) > MAX_JUDGED:
        text = f"more than {MAX_JUDGED} subscriptions and calls rest on what the list takes: rehearse it in parts"
        raise LimitExceeded(text, limit="judged_by_dry_run")
    return found


def _goes_with(state: State, changeset: Changeset) -> Callable[[Principal], bool]:
    """Whether somebody's sessions end with their user or their token."""
    users, tokens = changeset.ended_users, {token.id for token in state.tokens.ended_by(changeset)}
    return lambda principal: (
        principal.authid in users or (isinstance(principal, TokenPrincipal) and principal.token_id in tokens)
    )


def _ended_with_sessions(realm: Realm, goes: Callable[[Principal], bool]) -> set[Ended]:
    """The sessions that end as such, with all that they have."""
    ended = (_session_and_held(session) for session in realm.peers() if goes(session.principal))
    return set(chain.from_iterable(ended))


def _session_and_held(session: Session) -> Iterator[Ended]:
    yield session
    yield from session.memberships.values()
    yield from session.registrations.values()
    yield from session.calls.values()


def _of(realm: Realm, hold: Hold) -> tuple[Ended, str | None] | None:
    """What ends with a hold, and the object that it rests on: a call that rests on several rights is one.

    None: what never loses its right.
    """
    match hold:
        case Membership():
            return hold, hold.object_id
        case Callee():
            return hold, realm.registering.object_of(hold.registration.procedure, hold.registration.match)
        case PendingCall():
            return hold, realm.object_of("call", hold.procedure)
        case Tie():
            return hold.call, hold.object_id
    return None


def _count(ended: set[Ended]) -> WouldEnd:
    of = Counter(type(each) for each in ended)
    registrations, calls, sessions = of[Callee], of[PendingCall], of[Session]
    subscriptions = len(ended) - registrations - calls - sessions  # memberships are of several classes
    users = {_session_of(each).principal.authid for each in ended}
    return WouldEnd(subscriptions, registrations, calls, sessions, len(users))


def _session_of(each: Ended) -> Session:
    if isinstance(each, Session):
        return each
    return each.caller if isinstance(each, PendingCall) else each.session
