"""The procedure `fairlead.authz.sessions`: who is connected.

Administrators see every session but those of services inside the router; everybody else their own. Anonymous sessions
share their user, so each of them sees itself alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_authz.admin.asking import check_ids
from fairlead_authz.admin.pages import PAGE_ENTRIES, checked_limit, paged
from fairlead_authz.model.graph import ANONYMOUS_USER
from fairlead_router.authorization import Principal
from fairlead_router.errors import NotAuthorized
from fairlead_router.observer import RealmObserver
from fairlead_router.realm import Realm
from fairlead_router.rpc.call import Call
from fairlead_router.session import Session

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz


class SessionsArguments(msgspec.Struct):
    """`sessions`."""

    positional: ClassVar[tuple[str, ...]] = ("user",)
    user: str | None = None
    after: int = 0
    limit: int = PAGE_ENTRIES


class SessionProcedures(RealmObserver):
    """Lists the sessions of one realm, and keeps since when each has been there."""

    def __init__(self, authz: "Authz", realm: Realm, now_us: Callable[[], int]) -> None:
        self._authz = authz
        self._realm = realm
        self._now_us = now_us
        self._since_us = {session_id: now_us() for session_id, _ in realm.sessions()}
        realm.observe(self)

    def joined(self, session_id: int, principal: Principal) -> None:
        """A session has opened."""
        self._since_us[session_id] = self._now_us()

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        """A session has ended."""
        self._since_us.pop(session_id, None)

    def sessions(self, call: Call) -> dict[str, Any]:
        """The sessions of a user, or all that the caller may see, in the order of their ids."""
        arguments = call.arguments(SessionsArguments)
        limit = checked_limit(arguments.limit)
        check_ids(arguments.user)
        sees = self._sees(call, arguments.user)
        behind = (session for session in self._realm.peers() if session.id > arguments.after and sees(session))
        found = sorted(behind, key=lambda session: session.id)
        sessions, after = paged(((session.id, self._described(session)) for session in found), limit)
        return {"sessions": sessions, "after": after}

    def _sees(self, call: Call, user: str | None) -> Callable[[Session], bool]:
        """Which of the sessions are meant. Raises NotAuthorized."""
        principal = call.caller.principal
        if self._authz.actor(principal).is_admin:
            return lambda session: user in (None, session.principal.authid)
        if user not in (None, principal.authid):
            raise NotAuthorized(f"{principal.authid!r} may see its own sessions only: others are for administrators")
        if principal.authid == ANONYMOUS_USER:
            return lambda session: session.id == call.caller.session_id
        return lambda session: session.principal.authid == principal.authid

    def _described(self, session: Session) -> dict[str, Any]:
        principal, peer = session.principal, session.peer
        return {
            "session": session.id,
            "user": principal.authid,
            "role": principal.authrole,
            "method": principal.authmethod,
            "since_us": self._since_us[session.id],
            "transport": peer.transport,
            "address": peer.address,
            "subscriptions": len(session.memberships),
            "registrations": len(session.registrations),
            "calls": len(session.calls),
        }
