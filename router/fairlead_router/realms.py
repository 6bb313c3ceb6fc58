"""The realms of a router: those that the program adds, and those that it makes when a client asks for one.

A realm that was made on demand is taken away when nobody has been in it for a while, with all that it remembers.
"""

import logging
from collections.abc import Callable, Iterator

import msgspec

from fairlead_router.auth import Authenticator
from fairlead_router.authorization import Authorizer, Principal
from fairlead_router.errors import LimitReached
from fairlead_router.host import Host, Timer
from fairlead_router.limits import Limits
from fairlead_router.observer import Observers, RealmObserver, RouterObserver
from fairlead_router.options import RealmOptions
from fairlead_router.realm import Realm

log = logging.getLogger(__name__)


class RealmSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a realm is made with; by default everybody is anonymous and may do everything."""

    authenticator: Authenticator | None = None
    authorizer: Authorizer | None = None
    options: RealmOptions | None = None


OnMissingRealm = Callable[[str], RealmSetup | None]
"""Asked with the name that a client gave, which follows the grammar of URIs; None: there is no such realm."""


class Realms:
    """Name -> realm."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self._realms: dict[str, Realm] = {}
        self._on_demand: dict[str, _OnDemand] = {}
        self._observers: Observers[RouterObserver] = Observers()
        self.on_missing: OnMissingRealm = lambda name: None

    def __iter__(self) -> Iterator[Realm]:
        return iter(tuple(self._realms.values()))

    def get(self, name: str) -> Realm | None:
        """A realm that is there."""
        return self._realms.get(name)

    def add(self, name: str, setup: RealmSetup) -> Realm:
        """A new realm. Raises ValueError if it exists."""
        if name in self._realms:
            raise ValueError(f"realm {name!r} exists already")
        realm = Realm(name, self._host, self._limits, setup.authenticator, setup.authorizer, setup.options)
        self._realms[name] = realm
        self._observers.tell(lambda each: each.realm_added(realm))
        return realm

    def remove(self, name: str) -> Realm:
        """Take a realm away; its sessions are ended in order. Raises KeyError if it is not there."""
        realm = self._realms.pop(name)
        watch = self._on_demand.pop(name, None)
        realm.remove()
        if watch is not None:
            watch.stop()  # after the last session has left
        self._observers.tell(lambda each: each.realm_removed(realm))
        return realm

    def observe(self, observer: RouterObserver) -> None:
        """Tell this observer of the realms that there are, and of those that come and go."""
        self._observers.add(observer)
        for realm in self:
            observer.realm_added(realm)

    def find(self, name: str) -> Realm | None:
        """The realm that a client asks for, made if the program wants it. Raises LimitReached."""
        realm = self._realms.get(name)
        if realm is None:
            realm = self._make(name)
        watch = self._on_demand.get(name)
        if watch is not None:
            watch.keep()
        return realm

    def _make(self, name: str) -> Realm | None:
        setup = self._setup_for(name)
        if setup is None:
            return None
        limit = self._limits.realms_on_demand
        if len(self._on_demand) >= limit:
            text = f"there are {limit} realms already that were made on demand"
            raise LimitReached(text, limit="realms_on_demand")
        realm = self.add(name, setup)
        watch = self._on_demand[name] = _OnDemand(realm, lambda: self.remove(name))
        realm.observe(watch)
        return realm

    def _setup_for(self, name: str) -> RealmSetup | None:
        """What the program says; where it fails there is no such realm."""
        try:
            return self.on_missing(name)
        except Exception:
            log.exception("on_missing_realm failed for %r", name)
            return None


class _OnDemand(RealmObserver):
    """Looks after a realm that was made on demand: it goes when it has been empty for so long.

    A peer that is being authenticated is not in it yet, so the time that this may take is given beside.
    """

    def __init__(self, realm: Realm, remove: Callable[[], object]) -> None:
        self._realm = realm
        self._remove = remove
        self._timer: Timer | None = None

    def keep(self) -> None:
        """Somebody asked for the realm, or has left it."""
        if not self._realm.is_empty:
            return
        if self._timer is not None:
            self._timer.cancel()
        limits = self._realm.limits
        patience_s = limits.hello_timeout_s
        if self._realm.counters.sessions_opened:  # else nobody has left anything: strangers hold no realm for long
            patience_s += limits.realm_idle_s
        self._timer = self._realm.host.call_later(patience_s, self._look)

    def stop(self) -> None:
        """The realm goes."""
        if self._timer is not None:
            self._timer.cancel()

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        """A session has ended, perhaps the last one."""
        self.keep()

    def _look(self) -> None:
        self._timer = None
        if self._realm.is_empty:
            self._remove()
