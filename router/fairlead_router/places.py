"""The places of a realm: how many sessions it has room for, in all and of each authid."""

from collections import Counter

from fairlead_router.authorization import Principal
from fairlead_router.errors import LimitReached, NoSuchRealm
from fairlead_router.limits import Limits


class Places:
    """Counts the open sessions of one realm. Services are the program's own, and always have a place."""

    def __init__(self, realm: str, limits: Limits) -> None:
        self._realm = realm
        self._limits = limits
        self._taken = 0
        self._taken_by: Counter[str] = Counter()
        self._closed_because = ""

    def take(self, principal: Principal, is_service: bool) -> None:
        """A session is about to open. Raises LimitReached, and NoSuchRealm once nobody joins any more."""
        if self._closed_because:
            raise NoSuchRealm(f"nobody joins realm {self._realm!r} any more: {self._closed_because}")
        if is_service:
            return
        limits = self._limits
        if self._taken >= limits.sessions_per_realm:
            text = f"realm {self._realm!r} has {limits.sessions_per_realm} sessions already (sessions_per_realm)"
            raise LimitReached(text, limit="sessions_per_realm")
        own = self._taken_by[principal.authid]
        if limits.sessions_per_authid is not None and own >= limits.sessions_per_authid:
            text = f"{principal.authid!r} has {own} sessions already (sessions_per_authid)"
            raise LimitReached(text, limit="sessions_per_authid")
        self._taken += 1
        self._taken_by[principal.authid] += 1

    def give_back(self, principal: Principal, is_service: bool) -> None:
        """The session has ended."""
        if is_service:
            return
        self._taken -= 1
        self._taken_by[principal.authid] -= 1
        if not self._taken_by[principal.authid]:
            del self._taken_by[principal.authid]

    def close(self, reason: str) -> None:
        """Nobody joins any more, for this reason."""
        self._closed_because = reason
