"""The router in a Twisted program: Autobahn sessions attached in memory, and the router as a service.

    reactor first: twisted.internet.asyncioreactor.install(uvloop.new_event_loop())

    attach(router, MySession(ComponentConfig("realm1")), Principal("worker", "service"))
    RouterService(configure, "tcp://127.0.0.1:8080").setServiceParent(application)

An attached `ApplicationSession` needs no serializer of its own and no socket. Its messages go through the
same `Connection` as those of a wire peer, as MessagePack: so values are copied, and no object is shared
with another session. Everything is delivered in a later turn of the loop, never inside `send`.

Only this module imports Twisted and Autobahn. Twisted's camelCase stays in here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.serializer import Serializer as AutobahnSerializer
from autobahn.wamp.types import TransportDetails
from twisted.application.service import Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed

from fairlead_router.authorization import Principal
from fairlead_router.connection import Connection, Gatekeeper
from fairlead_router.errors import SessionError
from fairlead_router.limits import Limits
from fairlead_router.messages import Message
from fairlead_router.payload import Payload
from fairlead_router.router import Router
from fairlead_router.serializers import MessagePackSerializer
from fairlead_router.transcode import Codec

_MESSAGE_TYPES: dict[int, Any] = AutobahnSerializer.MESSAGE_TYPE_MAP


class _MemoryWire:
    """MessagePack without framing."""

    codec: Codec = "msgpack"
    serializer = MessagePackSerializer()

    def frame(self, message: Message, payload: Payload) -> bytes:
        return self.serializer.encode(message, payload.to(self.codec))

    def size(self, frame: Any) -> int:
        return len(frame)


_WIRE = _MemoryWire()


class _SerializerName:
    """Autobahn reads the transport's serializer only for its name."""

    SERIALIZER_ID = "msgpack"


class AttachedTransport:
    """Between a Connection of the router and an Autobahn session: each side's idea of a transport. Made by `attach`."""

    transport_details = TransportDetails()
    _serializer = _SerializerName()

    def __init__(self, router: Gatekeeper, session: ApplicationSession, principal: Principal) -> None:
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
            self._session.onMessage(_MESSAGE_TYPES[values[0]].parse(values))

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.lost()
            self._session.onClose(True)
            self.is_closed.callback(None)


def attach(router: Gatekeeper, session: ApplicationSession, principal: Principal) -> AttachedTransport:
    """Attach an Autobahn session in memory; it joins the realm of its configuration as this principal.

    With authrole `service` nothing is forbidden to it. `session.leave()` detaches it; so does `close()` of what
    is returned, whose `is_closed` fires when that is done.
    """
    transport = AttachedTransport(router, session, principal)
    router.host.call_soon(lambda: session.onOpen(transport))
    return transport


class RouterService(Service):
    """The router as a Twisted service. `configure` gets the new router and adds its realms, at once or later.

    Runs on the asyncio reactor only. `router` is there from `whenOpen` on, which fires when the port is bound,
    and fails with OSError where it cannot be.
    """

    def __init__(
        self,
        configure: Callable[[Router], Awaitable[None] | None],
        endpoint: str,
        limits: Limits | None = None,
    ) -> None:
        self.router: Router | None = None
        self.whenOpen: Deferred[Router] = Deferred()
        self._configure = configure
        self._endpoint = endpoint
        self._limits = limits

    def startService(self) -> None:
        """Open the port as soon as the reactor runs."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted is partly untyped
        reactor.callWhenRunning(self._start)

    def stopService(self) -> Deferred[None]:
        """GOODBYE to every session; fires when all are gone."""
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        router, self.router = self.router, None
        if router is None:
            return succeed(None)
        return Deferred.fromFuture(asyncio.ensure_future(router.close()))

    def _start(self) -> None:
        Deferred.fromFuture(asyncio.ensure_future(self._open())).chainDeferred(self.whenOpen)

    async def _open(self) -> Router:
        router = self.router = Router(self._limits)
        configured = self._configure(router)
        if configured is not None:
            await configured
        await router.listen(self._endpoint)
        return router
