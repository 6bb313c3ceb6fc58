"""The open sessions of a realm, and how many it has room for: in all, and of each authid."""

from collections import Counter
from collections.abc import Iterator

from fairlead_router.errors import LimitReached, NoSuchRealm, Suspended
from fairlead_router.limits import Limits
from fairlead_router.session import Session


class Sessions:
    """Id -> session. Services are the program's own: they always have a place, and are not counted."""

    def __init__(self, realm: str, limits: Limits) -> None:
        self._realm = realm
        self._limits = limits
        self._by_id: dict[int, Session] = {}
        self._peers = 0
        self._peers_of: Counter[str] = Counter()
        self._closed_because = ""
        self.suspended_because = ""
        """Why only services join for now."""

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._by_id

    def __iter__(self) -> Iterator[Session]:
        """Those of now; they may end while it goes on."""
        return iter(list(self._by_id.values()))

    def get(self, session_id: int) -> Session | None:
        """An open session."""
        return self._by_id.get(session_id)

    def add(self, session: Session) -> None:
        """A session opens. Raises LimitReached, Suspended, and NoSuchRealm once nobody joins any more."""
        if self._closed_because:
            raise NoSuchRealm(f"nobody joins realm {self._realm!r} any more: {self._closed_because}")
        if not session.is_service:
            if self.suspended_because:
                raise Suspended(self.suspended_because)
            self._take_place(session.principal.authid)
        self._by_id[session.id] = session

    def remove(self, session: Session) -> None:
        """The session has ended."""
        del self._by_id[session.id]
        if not session.is_service:
            authid = session.principal.authid
            self._peers -= 1
            self._peers_of[authid] -= 1
            if not self._peers_of[authid]:
                del self._peers_of[authid]

    def close(self, reason: str) -> None:
        """Nobody joins any more, for this reason."""
        self._closed_because = reason

    def _take_place(self, authid: str) -> None:
        limits = self._limits
        if self._peers >= limits.sessions_per_realm:
            text = f"realm {self._realm!r} has {limits.sessions_per_realm} sessions already"
            raise LimitReached(text, limit="sessions_per_realm")
        own = self._peers_of[authid]
        if limits.sessions_per_authid is not None and own >= limits.sessions_per_authid:
            text = f"{authid!r} has {own} sessions already"
            raise LimitReached(text, limit="sessions_per_authid")
        self._peers += 1
        self._peers_of[authid] += 1
