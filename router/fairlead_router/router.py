"""The Router: realms, listeners, and the loop that they live on.

    async with Router() as router:
        router.add_realm("realm1")
        listener = await router.listen("tcp://127.0.0.1:8080")
        ...

Create it while its loop runs: asyncio, uvloop (faster), or Twisted's asyncio reactor. It belongs to that loop and its
thread, with its realms, members and listeners: nothing of it may be called from another thread.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Self

import msgspec

from fairlead_router.auth import Authenticator
from fairlead_router.auth.attempts import Attempts
from fairlead_router.authorization import Authorizer
from fairlead_router.counters import RouterCounters
from fairlead_router.limits import Limits
from fairlead_router.loop_host import LoopHost
from fairlead_router.observer import RouterObserver
from fairlead_router.options import RealmOptions
from fairlead_router.realm import Realm
from fairlead_router.realms import OnMissingRealm, Realms, RealmSetup
from fairlead_router.stats import RouterStats
from fairlead_router.transports.admission import Admission
from fairlead_router.transports.endpoints import Endpoint, parse_endpoint
from fairlead_router.transports.forwarding import TrustedProxies
from fairlead_router.transports.http_guard import HttpGuard
from fairlead_router.transports.listener import Listener
from fairlead_router.transports.policy import DoorPolicy, HttpFactory
from fairlead_router.transports.tls import TlsOptions, server_context

_POLL_S = 0.001
"""How often `close` looks whether the sessions have left."""


class Router:
    """A WAMP router inside this process. Several can live side by side, also in several threads with a loop each.

    As an asynchronous context manager it closes itself. Raises RuntimeError where no loop runs.
    """

    def __init__(self, limits: Limits | None = None, agent: str = "fairlead") -> None:
        self.host = LoopHost(_running_loop())
        self.limits = limits or Limits()
        self.agent = agent
        self.counters = RouterCounters()
        self.attempts = Attempts(self.host, self.limits)
        self._realms = Realms(self.host, self.limits)
        self._listeners: list[Listener] = []
        self._admission = Admission(self.limits, self.counters)
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def add_realm(
        self,
        name: str,
        authenticator: Authenticator | None = None,
        authorizer: Authorizer | None = None,
        options: RealmOptions | None = None,
    ) -> Realm:
        """A new realm; by default everybody is anonymous and may do everything.

        Raises ValueError if it exists, and RuntimeError once the router is closed.
        """
        self._check_open()
        return self._realms.add(name, RealmSetup(authenticator=authenticator, authorizer=authorizer, options=options))

    def stats(self) -> RouterStats:
        """Figures of now and since the start."""
        return RouterStats(
            connections=self._admission.total,
            realms={realm.name: realm.stats() for realm in self._realms},
            counters=msgspec.structs.replace(self.counters, limits_exceeded=dict(self.counters.limits_exceeded)),
        )

    def remove_realm(self, name: str) -> None:
        """Take a realm away while the router runs: its sessions get GOODBYE, then nothing of it is left.

        The name is free at once. Raises KeyError if there is no such realm.
        """
        self._realms.remove(name)

    def observe(self, observer: RouterObserver) -> None:
        """Tell this observer of connections that are refused and of realms, those that are there included."""
        self._admission.observe(observer)
        self._realms.observe(observer)

    @property
    def on_missing_realm(self) -> OnMissingRealm:
        """Asked when a client wants a realm that is not there; one that is made like this goes when it is idle."""
        return self._realms.on_missing

    @on_missing_realm.setter
    def on_missing_realm(self, on_missing: OnMissingRealm) -> None:
        self._realms.on_missing = on_missing

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where connections are taken, in the order of `listen`."""
        return tuple(self._listeners)

    @property
    def realms(self) -> tuple[Realm, ...]:
        """Those that are there now, made on demand or not."""
        return tuple(self._realms)

    def realm(self, name: str) -> Realm | None:
        """A realm by its name."""
        return self._realms.get(name)

    def realm_for(self, hello_realm: str) -> Realm | None:
        """The realm that HELLO names, made on demand if the program wants it. Raises LimitReached."""
        return self._realms.find(hello_realm)

    async def listen(  # noqa: PLR0913 - one keyword an option
        self,
        endpoint: str,
        *,
        path: str = "/ws",
        http: HttpFactory | None = None,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        tls: TlsOptions | ssl.SSLContext | None = None,
        trusted_proxies: Iterable[str] = (),
        cookies: bool = False,
        unix_mode: int = 0o600,
    ) -> Listener:
        """Take connections at `tcp://HOST:PORT`, `tls://HOST:PORT`, `unix:///PATH` or `fd://NUMBER` (endpoints.py).

        Each speaks WebSocket on `path`, RawSocket, and HTTP with `http`, which makes an asyncio protocol for requests
        that are no WebSocket handshake on `path`. `hosts` and `origins` are allowed beside this server's own
        (http_guard.py). `trusted_proxies` may say who is behind them (forwarding.py). With `cookies` a browser gets an
        id by which it is known again (cookies.py). `unix_mode` is the mode of the socket's file.

        Raises ValueError for options that make no sense, OSError if the endpoint cannot be bound or a file of `tls`
        cannot be read, and RuntimeError once the router is closed.
        """
        self._check_open()
        where = parse_endpoint(endpoint)
        context = _tls_context(where, tls)
        policy = DoorPolicy(
            self,
            self._admission,
            guard=HttpGuard(hosts, origins),
            path=path,
            http=http,
            proxies=TrustedProxies(trusted_proxies),
            sets_cookies=cookies,
        )
        listener = Listener(policy)
        await listener.start(where, context, unix_mode)
        self._listeners.append(listener)
        if self._is_closed:  # meanwhile
            await listener.close()
        self._check_open()
        return listener

    async def close(self) -> None:
        """GOODBYE to every session, a while for them to answer, then everything is reset. Leaves no task behind.

        It is final: afterwards nobody joins, and there are no new realms and listeners. May be called again.
        """
        self._is_closed = True
        for listener in self._listeners:
            listener.stop_accepting()
        for realm in self._realms:
            realm.shut_down()
        await self._wait_for_peers()
        for listener in self._listeners:
            await listener.close()
        await self.host.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("the router is closed; make a new one")

    async def _wait_for_peers(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.close_timeout_s
        while any(listener.connections for listener in self._listeners):
            if loop.time() >= deadline:
                return
            await asyncio.sleep(_POLL_S)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("no event loop runs here: make the Router inside a coroutine of its loop") from None


def _tls_context(endpoint: Endpoint, tls: TlsOptions | ssl.SSLContext | None) -> ssl.SSLContext | None:
    """An inherited socket may be meant for either, so there `tls` alone decides."""
    if endpoint.scheme == "tls" and tls is None:
        raise ValueError("a tls:// endpoint needs `tls`: a certificate")
    if endpoint.scheme in ("tcp", "unix") and tls is not None:
        raise ValueError(f"a {endpoint.scheme}:// endpoint does not speak TLS: write tls://HOST:PORT")
    return server_context(tls) if isinstance(tls, TlsOptions) else tls
