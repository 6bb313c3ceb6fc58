"""The router in a Twisted program: Autobahn sessions attached in memory, and the router as a service.

    reactor first: twisted.internet.asyncioreactor.install(uvloop.new_event_loop())

    attach(router, MySession(ComponentConfig("realm1")), Principal("worker", "service"))
    RouterService(configure, "tcp://127.0.0.1:8080", "unix:///run/router.sock").setServiceParent(application)

An attached `ApplicationSession` needs no serializer of its own and no socket. Its messages go through the
same `Connection` as those of a wire peer, as MessagePack: so values are copied, and no object is shared
with another session. Everything is delivered in a later turn of the loop, never inside `send`.

Only this module, twist.py and uvloop_reactor.py import Twisted. Its camelCase stays in there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
from autobahn.twisted.wamp import ApplicationSession, Session
from autobahn.wamp.serializer import Serializer as AutobahnSerializer
from autobahn.wamp.types import TransportDetails
from twisted.application.service import Service
from twisted.internet import reactor
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from fairlead_router.authorization import Principal
from fairlead_router.connection import Connection
from fairlead_router.errors import SessionError
from fairlead_router.gatekeeper import Gatekeeper
from fairlead_router.limits import Limits
from fairlead_router.messages import Message
from fairlead_router.payload import Payload
from fairlead_router.router import Router
from fairlead_router.serializers import MessagePackSerializer
from fairlead_router.transcode import Codec

log = Logger()

AutobahnSession = ApplicationSession | Session
"""A class with methods that are overridden, or one with listeners, which is what Autobahn's Components make."""

_MESSAGE_TYPES: dict[int, Any] = AutobahnSerializer.MESSAGE_TYPE_MAP


class _MemoryWire:
    """MessagePack without framing."""

    codec: Codec = "msgpack"
    serializer = MessagePackSerializer()

    def frame(self, message: Message, payload: Payload) -> bytes:
        return self.serializer.encode(message, payload.to(self.codec))

    def size(self, frame: Any) -> int:
        return len(frame)

    def joined(self, frames: list[Any]) -> list[Any]:
        return frames


_WIRE = _MemoryWire()


class _SerializerName:
    """Autobahn reads the transport's serializer only for its name."""

    SERIALIZER_ID = "msgpack"


class AttachedTransport:
    """Between a Connection of the router and an Autobahn session: each side's idea of a transport. Made by `attach`."""

    transport_details = TransportDetails()
    _serializer = _SerializerName()

    def __init__(self, router: Gatekeeper, session: AutobahnSession, principal: Principal) -> None:
        self._host = router.host
        self._session = session
        self._is_open = True
        self._connection = Connection(router, _WIRE.serializer, _WIRE, self, vouched=principal)
        self.is_closed: Deferred[None] = Deferred()

    # --- called by Autobahn (ITransport) ------------------------------------------------------

    def send(self, message: Any) -> None:
        """One of Autobahn's messages, for the router."""
        if self._is_open:
            self._connection.receive(msgspec.msgpack.encode(message.marshal()))

    def isOpen(self) -> bool:
        """Whether messages still go through."""
        return self._is_open

    def close(self, error: SessionError | None = None) -> None:
        """Called by either side when it is done."""
        self._host.call_soon(self._end)

    def abort(self) -> None:
        """Called by either side when it is done at once."""
        self._host.call_soon(self._end)

    # --- called by the connection (ByteTransport) ---------------------------------------------

    def write(self, frames: list[Any]) -> None:
        """Messages for the session, in a turn of their own."""
        for frame in frames:
            self._host.call_soon(partial(self._deliver, frame))

    def _deliver(self, frame: bytes) -> None:
        if self._is_open:
            values = msgspec.msgpack.decode(frame)
            try:
                self._session.onMessage(_MESSAGE_TYPES[values[0]].parse(values))
            except Exception:  # noqa: BLE001 - logged whole, as Twisted does it
                log.failure("the attached session failed; it is detached")
                self._end()

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.lost()
            self._session.onClose(True)
            self.is_closed.callback(None)


def attach(router: Gatekeeper, session: AutobahnSession, principal: Principal) -> AttachedTransport:
    """Attach an Autobahn session in memory; it joins the realm of its configuration as this principal.

    With authrole `service` nothing is forbidden to it. `session.leave()` detaches it; so does `close()` of what
    is returned, whose `is_closed` fires when that is done.
    """
    transport = AttachedTransport(router, session, principal)
    router.host.call_soon(lambda: session.onOpen(transport))
    return transport


class RouterService(Service):
    """The router as a Twisted service, on the asyncio reactor only. Can be started again after it was stopped.

    `configure` gets each new router and adds its realms, at once or as an awaitable; it may itself `listen` where that
    takes options. The router then listens at `endpoints` (transports/endpoints.py).
    """

    def __init__(
        self,
        configure: Callable[[Router], Awaitable[None] | None],
        *endpoints: str,
        limits: Limits | None = None,
    ) -> None:
        self.router: Router | None = None
        """There while the service runs, from the call of `configure` on."""
        self._configure = configure
        self._endpoints = endpoints
        self._limits = limits
        self._start = _Start()
        self._closing: asyncio.Task[None] | None = None

    def whenOpen(self) -> Deferred[Router]:
        """Fires when every endpoint is bound, or fails as this start did: OSError, or what `configure` raised.

        A failure that nobody waits for is logged. Who stops the service before it is open gets CancelledError here.
        """
        return self._start.when_over()

    def startService(self) -> None:
        """Open as soon as the reactor runs, after the end of a stop before. Raises RuntimeError without asyncio."""
        check_reactor()
        super().startService()  # type: ignore[no-untyped-call]  # Twisted is partly untyped
        reactor.callLater(0, self._begin)  # type: ignore[arg-type]  # zope

    def stopService(self) -> Deferred[None]:
        """GOODBYE to every session; fires when all are gone."""
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        start, self._start = self._start, _Start()
        if start.task is not None:
            self._closing = asyncio.ensure_future(self._close(start.task))
        else:
            start.is_over(asyncio.CancelledError())
        return succeed(None) if self._closing is None else Deferred.fromFuture(asyncio.shield(self._closing))

    def _begin(self) -> None:
        if self.running and self._start.task is None:
            self._start.run(self._open(self._closing))

    async def _open(self, closing: asyncio.Task[None] | None) -> Router:
        if closing is not None:
            await asyncio.shield(closing)
        router = self.router = Router(self._limits)
        try:
            configured = self._configure(router)
            if configured is not None:
                await configured
            for endpoint in self._endpoints:
                await router.listen(endpoint)
        except BaseException:
            self.router = None
            await router.close()
            raise
        return router

    async def _close(self, opening: asyncio.Task[Router]) -> None:
        opening.cancel()
        await asyncio.wait([opening])
        router, self.router = self.router, None
        if router is not None:
            await router.close()


class _Start:
    """One start of a service: what it comes to, and who waits for that."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Router] | None = None
        self._outcome: Router | BaseException | None = None
        self._waiting: list[Deferred[Router]] = []

    def run(self, opening: Coroutine[Any, Any, Router]) -> None:
        """Begin."""
        self.task = asyncio.ensure_future(opening)
        self.task.add_done_callback(self._done)

    def when_over(self) -> Deferred[Router]:
        """Fires with the router, or fails."""
        waiting: Deferred[Router] = Deferred()
        self._waiting.append(waiting)
        if self._outcome is not None:
            self.is_over(self._outcome)
        return waiting

    def is_over(self, outcome: Router | BaseException) -> None:
        """Tell who waits."""
        self._outcome = outcome
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(Failure(outcome) if isinstance(outcome, BaseException) else outcome)  # type: ignore[no-untyped-call]

    def _done(self, opening: asyncio.Task[Router]) -> None:
        if opening.cancelled():
            self.is_over(asyncio.CancelledError())
            return
        error = opening.exception()
        if error is not None and not self._waiting:
            log.failure("the router could not be started", Failure(error))  # type: ignore[no-untyped-call]
        self.is_over(error or opening.result())


def check_reactor() -> None:
    """Raise RuntimeError unless the reactor runs on asyncio."""
    if not isinstance(reactor, AsyncioSelectorReactor):
        raise RuntimeError(  # noqa: TRY004 - it is not about an argument
            f"the router runs on Twisted's asyncio reactor only, and this is {type(reactor).__name__}"
        )
