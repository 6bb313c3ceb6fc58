"""The WAMP messages as msgspec structs: arrays that are led by their type number.

No payload is decoded here. Incoming messages keep args and kwargs as raw bytes of the session's
serializer; outgoing messages have no payload fields at all, because the same head goes out with
payload bytes that were made elsewhere (payload.py, serializers.py). Unknown options are ignored,
as the spec asks; known ones are checked by their type.

| message      | no | peer -> router        | router -> peer       |
|--------------|----|-----------------------|----------------------|
| HELLO        | 1  | any                   |                      |
| WELCOME      | 2  |                       | any                  |
| ABORT        | 3  | any                   | any                  |
| CHALLENGE    | 4  |                       | any                  |
| AUTHENTICATE | 5  | any                   |                      |
| GOODBYE      | 6  | any                   | any                  |
| ERROR        | 8  | callee                | any                  |
| PUBLISH      | 16 | publisher             |                      |
| PUBLISHED    | 17 |                       | publisher            |
| SUBSCRIBE    | 32 | subscriber            |                      |
| SUBSCRIBED   | 33 |                       | subscriber           |
| UNSUBSCRIBE  | 34 | subscriber            |                      |
| UNSUBSCRIBED | 35 |                       | subscriber           |
| EVENT        | 36 |                       | subscriber           |
| CALL         | 48 | caller                |                      |
| CANCEL       | 49 | caller                |                      |
| RESULT       | 50 |                       | caller               |
| REGISTER     | 64 | callee                |                      |
| REGISTERED   | 65 |                       | callee               |
| UNREGISTER   | 66 | callee                |                      |
| UNREGISTERED | 67 |                       | callee               |
| INVOCATION   | 68 |                       | callee               |
| INTERRUPT    | 69 |                       | callee               |
| YIELD        | 70 | callee                |                      |
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct, field

from fairlead_router.uris import MAX_ID, Match

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
ABSENT = Raw(b"")


class Message(Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """What every message is: an array whose first element is its type number, and with no element too many."""


# --- what peers send --------------------------------------------------------------------------


class RoleFeatures(Struct):
    """The features of a client that change what the router sends it."""

    payload_passthru_mode: bool = False
    progressive_call_invocations: bool = False
    call_canceling: bool = False
    subscription_revocation: bool = False
    registration_revocation: bool = False
    x_acknowledged_event_delivery: bool = False
    payload_encryption_cryptobox: bool = False


class Role(Struct):
    """One role in HELLO."""

    features: RoleFeatures = field(default_factory=RoleFeatures)


class Roles(Struct):
    """The client's roles; an absent one is None."""

    publisher: Role | None = None
    subscriber: Role | None = None
    caller: Role | None = None
    callee: Role | None = None


class HelloDetails(Struct):
    """Details of HELLO. `authextra` is handed to the authenticator as it came."""

    roles: Roles = field(default_factory=Roles)
    agent: str | None = None
    authid: str | None = None
    authrole: str | None = None
    authmethods: list[str] = field(default_factory=list)
    authextra: dict[str, Any] | None = None


class Hello(Message, tag=1):
    """The first message of a session."""

    realm: str
    details: HelloDetails


class ReceivedAbort(Message, tag=3):
    """The client gives up; nobody looks at its args and kwargs."""

    details: dict[str, Any]
    reason: str
    args: Any = None
    kwargs: Any = None


class Authenticate(Message, tag=5):
    """The answer to CHALLENGE."""

    signature: str
    extra: dict[str, Any] = field(default_factory=dict)


class ReceivedGoodbye(Message, tag=6):
    """The client closes the session, or answers our GOODBYE."""

    details: dict[str, Any]
    reason: str


class PassthruAttributes(Struct, gc=False):
    """What peers tell each other of a payload that is nobody else's business (passthru.py)."""

    ppt_scheme: str | None = None
    ppt_serializer: str | None = None
    ppt_cipher: str | None = None
    ppt_keyid: str | None = None


class ErrorDetails(PassthruAttributes):
    """Details of an invocation's ERROR; what else is in them stays with us."""


class ReceivedError(Message, tag=8):
    """An invocation failed; the only ERROR that a client sends."""

    request_type: Literal[68]
    request: Id
    details: ErrorDetails
    error: str
    args: Raw = ABSENT
    kwargs: Raw = ABSENT


class PublishOptions(PassthruAttributes):
    """Options of PUBLISH. A list that is absent is None: an empty `eligible` lets nobody have the event."""

    acknowledge: bool = False
    retain: bool = False
    exclude_me: bool = True
    disclose_me: bool = False
    exclude: list[Id] | None = None
    exclude_authid: list[str] | None = None
    exclude_authrole: list[str] | None = None
    eligible: list[Id] | None = None
    eligible_authid: list[str] | None = None
    eligible_authrole: list[str] | None = None


class Publish(Message, tag=16):
    """A publication."""

    request: Id
    options: PublishOptions
    topic: str
    args: Raw = ABSENT
    kwargs: Raw = ABSENT


_OWN_OPTIONS = {name: f"_{name}" for name in ("fairlead_start", "fairlead_epoch", "fairlead_tail")}


class SubscribeOptions(Struct, rename=_OWN_OPTIONS):
    """Options of SUBSCRIBE; the `_fairlead_` ones place the start on a topic with a source."""

    match: Match = "exact"
    get_retained: bool = False
    fairlead_start: int | None = None
    fairlead_epoch: int | None = None
    fairlead_tail: int | None = None


class Subscribe(Message, tag=32):
    """A request for the events of a topic or pattern."""

    request: Id
    options: SubscribeOptions
    topic: str


class Unsubscribe(Message, tag=34):
    """The end of a subscription."""

    request: Id
    subscription: Id


Milliseconds = Annotated[int, Meta(ge=0)]


class CallOptions(PassthruAttributes, rename={"fairlead_wait_ms": "_fairlead_wait_ms"}):
    """Options of CALL; `_fairlead_wait_ms` is how long to wait for a procedure that nobody has registered yet."""

    receive_progress: bool = False
    progress: bool = False
    disclose_me: bool = False
    timeout: Milliseconds = 0
    fairlead_wait_ms: Milliseconds = 0


class CallMessage(Message, tag=48):
    """A call."""

    request: Id
    options: CallOptions
    procedure: str
    args: Raw = ABSENT
    kwargs: Raw = ABSENT


class CancelOptions(Struct):
    """Options of CANCEL; without a mode it is killnowait (spec: Advanced Profile, Call Canceling)."""

    mode: Literal["skip", "kill", "killnowait"] = "killnowait"


class Cancel(Message, tag=49):
    """The caller wants no result any more."""

    request: Id
    options: CancelOptions


class RegisterOptions(Struct):
    """Options of REGISTER. `concurrency` is how many calls in progress the callee takes, None: any number."""

    match: Match = "exact"
    invoke: str = "single"
    concurrency: Annotated[int, Meta(ge=1)] | None = None
    disclose_caller: bool = False
    force_reregister: bool = False
    forward_timeout: bool = False


class Register(Message, tag=64):
    """A callee offers a procedure."""

    request: Id
    options: RegisterOptions
    procedure: str


class Unregister(Message, tag=66):
    """A callee takes its procedure back."""

    request: Id
    registration: Id


class YieldOptions(PassthruAttributes):
    """Options of YIELD."""

    progress: bool = False


class Yield(Message, tag=70):
    """A result of an invocation, the final one unless `progress`."""

    request: Id
    options: YieldOptions
    args: Raw = ABSENT
    kwargs: Raw = ABSENT


Received = (
    Hello
    | ReceivedAbort
    | Authenticate
    | ReceivedGoodbye
    | ReceivedError
    | Publish
    | Subscribe
    | Unsubscribe
    | CallMessage
    | Cancel
    | Register
    | Unregister
    | Yield
)

# --- what the router sends --------------------------------------------------------------------


class Welcome(Message, tag=2):
    """The session is open."""

    session: int
    details: dict[str, Any]


class Abort(Message, tag=3):
    """The session does not open, or ends by the peer's mistake."""

    details: dict[str, Any]
    reason: str


class Challenge(Message, tag=4):
    """Prove who you are."""

    authmethod: str
    extra: dict[str, Any]


class Goodbye(Message, tag=6):
    """The session ends."""

    details: dict[str, Any]
    reason: str


class Error(Message, tag=8):
    """A request failed."""

    request_type: int
    request: int
    details: dict[str, Any]
    error: str


class Published(Message, tag=17):
    """A publication was accepted."""

    request: int
    publication: int


class Subscribed(Message, tag=33):
    """A subscription stands."""

    request: int
    subscription: int


class Unsubscribed(Message, tag=35):
    """A subscription has ended."""

    request: int


class RevokedSubscription(Message, tag=35):
    """The router ends a subscription: request 0 (spec: Advanced Profile, Subscription Revocation)."""

    request: Literal[0]
    details: dict[str, Any]


class Event(Message, tag=36):
    """An event of a subscription."""

    subscription: int
    publication: int
    details: dict[str, Any]


class Result(Message, tag=50):
    """A result of a call."""

    request: int
    details: dict[str, Any]


class Registered(Message, tag=65):
    """A registration stands."""

    request: int
    registration: int


class Unregistered(Message, tag=67):
    """A registration has ended."""

    request: int


class RevokedRegistration(Message, tag=67):
    """The router ends a registration: request 0 (spec: Advanced Profile, Registration Revocation)."""

    request: Literal[0]
    details: dict[str, Any]


class Invocation(Message, tag=68):
    """A call for a callee."""

    request: int
    registration: int
    details: dict[str, Any]


class Interrupt(Message, tag=69):
    """The caller wants no result of this invocation any more."""

    request: int
    options: dict[str, Any]
