"""A WAMP router to embed: WebSocket and RawSocket pub/sub and RPC, permissions that hold for live subscriptions.

    async with Router() as router:
        realm = router.add_realm("realm1")
        await router.listen("tcp://127.0.0.1:8080")
        member = realm.join(Principal("calculator", "service"))
        await member.register("com.example.add", lambda call: {"sum": sum(call.payload.args)})
        await asyncio.Event().wait()

| for                       | here                                                                             |
|---------------------------|----------------------------------------------------------------------------------|
| the router and its realms | Router, Listener, TlsOptions, Realm, RealmOptions, RealmSetup, Limits, HistoryRule |
| peers in this process     | Member, MemberEvent, CallResult, PublishOptions, CallOptions                     |
| what their endpoints get  | Call, Caller, Payload, PENDING                                                   |
| who may join              | Principal, Authenticator, HelloRequest; more in `fairlead_router.auth`           |
| who may do what           | Authorizer, Gate; ready ones in `fairlead_router.authorizers`                    |
| what happens              | RealmObserver, RouterObserver, RealmStats, RouterStats                           |
| topics fed by a service   | TopicSource, TopicReader, SourceTopics; LatestTopics                             |
| errors                    | RequestError is answered with ERROR, SessionError with ABORT; CallError          |
| Twisted and Autobahn      | `fairlead_router.twisted`; on the command line `twist fairlead`                  |

The protocol core (messages, session tables, broker, dealer, gate, outbox) does no I/O and imports no
asyncio; `transports` and `loop_host` are the edge. Everything here belongs to the loop that the router was made in.
"""

from fairlead_router.auth import (
    AnonymousAuthenticator,
    Authenticator,
    ChallengeRequest,
    Decision,
    HelloRequest,
    MethodsAuthenticator,
    TicketAuthenticator,
    offers_anonymous,
)
from fairlead_router.authorization import ANONYMOUS, Action, AllowAll, Authorizer, Level, Principal
from fairlead_router.counters import RealmCounters, RouterCounters
from fairlead_router.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    CallError,
    Canceled,
    FeatureNotSupported,
    InvalidArgument,
    InvalidUri,
    LimitExceeded,
    LimitReached,
    NoAvailableCallee,
    NoMatchingAuthMethod,
    NoSuchProcedure,
    NoSuchRealm,
    NoSuchRegistration,
    NoSuchSubscription,
    NotAuthorized,
    OptionDisallowedDiscloseMe,
    OptionNotAllowed,
    PayloadSizeExceeded,
    ProcedureAlreadyExists,
    ProtocolViolation,
    RequestError,
    RouterError,
    SessionError,
    Timeout,
    Unavailable,
)
from fairlead_router.gate import Gate
from fairlead_router.limits import Limits
from fairlead_router.member import CallResult, Member, MemberEvent
from fairlead_router.messages import CallOptions, PublishOptions, SubscribeOptions
from fairlead_router.observer import RealmObserver, RouterObserver
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.peer import PeerDetails
from fairlead_router.pubsub.event_history import HistoryRule
from fairlead_router.pubsub.latest_topics import LatestTopics
from fairlead_router.pubsub.revocation import RevocationSignal
from fairlead_router.pubsub.topic_source import SourceTopics, TopicReader, TopicSource
from fairlead_router.realm import Realm
from fairlead_router.realms import RealmSetup
from fairlead_router.router import Router
from fairlead_router.rpc.call import PENDING, Call, Caller
from fairlead_router.stats import RealmStats, RouterStats
from fairlead_router.transports.http_guard import HttpGuard
from fairlead_router.transports.listener import Listener
from fairlead_router.transports.tls import TlsOptions
from fairlead_router.uris import Match, new_id

__all__ = [
    "ANONYMOUS",
    "PENDING",
    "Action",
    "AllowAll",
    "AnonymousAuthenticator",
    "AuthenticationFailed",
    "Authenticator",
    "AuthorizationFailed",
    "Authorizer",
    "Call",
    "CallError",
    "CallOptions",
    "CallResult",
    "Caller",
    "Canceled",
    "ChallengeRequest",
    "Decision",
    "FeatureNotSupported",
    "Gate",
    "HelloRequest",
    "HistoryRule",
    "HttpGuard",
    "InvalidArgument",
    "InvalidUri",
    "LatestTopics",
    "Level",
    "LimitExceeded",
    "LimitReached",
    "Limits",
    "Listener",
    "Match",
    "Member",
    "MemberEvent",
    "MethodsAuthenticator",
    "NoAvailableCallee",
    "NoMatchingAuthMethod",
    "NoSuchProcedure",
    "NoSuchRealm",
    "NoSuchRegistration",
    "NoSuchSubscription",
    "NotAuthorized",
    "OptionDisallowedDiscloseMe",
    "OptionNotAllowed",
    "Payload",
    "PayloadSizeExceeded",
    "PeerDetails",
    "Principal",
    "ProcedureAlreadyExists",
    "ProtocolViolation",
    "PublishOptions",
    "Realm",
    "RealmCounters",
    "RealmObserver",
    "RealmOptions",
    "RealmSetup",
    "RealmStats",
    "RequestError",
    "RevocationSignal",
    "Router",
    "RouterCounters",
    "RouterError",
    "RouterObserver",
    "RouterStats",
    "SessionError",
    "SourceTopics",
    "SubscribeOptions",
    "TicketAuthenticator",
    "Timeout",
    "TlsOptions",
    "TopicReader",
    "TopicSource",
    "Unavailable",
    "new_id",
    "offers_anonymous",
]
