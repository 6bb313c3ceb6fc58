"""A Connection: one wire peer's protocol state, from the first byte of WAMP to the last. No I/O.

| state          | what may come                    | what it leads to                                |
|----------------|----------------------------------|-------------------------------------------------|
| opening        | HELLO, ABORT                     | open, authenticating, judging, closing (ABORT)  |
| authenticating | AUTHENTICATE, ABORT              | open, authenticating, judging, closing (ABORT)  |
| judging        | ABORT                            | as before: the authenticator takes its time     |
| open           | every request, GOODBYE, ABORT    | opening (GOODBYE answered), closing (ABORT)     |
| ending         | GOODBYE, ABORT; else ignored     | closing: we sent GOODBYE first                  |
| closing        | nothing is read any more         | the transport closes once all is written        |

Whatever else arrives is a protocol violation: ABORT, and the transport closes. A SessionError raised
anywhere below becomes ABORT here, and only here.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from fairlead_router.auth import Decision, HelloRequest
from fairlead_router.authorization import Principal
from fairlead_router.counters import count
from fairlead_router.errors import InvalidUri, LimitReached, NoSuchRealm, ProtocolViolation, SessionError
from fairlead_router.features import welcome_details
from fairlead_router.gatekeeper import ByteTransport, Gatekeeper
from fairlead_router.host import Timer
from fairlead_router.identification import Identification, check_hello
from fairlead_router.idle import IdleWatch
from fairlead_router.messages import (
    Abort,
    Authenticate,
    Challenge,
    Goodbye,
    Hello,
    Message,
    ReceivedAbort,
    ReceivedGoodbye,
    Welcome,
)
from fairlead_router.outbox import Wire
from fairlead_router.payload import NO_PAYLOAD
from fairlead_router.peer import IN_PROCESS, PeerDetails
from fairlead_router.realm import SYSTEM_SHUTDOWN, Realm
from fairlead_router.serializers import Serializer
from fairlead_router.session import NO_FEATURES, Features, Session
from fairlead_router.uris import check_uri

GOODBYE_AND_OUT = "wamp.close.goodbye_and_out"
TRANSPORT_LOST = "wamp.close.transport_lost"
HELLO_TIMEOUT = "fairlead.close.hello_timeout"


class State(Enum):
    """Where the conversation is."""

    OPENING = auto()
    AUTHENTICATING = auto()
    JUDGING = auto()
    OPEN = auto()
    ENDING = auto()
    CLOSING = auto()


_FAREWELLS = frozenset((ReceivedGoodbye, ReceivedAbort))
_OPEN = State.OPEN  # of an Enum it takes 0.05 us, and each message asks
_BEFORE_WELCOME = (State.OPENING, State.AUTHENTICATING, State.JUDGING)


class Connection:
    """One wire peer. The transport calls `receive`, `pause`, `resume` and `lost`.

    `vouched` is who the peer is, where the program that attaches it says so: it is not asked for a proof.
    """

    def __init__(
        self,
        router: Gatekeeper,
        serializer: Serializer,
        wire: Wire,
        transport: ByteTransport,
        vouched: Principal | None = None,
        peer: PeerDetails = IN_PROCESS,
    ) -> None:
        self.wire = wire
        self.peer = peer
        self._vouched = vouched
        self._router = router
        self._serializer = serializer
        self._transport = transport
        self._state = State.OPENING
        self._session: Session | None = None
        self._realm: Realm | None = None
        self._features = NO_FEATURES
        self._identification: Identification | None = None
        self._session_id = 0
        self._is_paused = False
        self._error: SessionError | None = None
        router.counters.connections_opened += 1
        self._timer: Timer | None = router.host.call_later(router.limits.hello_timeout_s, self._hello_timed_out)

    # --- called by the transport --------------------------------------------------------------

    @property
    def is_autobahn_python(self) -> bool:
        """Whether the peer is known to be Autobahn|Python, which takes some things ill that the spec allows."""
        return self._features.is_autobahn_python

    def receive(self, data: bytes) -> None:
        """One whole message."""
        session = self._session
        try:
            if self._state is not _OPEN or session is None:
                self._receive_otherwise(data)
                return
            message = self._serializer.decode(data)
            if type(message) in _FAREWELLS:
                self._advance(message)
            else:
                session.received_messages += 1
                session.realm.requests.handle(session, message, len(data))
        except SessionError as error:
            self.fail(error)

    def fail(self, error: SessionError) -> None:
        """ABORT with this error, then close."""
        if self._state is State.CLOSING:
            return
        self._error = error
        self._count_limit(error)
        abort = Abort({"message": error.text}, error.uri)
        if self._session is not None:
            self._session.realm.close_session(self._session, error.uri)
            self._session.send(abort)
        else:
            self._write_now(abort)
        self._close_soon()

    def shut_down(self) -> None:
        """The router closes. A session is told by its realm; a peer without one is told here."""
        if self._state in _BEFORE_WELCOME:
            self.fail(SystemShutdown("the router is shutting down"))

    def pause(self) -> None:
        """The transport's buffer is full."""
        self._is_paused = True
        if self._session is not None:
            self._session.outbox.pause()

    def resume(self) -> None:
        """The transport's buffer has drained."""
        self._is_paused = False
        if self._session is not None:
            self._session.outbox.resume()
        if self._state is State.CLOSING:
            self._router.host.call_soon(self._close_when_written)

    def lost(self) -> None:
        """The connection is gone."""
        self._state = State.CLOSING
        self._cancel_timer()
        self._stop_identification()
        if self._session is not None:
            self._session.realm.close_session(self._session, TRANSPORT_LOST)

    # --- called by the session (Transport) ----------------------------------------------------

    @property
    def write(self) -> Callable[[list[Any]], None]:
        """Takes frames from the outbox: the transport itself, without a step between for each write."""
        return self._transport.write

    def abort(self) -> None:
        """The realm ended the session without a word."""
        self._state = State.CLOSING
        self._reset()

    def session_ended(self, reason: str, text: str) -> None:
        """The realm queued GOODBYE: the peer has a while to answer, then the connection is reset."""
        self._state = State.ENDING
        self._restart_timer(self._router.limits.close_timeout_s, self._reset)

    # --- the state machine; the `on_` methods are its transitions, in the table below ---------------------

    def _receive_otherwise(self, data: bytes) -> None:
        """One message of a conversation that is not open."""
        if self._state is State.CLOSING:
            return
        if self._state in _BEFORE_WELCOME:
            self._check_size(data)
        self._advance(self._serializer.decode(data))

    def _advance(self, message: Any) -> None:
        if self._state is State.ENDING:
            if type(message) in _FAREWELLS:
                self._close_soon()
            return
        handler = _TRANSITIONS.get((self._state, type(message)))
        if handler is None:
            name = type(message).__name__.removeprefix("Received").removesuffix("Message").upper()
            raise ProtocolViolation(f"{name} is not allowed while the session is {self._state.name.lower()}")
        handler(self, message)

    def on_hello(self, message: Hello) -> None:
        if self._session is not None and not self._session.outbox.is_empty:
            raise ProtocolViolation("HELLO came before GOODBYE was answered")
        check_hello(message, self._router.limits)
        self._router.attempts.check(self.peer)
        self._realm = self._router.realm_for(message.realm)
        if self._realm is None:
            raise NoSuchRealm(f"realm {message.realm[:200]!r} does not exist")
        self._features = Features(message.details.roles)
        self._session_id = self._realm.draw_session_id()
        if self._vouched is not None:
            self._open(self._vouched)
            return
        details = message.details
        hello = HelloRequest(
            realm=message.realm,
            authid=details.authid,
            authmethods=tuple(details.authmethods),
            authextra=details.authextra,
            agent=details.agent,
            peer=self.peer,
            session_id=self._session_id,
            time_us=self._router.host.time_us(),
        )
        self._identification = Identification(self._realm, self._router.attempts, hello, self._decided_later)
        self._go_on(self._identification.begin())

    def on_authenticate(self, message: Authenticate) -> None:
        assert self._identification is not None
        self._go_on(self._identification.answer(message.signature, message.extra))

    def _go_on(self, decision: Decision | None) -> None:
        if decision is None:
            self._state = State.JUDGING
        elif isinstance(decision, Principal):
            self._open(decision)
        else:
            self._state = State.AUTHENTICATING
            self._write_now(Challenge(decision.authmethod, decision.extra))

    def _decided_later(self, decision: Decision | SessionError) -> None:
        """No message is being received, so the error ends the conversation here."""
        try:
            if isinstance(decision, SessionError):
                raise decision
            self._go_on(decision)
        except SessionError as error:
            self.fail(error)

    def _open(self, principal: Principal) -> None:
        assert self._realm is not None
        self._cancel_timer()
        self._identification = None
        self._state = State.OPEN
        session = self._realm.open_session(principal, self, self._features, self._session_id)
        self._session = session
        if self._is_paused:
            session.outbox.pause()
        if self._router.limits.idle_timeout_s is not None:
            session.idle_watch = IdleWatch(session, self._router.limits.idle_timeout_s)
        details = welcome_details(self._realm, principal, self._router.agent)
        session.send(Welcome(session.id, details))

    def on_goodbye(self, message: ReceivedGoodbye) -> None:
        """The peer leaves; the transport stays open for another HELLO for as long as one may take."""
        assert self._session is not None
        self._session.realm.close_session(self._session, _reason(message))
        self._session.send(Goodbye({}, GOODBYE_AND_OUT))
        self._state = State.OPENING
        self._restart_timer(self._router.limits.hello_timeout_s, self._close_soon)

    def on_abort(self, message: ReceivedAbort) -> None:
        """The peer gives up, perhaps because of a mistake of ours: it hears nothing more."""
        if self._session is not None:
            self._session.realm.close_session(self._session, _reason(message))
            self._session.outbox.replace([])
        self._close_soon()

    # --- closing ------------------------------------------------------------------------------

    def _hello_timed_out(self) -> None:
        text = f"no session within {self._router.limits.hello_timeout_s:g} s"
        self.fail(HelloTimeout(text, limit="hello_timeout_s"))

    def _close_soon(self) -> None:
        """After the flush of this turn, or when a paused transport takes the rest; at last by a reset."""
        self._state = State.CLOSING
        self._stop_identification()
        self._restart_timer(self._router.limits.close_timeout_s, self._reset)
        self._router.host.call_soon(self._close_when_written)

    def _close_when_written(self) -> None:
        if self._session is None or self._session.outbox.is_empty:
            self._transport.close(self._error)
        elif not self._is_paused:  # among many the flush looks for more input first (pulse.py)
            self._router.host.call_soon(self._close_when_written)

    def _reset(self) -> None:
        self._router.counters.connections_reset += 1
        self._transport.abort()

    def _check_size(self, data: bytes) -> None:
        limit = self._router.limits.hello_bytes
        if len(data) > limit:
            text = f"a message of {len(data)} bytes came before WELCOME; at most {limit} are allowed"
            raise LimitReached(text, limit="hello_bytes")

    def _count_limit(self, error: SessionError) -> None:
        if self._session is not None:
            self._session.realm.limit_exceeded(error, self._session.id)
        elif self._realm is not None:
            self._realm.limit_exceeded(error)
        elif "limit" in error.details:
            count(self._router.counters.limits_exceeded, error.details["limit"])

    def _stop_identification(self) -> None:
        if self._identification is not None:
            self._identification.cancel()
            self._identification = None

    def _write_now(self, message: Message) -> None:
        """Before there is a session there is no outbox, and never more than one short message at a time."""
        self._transport.write([self.wire.frame(message, NO_PAYLOAD)])

    def _restart_timer(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._router.host.call_later(delay_s, callback)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _reason(farewell: ReceivedGoodbye | ReceivedAbort) -> str:
    """Others are told of it, so what is no URI of a decent length is not repeated."""
    try:
        check_uri(farewell.reason, "exact", _LONGEST_REASON)
    except InvalidUri:
        return "wamp.close.normal"
    return farewell.reason


_LONGEST_REASON = 256
"""Close and error URIs have some 30 characters."""


class SystemShutdown(SessionError):
    """The router closes before the peer has a session."""

    uri = SYSTEM_SHUTDOWN


class HelloTimeout(LimitReached):
    """The peer connected and then did not open a session in time."""

    uri = HELLO_TIMEOUT


_TRANSITIONS: dict[tuple[State, type], Callable[[Connection, Any], None]] = {
    (State.OPENING, Hello): Connection.on_hello,
    (State.OPENING, ReceivedAbort): Connection.on_abort,
    (State.AUTHENTICATING, Authenticate): Connection.on_authenticate,
    (State.AUTHENTICATING, ReceivedAbort): Connection.on_abort,
    (State.JUDGING, ReceivedAbort): Connection.on_abort,
    (State.OPEN, ReceivedGoodbye): Connection.on_goodbye,
    (State.OPEN, ReceivedAbort): Connection.on_abort,
}
