"""What a list of changes would end of what is live, without making it.

The changes are worked out and made as the funnel does it, what rests on whoever and whatever lost something is
judged by the realm's authorizer, and the changes are taken back: all in one step that nobody can look into. So the
answer is exact for this moment. What is known of the graph as it is stays aside meanwhile.

It changes nothing and ends nothing. What will happen later by the clock (`trash_at`, expiry) is not counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from fairlead_authz.affected import Affected
from fairlead_authz.changes import Change
from fairlead_authz.changeset import Changeset
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.live import Live
from fairlead_authz.state import State
from fairlead_authz.still import still_allowed
from fairlead_authz.tokens import TokenPrincipal
from fairlead_router.authorization import Principal
from fairlead_router.gate import Hold
from fairlead_router.pubsub.subscription import Membership
from fairlead_router.realm import Realm
from fairlead_router.rpc.pending_call import PendingCall, Tie
from fairlead_router.rpc.registration import Callee
from fairlead_router.session import Session


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

    Administrators have everything counted. Others what is on objects for which `may_count` says so.
    """
    changeset = work_out(state.graph, changes, actor, state.policy)
    lost = live.affected(changeset)
    with state.closures.aside():
        changeset.make(state.graph)
        try:
            still = still_allowed(state, changes)
            ended = {} if live.realm is None else _ended(live.realm, lost, _goes_with(state, changeset))
        finally:
            changeset.take_back(state.graph)
    counted = [each for each, objects in ended.items() if actor.is_admin or any(map(may_count, objects))]
    return Rehearsed(_count(counted), still)


def _goes_with(state: State, changeset: Changeset) -> Callable[[Principal], bool]:
    """Whether somebody's sessions end with their user or their token."""
    users, tokens = changeset.ended_users, {token.id for token in state.tokens.ended_by(changeset)}
    return lambda principal: (
        principal.authid in users or (isinstance(principal, TokenPrincipal) and principal.token_id in tokens)
    )


def _ended(realm: Realm, lost: Affected | None, goes: Callable[[Principal], bool]) -> dict[Ended, set[str]]:
    """What ends, as the graph is now, and the objects whose loss ends it."""
    ended: dict[Ended, set[str]] = {}
    for hold in realm.gate.holds_on(*(lost or ((), ()))):
        if hold.judge() is not True:
            what, object_id = _of(realm, hold)
            ended.setdefault(what, set()).update(() if object_id is None else (object_id,))
    for session in realm.peers():
        if goes(session.principal):
            for each in _session_and_held(session):
                ended.setdefault(each, set())
    return ended


def _session_and_held(session: Session) -> Iterator[Ended]:
    yield session
    yield from session.memberships.values()
    yield from session.registrations.values()
    yield from session.calls.values()


def _of(realm: Realm, hold: Hold) -> tuple[Ended, str | None]:
    """What ends with a hold, and the object that it rests on: a call that rests on several rights is one."""
    match hold:
        case Membership():
            return hold, hold.object_id
        case Callee():
            return hold, realm.registering.object_of(hold.registration.procedure, hold.registration.match)
        case PendingCall():
            return hold, realm.object_of("call", hold.procedure)
        case Tie():
            return hold.call, hold.object_id
    raise AssertionError(f"{type(hold).__name__} never loses its right")


def _count(ended: list[Ended]) -> WouldEnd:
    of = Counter(type(each) for each in ended)
    registrations, calls, sessions = of[Callee], of[PendingCall], of[Session]
    subscriptions = len(ended) - registrations - calls - sessions  # memberships are of several classes
    users = {_session_of(each).principal.authid for each in ended}
    return WouldEnd(subscriptions, registrations, calls, sessions, len(users))


def _session_of(each: Ended) -> Session:
    if isinstance(each, Session):
        return each
    return each.caller if isinstance(each, PendingCall) else each.session
