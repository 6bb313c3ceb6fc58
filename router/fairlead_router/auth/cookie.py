"""The method `cookie`: who has authenticated once from a browser is known again by the cookie that it has.

The listener sets the cookie, without a meaning of its own (transports); here it gets one. The cookie is a bearer's
proof as long as it is remembered: use it with TLS, and only where a principal that may not join any more is forgotten
with `forget`.
"""

import hashlib
from collections.abc import Awaitable
from functools import partial

import msgspec

from fairlead_router.auth.protocol import Authenticator, Decision, HelloRequest, then
from fairlead_router.authorization import Principal
from fairlead_router.host import Host, Timer
from fairlead_router.limits import Limits

AUTHMETHOD = "cookie"
COOKIE_NAME = "fairlead_id"


class CookieStore:
    """(realm, cookie) -> principal, for a while, and for so many: of more, the one that came first is forgotten."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self._known: dict[tuple[str, bytes], tuple[Principal, Timer]] = {}

    def remember(self, realm: str, cookie: str, principal: Principal) -> None:
        """The peer with this cookie has proved who it is."""
        key = (realm, _digest(cookie))
        self._drop(key)
        if len(self._known) >= self._limits.cookies_remembered:
            self._drop(next(iter(self._known)))
        timer = self._host.call_later(self._limits.cookie_lifetime_s, partial(self._drop, key))
        self._known[key] = (principal, timer)

    def find(self, realm: str, cookie: str) -> Principal | None:
        """Who the cookie stands for."""
        known = self._known.get((realm, _digest(cookie)))
        return None if known is None else known[0]

    def forget(self, authid: str) -> None:
        """No cookie stands for this principal any more."""
        for key in [key for key, (principal, _) in self._known.items() if principal.authid == authid]:
            self._drop(key)

    def _drop(self, key: tuple[str, bytes]) -> None:
        known = self._known.pop(key, None)
        if known is not None:
            known[1].cancel()


def _digest(cookie: str) -> bytes:
    """As long whatever a peer sends; and how long a search takes tells nothing of the cookies that are known."""
    return hashlib.sha256(cookie.encode(errors="replace")).digest()


class CookieAuthenticator:
    """`cookie` beside the methods of another authenticator, whose principals it remembers; anonymous ones it does not.

    A cookie that is known counts wherever `cookie` stands in the client's list: there is nothing to ask for.
    """

    def __init__(self, store: CookieStore, others: Authenticator) -> None:
        self._store = store
        self._others = others

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """An authid in HELLO must be that of the cookie, or the other methods are used."""
        cookie = hello.peer.cookies.get(COOKIE_NAME)
        if cookie is None:
            return self._others.authenticate(hello)
        if AUTHMETHOD in hello.authmethods:
            principal = self._store.find(hello.realm, cookie)
            if principal is not None and hello.authid in (None, principal.authid):
                return msgspec.structs.replace(principal, authmethod=AUTHMETHOD)
        return then(self._others.authenticate(hello), partial(self._remember, hello.realm, cookie))

    def _remember(self, realm: str, cookie: str, principal: Principal) -> Principal:
        if principal.authmethod != "anonymous":
            self._store.remember(realm, cookie, msgspec.structs.replace(principal, authextra=None))
        return principal
