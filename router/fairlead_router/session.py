"""A Session: one peer's membership in a realm, with everything that ends when it ends.

It holds tables and decides nothing: the realm acts on them. `Connection` (a wire peer) and `Member`
(an in-process one) each own a session and are told through `on_ended` when the realm ends it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Raw

from fairlead_router.authorization import Level, Principal
from fairlead_router.errors import AuthorizationFailed, RequestError, SessionError
from fairlead_router.idle import IdleWatch
from fairlead_router.messages import Error, ErrorDetails, Invocation, Message, ReceivedError, Role, RoleFeatures, Roles
from fairlead_router.outbox import Outbox, Wire
from fairlead_router.payload import NO_PAYLOAD, Payload
from fairlead_router.peer import PeerDetails
from fairlead_router.pubsub.subscription import Membership, Subscription
from fairlead_router.pubsub.topic_source import TopicReader
from fairlead_router.pubsub.verdicts import Verdicts
from fairlead_router.questions import Question, Questions
from fairlead_router.rpc.pending_call import PendingCall
from fairlead_router.rpc.registration import Callee
from fairlead_router.slow_consumers import relieve

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.requests import Waiting


SERVICE_ROLE = "service"
"""The authrole of in-process services; no authenticator may give it to a wire peer."""


_NO_ROLE = RoleFeatures()


def _features_of(role: Role | None) -> RoleFeatures:
    return _NO_ROLE if role is None else role.features


class Features:
    """What the client announced that changes what the router sends it."""

    __slots__ = (
        "calls_progressively",
        "is_autobahn_python",
        "is_in_process",
        "passthru_roles",
        "takes_interrupt",
        "takes_progressive_calls",
        "takes_revoked_registration",
        "takes_revoked_subscription",
    )

    def __init__(self, roles: Roles, is_in_process: bool = False) -> None:
        """A Member (`is_in_process`) is told how its subscriptions end whatever is told to clients: it keeps tables."""
        publisher, subscriber = _features_of(roles.publisher), _features_of(roles.subscriber)
        caller, callee = _features_of(roles.caller), _features_of(roles.callee)
        announced = {"publisher": publisher, "subscriber": subscriber, "caller": caller, "callee": callee}
        self.passthru_roles = frozenset(role for role, has in announced.items() if has.payload_passthru_mode)
        self.calls_progressively = caller.progressive_call_invocations
        self.takes_interrupt = callee.call_canceling
        self.takes_progressive_calls = callee.progressive_call_invocations and callee.call_canceling
        self.takes_revoked_registration = callee.registration_revocation
        self.takes_revoked_subscription = subscriber.subscription_revocation
        self.is_in_process = is_in_process
        self.is_autobahn_python = publisher.x_acknowledged_event_delivery or subscriber.payload_encryption_cryptobox


NO_FEATURES = Features(Roles())
"""Of a peer that has not said HELLO yet."""


class Transport(Protocol):
    """What a session needs of the connection below it."""

    @property
    def wire(self) -> Wire:
        """How messages are framed for it."""

    @property
    def peer(self) -> PeerDetails:
        """What is known of who is at its other end."""

    def write(self, frames: list[Any]) -> None:
        """Hand frames to the network, or to in-process handlers."""

    def session_ended(self, reason: str, text: str) -> None:
        """The realm has ended the session and queued GOODBYE: close once that is written."""

    def fail(self, error: SessionError) -> None:
        """The peer has broken the protocol, as was found after its message had been received: ABORT."""

    def abort(self) -> None:
        """The realm has ended the session: reset the connection."""


class Session:
    """One peer in a realm."""

    __slots__ = (
        "_last_request_id",
        "abort",
        "calls",
        "ended_calls",
        "ended_subscriptions",
        "fail",
        "features",
        "id",
        "idle_watch",
        "invocations",
        "is_open",
        "is_service",
        "kept_call_bytes",
        "memberships",
        "on_ended",
        "outbox",
        "peer",
        "principal",
        "principal_cell",
        "realm",
        "received_messages",
        "registrations",
        "verdicts",
        "waiting",
        "waiting_bytes",
        "waiting_calls",
    )

    def __init__(
        self, realm: "Realm", principal: Principal, transport: Transport, features: Features, id_: int
    ) -> None:
        self.id = id_
        self.realm = realm
        self.principal = principal
        self.principal_cell = realm.gate.principal_cell(principal.authid)
        self.is_service = principal.authrole == SERVICE_ROLE
        self.features = features
        self.peer = transport.peer
        self.outbox = Outbox(transport.wire, transport.write, self, realm.pulse, realm.limits)
        self.on_ended: Callable[[str, str], None] = transport.session_ended
        self.abort = transport.abort
        self.fail: Callable[[SessionError], None] = transport.fail
        self.is_open = True
        self.received_messages = 0
        self.idle_watch: IdleWatch | None = None
        self.memberships: dict[int, Membership] = {}
        self.ended_subscriptions: dict[int, None] = {}
        self.verdicts = Verdicts()
        self.registrations: dict[int, Callee] = {}
        self.calls: dict[int, PendingCall] = {}
        self.ended_calls: dict[int, None] = {}
        self.waiting_calls = 0
        self.kept_call_bytes = 0
        self.invocations: dict[int, PendingCall] = {}
        self.waiting: list[Waiting] = []
        """Empty, nearly always and in each session: a deque takes 0.6 KiB even so."""
        self.waiting_bytes = 0
        self._last_request_id = 0

    def may(self, question: Question) -> bool | Awaitable[bool]:
        """Whether this session's principal may do this now (`Realm.may`)."""
        return self.realm.may(self.principal, question)

    def sees(self, questions: Questions) -> bool:
        """Whether the session has one of these rights now: what shows something can't wait, so a late answer is no."""
        return any(self._may_now(question) for question in questions)

    def _may_now(self, question: Question) -> bool:
        try:
            verdict = self.may(question)
        except AuthorizationFailed:
            return False  # logged where it was found
        if isinstance(verdict, Coroutine):
            verdict.close()  # nobody waits for it
        return verdict is True

    def expire(self) -> None:
        """The time of what it came in with is over."""
        self.realm.expire_session(self)

    def can(self, level: Level, object_id: str) -> bool:
        """Whether the session's principal has this level on the object now."""
        return self.is_service or self.realm.authorizer.can(self.principal, level, object_id)

    def next_request_id(self) -> int:
        """The id of the next invocation: session scope, counted from 1 (spec: Basic Profile, IDs)."""
        self._last_request_id += 1
        return self._last_request_id

    def subscription_ended(self, subscription_id: int) -> None:
        """The realm ended it, so a later UNSUBSCRIBE is no mistake. As many are remembered as there may be."""
        if len(self.ended_subscriptions) >= self.realm.limits.subscriptions_per_session:
            del self.ended_subscriptions[next(iter(self.ended_subscriptions))]
        self.ended_subscriptions[subscription_id] = None

    def progressive_call_ended(self, request_id: int) -> None:
        """A call has ended before its last CALL came: what still comes for it is late, and not a new call."""
        if len(self.ended_calls) >= self.realm.limits.ended_progressive_calls:
            del self.ended_calls[next(iter(self.ended_calls))]
        self.ended_calls[request_id] = None

    def send(self, message: Message, payload: Payload = NO_PAYLOAD) -> None:
        """Queue a message that no purge takes back."""
        self.outbox.send(message, payload)

    def send_error(self, request_type: int, request_id: int, error: RequestError) -> None:
        """Queue ERROR for a request: the text as args, the details as kwargs."""
        payload = Payload.from_values([error.text], error.details or None)
        self.send(Error(request_type, request_id, {}, error.uri), payload)

    def fell_behind(self) -> None:
        """Too much of streams is queued: live members of topics with a source go back to reading."""
        for owner in self.outbox.queued_stream_owners():
            if isinstance(owner, Subscription):
                membership = self.memberships.get(owner.id)
                if isinstance(membership, TopicReader):
                    membership.demote()

    def is_too_slow(self) -> None:
        """The outbox is full: the realm's option says what becomes of the session."""
        if self.is_open:
            relieve(self)

    def cannot_take(self, message: Message, error: RequestError) -> None:
        """An INVOCATION is longer than the session takes: the call fails as if the callee had answered with the error.

        In the next turn, because the call is only being made.
        """
        assert isinstance(message, Invocation)
        text = Payload.from_values([error.text]).to(self.outbox.wire.codec)
        answer = ReceivedError(68, message.request, ErrorDetails(), error.uri, Raw(text.args_bytes))
        self.realm.host.call_soon(lambda: self.realm.rpc.error(self, answer))
