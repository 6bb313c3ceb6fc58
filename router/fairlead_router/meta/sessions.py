"""The session meta API: who is in the realm, and ending sessions (spec: Advanced Profile, Session Meta API).

Whoever may call these procedures, or subscribe to these topics, sees every session of the realm except those of
services inside the router: they are the router, so nobody lists or ends them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_router.errors import InvalidUri, LimitExceeded, NoSuchSession
from fairlead_router.meta.events import MetaEvents
from fairlead_router.meta.shown import find_peer, listed
from fairlead_router.payload import Payload
from fairlead_router.rpc.arguments import bind
from fairlead_router.rpc.own_procedures import OwnProcedure
from fairlead_router.uris import check_uri

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

ON_JOIN = "wamp.session.on_join"
ON_LEAVE = "wamp.session.on_leave"

COUNT = "wamp.session.count"
LIST = "wamp.session.list"
GET = "wamp.session.get"
KILL = "wamp.session.kill"
KILL_BY_AUTHID = "wamp.session.kill_by_authid"
KILL_BY_AUTHROLE = "wamp.session.kill_by_authrole"
KILL_ALL = "wamp.session.kill_all"

DEFAULT_REASON = "wamp.close.normal"
"""GOODBYE reason of a session that was killed without one (spec)."""


class _Filter(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("filter_authroles",)
    filter_authroles: frozenset[str] | None = None


class _OfSession(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("session",)
    session: int


class _Kill(msgspec.Struct, kw_only=True):
    positional: ClassVar[tuple[str, ...]] = ()
    reason: Any = None
    message: str | None = None


class _KillOne(_Kill):
    positional: ClassVar[tuple[str, ...]] = ("session",)
    session: int


class _KillByAuthid(_Kill):
    positional: ClassVar[tuple[str, ...]] = ("authid",)
    authid: str


class _KillByAuthrole(_Kill):
    positional: ClassVar[tuple[str, ...]] = ("authrole",)
    authrole: str


class SessionMeta:
    """The sessions of one realm, as its peers see them."""

    def __init__(self, realm: "Realm", events: MetaEvents) -> None:
        self._realm = realm
        self._events = events
        self.procedures: dict[str, OwnProcedure] = {
            COUNT: self._count,
            LIST: self._list,
            GET: self._get,
            KILL: self._kill,
            KILL_BY_AUTHID: self._kill_by_authid,
            KILL_BY_AUTHROLE: self._kill_by_authrole,
            KILL_ALL: self._kill_all,
        }

    # --- events -------------------------------------------------------------------------------

    def joined(self, session: "Session") -> None:
        """A session has opened."""
        if not session.is_service:
            self._events.publish(ON_JOIN, _details(session))

    def left(self, session: "Session", reason: str) -> None:
        """A session has ended, and everything that it held; `reason` says how, beside what the spec has."""
        if not session.is_service:
            principal = session.principal
            self._events.publish(ON_LEAVE, session.id, principal.authid, principal.authrole, reason=reason)

    # --- procedures that ask ------------------------------------------------------------------

    def _count(self, caller: "Session", payload: Payload) -> Payload:
        return Payload.of(len(self._filtered(bind(COUNT, payload, _Filter))))

    def _list(self, caller: "Session", payload: Payload) -> Payload:
        return Payload.of(
            listed([session.id for session in self._filtered(bind(LIST, payload, _Filter))], self._realm.limits)
        )

    def _get(self, caller: "Session", payload: Payload) -> Payload:
        return Payload.of(_details(find_peer(self._realm, bind(GET, payload, _OfSession).session)))

    def _filtered(self, arguments: _Filter) -> "list[Session]":
        roles = arguments.filter_authroles
        if roles is None:
            return self._realm.peers()
        return [session for session in self._realm.peers() if session.principal.authrole in roles]

    # --- procedures that end sessions: never the caller's own ---------------------------------

    def _kill(self, caller: "Session", payload: Payload) -> Payload:
        arguments = bind(KILL, payload, _KillOne)
        session = find_peer(self._realm, arguments.session)
        if session is caller:
            raise NoSuchSession(f"the realm has no other session {arguments.session}: a session cannot kill itself")
        self._end([session], caller, arguments)
        return Payload.of()

    def _kill_by_authid(self, caller: "Session", payload: Payload) -> Payload:
        arguments = bind(KILL_BY_AUTHID, payload, _KillByAuthid)
        doomed = (session for session in self._realm.peers() if session.principal.authid == arguments.authid)
        return Payload.of(self._end(doomed, caller, arguments))

    def _kill_by_authrole(self, caller: "Session", payload: Payload) -> Payload:
        arguments = bind(KILL_BY_AUTHROLE, payload, _KillByAuthrole)
        doomed = (session for session in self._realm.peers() if session.principal.authrole == arguments.authrole)
        return Payload.of(self._end(doomed, caller, arguments))

    def _kill_all(self, caller: "Session", payload: Payload) -> Payload:
        return Payload.of(self._end(self._realm.peers(), caller, bind(KILL_ALL, payload, _Kill)))

    def _end(self, doomed: "Iterable[Session]", caller: "Session", arguments: _Kill) -> int:
        """Returns how many were ended. Raises InvalidUri, LimitExceeded before any is."""
        reason, message = self._reason(arguments.reason), arguments.message or ""
        limit = self._realm.limits.goodbye_message_length
        if len(message) > limit:
            text = f"message has {len(message)} characters; at most {limit}"
            raise LimitExceeded(text, limit="goodbye_message_length")
        others = [session for session in doomed if session is not caller]
        for session in others:
            self._realm.end_session(session, reason, message)
        return len(others)

    def _reason(self, reason: Any) -> str:
        if reason is None:
            return DEFAULT_REASON
        if not isinstance(reason, str):
            raise InvalidUri(f"reason {reason!r:.200} is not a URI")
        check_uri(reason, "exact", self._realm.limits.uri_length)
        return reason


def _details(session: "Session") -> dict[str, Any]:
    """What everybody who may ask is told of a session: no cookie, certificate or token."""
    principal, peer = session.principal, session.peer
    return {
        "session": session.id,
        "authid": principal.authid,
        "authrole": principal.authrole,
        "authmethod": principal.authmethod,
        "authprovider": principal.authprovider,
        "transport": {
            "type": peer.transport,
            "serializer": peer.serializer,
            "address": peer.address,
            "is_secure": peer.is_secure,
        },
    }
