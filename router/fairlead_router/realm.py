"""The Realm: one routing and permission domain, with its sessions, broker, dealer and gate.

It ties the parts together and owns what concerns several of them: joining and leaving, delivery from
in-process services, and the ends that the gate brings about. The requests of the sessions are in
requests.py, pubsub.py and rpc.py.
"""

from collections.abc import Awaitable, Iterable
from inspect import isawaitable

from fairlead_router.answers import Answers
from fairlead_router.auth import AnonymousAuthenticator, Authenticator
from fairlead_router.authorization import Action, AllowAll, Authorizer, Explaining, Principal, attach
from fairlead_router.counters import RealmCounters, count
from fairlead_router.deadlines import Deadlines
from fairlead_router.errors import NotAuthorized, RouterError, Suspended
from fairlead_router.failure_log import FailureLog
from fairlead_router.gate import Gate
from fairlead_router.host import Host
from fairlead_router.item import About
from fairlead_router.limits import Limits
from fairlead_router.member import Member
from fairlead_router.messages import Event, Goodbye
from fairlead_router.meta import Meta
from fairlead_router.meta.shown import renewed
from fairlead_router.observer import Observers, RealmObserver
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.pubsub.broker import Broker
from fairlead_router.pubsub.event_history import History
from fairlead_router.pubsub.fan_out import fan_out
from fairlead_router.pubsub.pubsub import PubSub
from fairlead_router.pubsub.retention import Retention
from fairlead_router.pubsub.revocation import signal_revocation
from fairlead_router.pubsub.subscription import Membership, Subscription
from fairlead_router.pubsub.testaments import Testaments
from fairlead_router.pubsub.topic_source import TopicReader
from fairlead_router.pulse import Pulse
from fairlead_router.questions import Question
from fairlead_router.requests import Requests
from fairlead_router.rpc.dealer import Dealer
from fairlead_router.rpc.own_procedures import OwnProcedures
from fairlead_router.rpc.registering import Registering
from fairlead_router.rpc.rpc import Rpc
from fairlead_router.session import SERVICE_ROLE, Features, Session, Transport
from fairlead_router.sessions import Sessions
from fairlead_router.stats import RealmStats, realm_stats
from fairlead_router.uris import new_id

KILLED = "wamp.close.killed"
CLOSE_REALM = "wamp.close.close_realm"
SYSTEM_SHUTDOWN = "wamp.close.system_shutdown"
TOKEN_ENDED = "fairlead.close.token_ended"
"""What the session came in with, a token or another proof with an end, is worth nothing any more."""


class Realm:
    """One realm of a router: made by `Router.add_realm`.

    `join` gives a member in this process, `kill` ends sessions, `sessions` and `observe` tell of them, `gate` ends what
    rests on a right that was lost. Belongs to its router: no other one can have it.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        limits: Limits,
        authenticator: Authenticator | None = None,
        authorizer: Authorizer | None = None,
        options: RealmOptions | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.limits = limits
        self.authenticator: Authenticator = authenticator or AnonymousAuthenticator()
        self.authorizer: Authorizer = authorizer or AllowAll()
        self.options = options or RealmOptions()
        self.deadlines = Deadlines(host)
        self.pulse = Pulse(host, self.deadlines)
        self.failures = FailureLog(host, limits.logged_failures)
        self.answers = Answers(host, limits.authorizer_timeout_s, self.failures)
        self.gate = Gate(self.answers)
        self.broker = Broker(host)
        self.dealer = Dealer(host, limits)
        self.procedures: OwnProcedures = {}
        self.meta = Meta(self)
        self.counters = RealmCounters()
        self.retention = Retention(self)
        self.history = History(self.options.event_history, host, self.counters)
        self.testaments = Testaments(self)
        self.pubsub = PubSub(self)
        self.rpc = Rpc(self)
        self.registering = Registering(self)
        self.requests = Requests(self)
        self._sessions = Sessions(name, limits)
        self._observers: Observers[RealmObserver] = Observers()
        attach(self.authorizer, self)

    # --- sessions -----------------------------------------------------------------------------

    def join(self, principal: Principal) -> Member:
        """An in-process member. With authrole `service` nothing is forbidden to it."""
        return Member(self, principal)

    def draw_session_id(self) -> int:
        """The id of a session that is to open: an authenticator may bind the peer's proof to it."""
        return new_id(self._sessions)

    def open_session(
        self, principal: Principal, transport: Transport, features: Features, session_id: int | None = None
    ) -> Session:
        """A peer that has been authenticated joins, under an id that was drawn before or a new one.

        Raises LimitReached, Suspended, and NoSuchRealm once the realm has been removed or the router closed.
        """
        self.deadlines.run_due()
        session = Session(self, principal, transport, features, session_id or self.draw_session_id())
        self._sessions.add(session)
        self.counters.sessions_opened += 1
        if principal.expires_us is not None:
            self.deadlines.set(session.expire, principal.expires_us)
        self._observers.tell(lambda each: each.joined(session.id, principal))
        self.meta.sessions.joined(session)
        return session

    def close_session(self, session: Session, reason: str) -> None:
        """The session has ended, for whatever reason: nothing of it stays in any table."""
        if not session.is_open:
            return
        session.is_open = False
        unwritten = session.outbox.end()
        self.counters.ended.messages_received += session.received_messages
        self.counters.ended.messages_sent += session.outbox.sent_messages
        self.counters.ended.bytes_sent += session.outbox.sent_bytes
        if session.idle_watch is not None:
            session.idle_watch.stop()
        if session.principal.expires_us is not None:
            self.deadlines.set(session.expire, None)
        self._sessions.remove(session)
        session.waiting.clear()
        for membership in list(session.memberships.values()):
            self.broker.remove(membership)
            self.drop_membership(membership)
        self.rpc.session_left(session, unwritten)
        self._observers.tell(lambda each: each.left(session.id, session.principal, reason))
        self.meta.sessions.left(session, reason)
        self.testaments.session_left(session)

    def end_session(self, session: Session, reason: str, text: str) -> None:
        """The realm ends a session: GOODBYE instead of the events, results in progress and invocations that wait."""
        if not session.is_open:
            return
        self.close_session(session, reason)
        session.send(Goodbye({"message": text} if text else {}, reason))
        session.on_ended(reason, text)

    def expire_session(self, session: Session) -> None:
        """The time of what the session came in with is over."""
        self.end_session(session, TOKEN_ENDED, "what this session came in with has expired")

    def reset_session(self, session: Session, reason: str) -> None:
        """The realm ends a session without a word: its connection is reset, so that what the kernel holds goes too."""
        if session.is_open:
            self.close_session(session, reason)
            session.outbox.replace([])
            session.abort()

    def kill(
        self, reason: str = KILLED, text: str = "", *, session_id: int | None = None, authid: str | None = None
    ) -> int:
        """End the session of this id, or all of this authid; what is queued for them is not sent. Returns how many."""
        doomed = [
            session for session in self._sessions if session.id == session_id or session.principal.authid == authid
        ]
        for session in doomed:
            self.end_session(session, reason, text or "the session was ended by an administrator")
        return len(doomed)

    def sessions(self) -> Iterable[tuple[int, Principal]]:
        """The open sessions."""
        return [(session.id, session.principal) for session in self._sessions]

    @property
    def is_empty(self) -> bool:
        """Whether there is no session but those of services inside the router."""
        return all(session.is_service for session in self._sessions)

    def peers(self) -> list[Session]:
        """The open sessions that are no services inside the router."""
        return [session for session in self._sessions if not session.is_service]

    def stats(self) -> RealmStats:
        """Figures of now and since the start."""
        return realm_stats(self)

    def session(self, session_id: int) -> Session | None:
        """An open session."""
        return self._sessions.get(session_id)

    def observe(self, observer: RealmObserver) -> None:
        """Tell this observer from now on."""
        self._observers.add(observer)

    def events_lost(self, session_id: int, subscription: int, lost: int) -> None:
        """A session will not get these events (slow_consumers.py)."""
        self.counters.events_lost += lost
        self._observers.tell(lambda each: each.events_lost(session_id, subscription, lost))

    def limit_exceeded(self, error: RouterError, session_id: int | None = None) -> None:
        """A request has failed with this; if it is about a limit, it is counted."""
        limit = error.details.get("limit")
        if limit is not None:
            count(self.counters.limits_exceeded, limit)
            self._observers.tell(lambda each: each.limit_exceeded(session_id, limit))

    def shut_down(self) -> None:
        """The router closes: GOODBYE to everybody, and nobody joins any more."""
        self._sessions.close("the router is closed")
        for session in self._sessions:
            self.end_session(session, SYSTEM_SHUTDOWN, "the router is shutting down")

    def remove(self) -> None:
        """The router has taken the realm away: GOODBYE to everybody, and nobody joins any more."""
        self._sessions.close("the realm was removed")
        for session in self._sessions:
            self.end_session(session, CLOSE_REALM, "the realm was removed")

    def suspend(self, text: str) -> None:
        """Serve nobody but services until `resume`: GOODBYE to all, and who joins is refused for the same reason."""
        self._sessions.suspended_because = text
        for session in self.peers():
            self.end_session(session, Suspended.uri, text)

    def resume(self) -> None:
        """Everybody may come back."""
        self._sessions.suspended_because = ""

    # --- rights -------------------------------------------------------------------------------

    def may(self, principal: Principal, question: Question) -> bool | Awaitable[bool]:
        """Ask the authorizer; services inside the router may everything. Raises AuthorizationFailed if it fails."""
        if principal.authrole == SERVICE_ROLE:
            return True
        try:
            verdict = self.authorizer.authorize(
                principal, question.action, question.uri, question.match, question.object_id
            )
        except Exception as error:
            raise self.answers.failure(error) from error
        if verdict is True or verdict is False or isawaitable(verdict):
            return verdict
        raise self.answers.failure(verdict)

    def refusal(self, principal: Principal, question: Question) -> NotAuthorized:
        """The no, with what is lacking where the authorizer says so. Raises AuthorizationFailed if it fails."""
        action, uri = question.action, question.uri
        text = f"{principal.authid!r} may not {action} {uri!r}"
        if not isinstance(self.authorizer, Explaining):
            return NotAuthorized(text)
        try:
            return NotAuthorized(f"{text}: {self.authorizer.lacking(principal, action, uri, question.match)}")
        except Exception as error:
            raise self.answers.failure(error) from error

    def object_of(self, action: Action, uri: str) -> str | None:
        """The object that a concrete URI is about by the authorizer's rules. Raises AuthorizationFailed if it fails."""
        try:
            return self.authorizer.object_of(action, uri)
        except Exception as error:
            raise self.answers.failure(error) from error

    # --- memberships --------------------------------------------------------------------------

    def drop_membership(self, membership: Membership) -> None:
        """The membership is in no table any more: nothing queued for it is sent, and its source is told."""
        self.gate.release(membership)
        membership.outbox.purge(membership.subscription)
        if isinstance(membership, TopicReader):
            membership.leave()

    def end_membership(self, membership: Membership, reason: str) -> None:
        """The router ends a membership: the gate has closed on it, or an administrator removed it."""
        self.broker.remove(membership)
        self.drop_membership(membership)
        self.counters.subscriptions_revoked += 1
        session, subscription = membership.session, membership.subscription
        self._observers.tell(lambda each: each.subscription_revoked(session.id, subscription.topic, reason))
        session.subscription_ended(subscription.id)
        signal_revocation(self, membership, reason)

    def rebind_topic(self, topic: str) -> None:
        """The topic's object has changed: every member rests on the new one from now on."""
        subscription = self.broker.exact(topic)
        self.gate.rebind([] if subscription is None else subscription.members)

    def object_of_topic(self, action: Action, topic: str) -> str | None:
        """The object that gates a concrete topic: its source knows best, else the authorizer's rules say."""
        source = self.broker.source_of(topic)
        if source is not None:
            object_id = source.object_of(topic)
            if object_id is not None:
                return object_id
        return self.object_of(action, topic)

    def renewed(self, about: About) -> About:
        """What an event is about by the sources and the rules of now."""
        seen_by = tuple(renewed(self, question) for question in about.seen_by)
        return About(about.topic, self.object_of_topic("subscribe", about.topic), seen_by)

    def object_for(self, subscriptions: list[Subscription], topic: str) -> str | None:
        """The object that patterns are judged by; not looked up for an exact subscription, whose members rest on it."""
        if len(subscriptions) == 1 and subscriptions[0].match == "exact":
            return None
        return self.object_of_topic("subscribe", topic)

    # --- what services inside the router send -------------------------------------------------

    def publish_from_source(self, topic: str, payload: Payload, publication: int, position: int) -> int:
        """An event of a topic with a source, under a publication id of the source."""
        self.deadlines.run_due()
        subscriptions = self.broker.matching(topic)
        if not subscriptions:
            return 0
        about = About(topic, self.object_for(subscriptions, topic))
        queued = 0
        for subscription in subscriptions:
            is_exact = subscription.match == "exact"
            event = Event(subscription.id, publication, {} if is_exact else {"topic": topic})
            members = subscription.open_members(about, self.gate)
            queued += fan_out(self.pulse, members, event, payload, about, position if is_exact else None)
        return queued
