"""A router's protocol core in the test's hand: no socket, no loop, no clock.

    core = Core()
    alice, bob = core.join("alice"), core.join("bob")
    alice.ask([32, 1, {}, "com.x"])                  # [[33, 1, 4711]]
    bob.ask([16, 1, {}, "com.x", ["hello"]])
    alice.take()                                     # [[36, 4711, ..., {}, ["hello"]]]

Nothing happens by itself: `take` and `ask` run the turns of the loop that are due, `core.host.advance` lets
time pass, an asynchronous authorizer answers when the test says so. A peer that `stop_reading` fills its
transport's buffer, which then pauses the connection, as a socket's does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import Any

import cbor2
import msgspec

from fairlead_router.auth import ChallengeRequest, HelloRequest
from fairlead_router.auth.attempts import Attempts
from fairlead_router.authorization import ANONYMOUS, Action, Authorizer, Level, Principal
from fairlead_router.connection import Connection
from fairlead_router.counters import RouterCounters
from fairlead_router.errors import PayloadSizeExceeded, SessionError
from fairlead_router.gate import REVOKED, Gate, Hold
from fairlead_router.host import Timer
from fairlead_router.limits import Limits
from fairlead_router.loop_host import deliver
from fairlead_router.messages import Message
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.peer import IN_PROCESS, PeerDetails
from fairlead_router.pubsub.topic_source import TopicReader
from fairlead_router.realm import Realm
from fairlead_router.serializers import BY_CODEC, Serializer
from fairlead_router.transcode import Codec
from fairlead_router.uris import Match

ROLES: dict[str, Any] = {"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}}
EVERY_FEATURE: dict[str, Any] = {
    "publisher": {},
    "subscriber": {"features": {"subscription_revocation": True}},
    "caller": {
        "features": {
            "progressive_call_results": True,
            "progressive_call_invocations": True,
            "call_canceling": True,
            "payload_passthru_mode": True,
        }
    },
    "callee": {
        "features": {
            "progressive_call_results": True,
            "progressive_call_invocations": True,
            "call_canceling": True,
            "payload_passthru_mode": True,
            "registration_revocation": True,
        }
    },
}
AUTOBAHN_PYTHON: dict[str, Any] = {
    "publisher": {"features": {"x_acknowledged_event_delivery": True}},
    "subscriber": {"features": {"subscription_revocation": True, "payload_encryption_cryptobox": True}},
    "caller": {},
    "callee": {"features": {"call_canceling": True, "registration_revocation": True}},
}


class Answer:
    """What an asynchronous authorizer returns: it is known when the test gives it."""

    def __init__(self) -> None:
        self.is_awaited = False
        self._deliver: Callable[[Any], None] | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        raise NotImplementedError("only a HandHost waits for it")

    def give(self, value: Any) -> None:
        """The value, or an exception that the await would have raised."""
        assert self._deliver is not None, "nobody waits for this answer"
        self._deliver(value)

    def call_back(self, deliver: Callable[[Any], None]) -> None:
        self.is_awaited = True
        self._deliver = deliver


class HandTimer:
    """A pending call_later."""

    def __init__(self, due_s: float, callback: Callable[[], None]) -> None:
        self.due_s = due_s
        self.callback: Callable[[], None] = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
        self.callback = _do_nothing


def _do_nothing() -> None:
    """What a cancelled timer keeps alive."""


HAND_HOST_START_US = 1_700_000_000_000_000
"""The wall clock of a HandHost at its start: 2023-11-14T22:13:20Z."""


class HandHost:
    """A loop that turns when the test turns it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.clock_step_s = 0.0
        """How far the wall clock was set forward, or back, since the start; timers don't see that."""
        self._soon: deque[Callable[[], object]] = deque()
        self._timers: list[HandTimer] = []

    def time_us(self) -> int:
        return HAND_HOST_START_US + round((self.now_s + self.clock_step_s) * 1_000_000)

    def steady_us(self) -> int:
        return round(self.now_s * 1_000_000)

    def call_soon(self, callback: Callable[[], object]) -> None:
        self._soon.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = HandTimer(self.now_s + delay_s, callback)
        self._timers.append(timer)
        return timer

    def wait_for(self, awaitable: Awaitable[Any], callback: Callable[[Any], None]) -> Timer:
        """An Answer of the test; anything else needs an asyncio loop."""
        if not isinstance(awaitable, Answer):
            return asyncio.ensure_future(deliver(awaitable, callback))
        awaitable.call_back(lambda value: self.call_soon(lambda: callback(value)))
        return HandTimer(0, _do_nothing)

    def turn(self) -> None:
        """One turn: what is due now, and not what that makes due."""
        for _ in range(len(self._soon)):
            self._soon.popleft()()

    def run(self) -> int:
        """Turns until nothing is due. Returns how many; a loop that never comes to rest fails."""
        for turns in range(1000):
            if not self._soon:
                return turns
            self.turn()
        raise AssertionError("the core does not come to rest")

    def stall(self, seconds: float) -> None:
        """Time passes while the loop is busy: the timers come late."""
        self.now_s += seconds

    def advance(self, seconds: float) -> None:
        """Time passes; the timers that are due run in their order."""
        self.run()
        end_s = self.now_s + seconds
        while True:
            self._timers = [timer for timer in self._timers if not timer.is_cancelled]
            due = min(self._timers, key=lambda timer: timer.due_s, default=None)
            if due is None or due.due_s > end_s:
                break
            self._timers.remove(due)
            self.now_s = max(self.now_s, due.due_s)
            due.callback()
            self.run()
        self.now_s = end_s

    @property
    def pending_timers(self) -> int:
        return sum(not timer.is_cancelled for timer in self._timers)


class Owner:
    """A session that only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def fell_behind(self) -> None:
        self.told.append("fell_behind")

    def is_too_slow(self) -> None:
        self.told.append("is_too_slow")

    def cannot_take(self, message: Message, error: PayloadSizeExceeded) -> None:
        self.told.append("cannot_take")


class PlainWire:
    """A serializer's bytes without any framing. One for each serializer, as in the router."""

    def __init__(self, serializer: Serializer) -> None:
        self.codec: Codec = serializer.codec
        self._encode = serializer.encode

    def frame(self, message: Message, payload: Payload) -> bytes:
        return self._encode(message, payload.to(self.codec))

    def size(self, frame: Any) -> int:
        return len(frame)

    def joined(self, frames: list[Any]) -> list[Any]:
        return frames


_SERIALIZERS = BY_CODEC
_WIRES = {codec: PlainWire(serializer) for codec, serializer in _SERIALIZERS.items()}
_LOADS: dict[Codec, Callable[[bytes], Any]] = {
    "json": msgspec.json.decode,
    "msgpack": msgspec.msgpack.decode,
    "cbor": cbor2.loads,
}
_DUMPS: dict[Codec, Callable[[Any], bytes]] = {
    "json": msgspec.json.encode,
    "msgpack": msgspec.msgpack.encode,
    "cbor": cbor2.dumps,
}


class Network:
    """A ByteTransport. It remembers each write, and what has been read of it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.connection: Connection | None = None
        self.high_bytes = core.limits.transport_bytes
        self.writes: list[list[bytes]] = []
        self.arrived: list[bytes] = []
        self.unread: list[bytes] = []
        self.is_reading = True
        self.is_paused = False
        self.is_closed = False
        self.is_reset = False
        self.error: SessionError | None = None
        self.on_write: Callable[[], None] | None = None

    def write(self, frames: list[Any]) -> None:
        if self.is_closed or self.is_reset:
            return
        assert not self.is_paused, "a paused transport is left alone"
        self.writes.append(list(frames))
        (self.arrived if self.is_reading else self.unread).extend(frames)
        if not self.is_reading and sum(map(len, self.unread)) > self.high_bytes:
            self.is_paused = True
            assert self.connection is not None
            self.connection.pause()
        if self.on_write is not None:
            self.on_write()

    def close(self, error: SessionError | None) -> None:
        self.is_closed = True
        self.error = error
        self._end()

    def abort(self) -> None:
        self.is_reset = True
        self.unread.clear()
        self._end()

    def read_on(self) -> None:
        self.is_reading = True
        self.arrived += self.unread
        self.unread.clear()
        if self.is_paused:
            self.is_paused = False
            assert self.connection is not None
            self.connection.resume()

    def _end(self) -> None:
        assert self.connection is not None
        self._core.host.call_soon(self.connection.lost)


class Peer:
    """One client of the core, speaking lists."""

    def __init__(self, core: Core, codec: Codec = "json", details: PeerDetails = IN_PROCESS) -> None:
        self.core = core
        self.codec: Codec = codec
        self.network = Network(core)
        self.connection = Connection(core, _SERIALIZERS[codec], _WIRES[codec], self.network, peer=details)
        self.network.connection = self.connection
        self.session_id = 0

    def send(self, *messages: Sequence[Any]) -> None:
        """All within one turn."""
        for message in messages:
            self.connection.receive(_DUMPS[self.codec](message))

    def send_bytes(self, data: bytes) -> None:
        self.connection.receive(data)

    def take(self) -> list[list[Any]]:
        """What has arrived since the last time, once everything has come to rest."""
        self.core.host.run()
        arrived = [_LOADS[self.codec](frame) for frame in self.network.arrived]
        self.network.arrived.clear()
        return arrived

    def ask(self, *messages: Sequence[Any]) -> list[list[Any]]:
        self.send(*messages)
        return self.take()

    def put_back(self, messages: Iterable[list[Any]]) -> None:
        """Messages that are to be taken later."""
        self.network.arrived[:0] = [_DUMPS[self.codec](message) for message in messages]

    def subscribe(self, topic: str, **options: Any) -> int:
        """Returns the subscription's id."""
        answers = self.ask([32, 1000, options, topic])
        assert answers[0][0] == 33, answers
        self.put_back(answers[1:])
        subscription: int = answers[0][2]
        return subscription

    def register(self, procedure: str, **options: Any) -> int:
        """Returns the registration's id."""
        [answer] = self.ask([64, 1000, options, procedure])
        assert answer[0] == 65, answer
        registration: int = answer[2]
        return registration

    def events(self) -> list[Any]:
        """The args of all events that have arrived; fails for any other message."""
        messages = self.take()
        assert all(message[0] == 36 for message in messages), messages
        return [message[4] if len(message) > 4 else [] for message in messages]

    def stop_reading(self) -> None:
        """What is written from now on stays in the transport's buffer, up to its limit."""
        self.network.is_reading = False

    def clog(self) -> None:
        """Stop reading with a full transport: from now on everything waits in the outbox."""
        self.stop_reading()
        self.network.high_bytes = 0
        self.core.host.run()
        self.network.is_paused = True
        self.connection.pause()

    def read_on(self) -> None:
        self.network.read_on()

    def vanish(self) -> None:
        """The connection breaks."""
        self.connection.lost()

    @property
    def has_session(self) -> bool:
        return any(session_id == self.session_id for session_id, _ in self.core.realm1.sessions())


class ByName:
    """Whoever names an authid has it, whoever names none is anonymous; `ticket` asks for a proof first."""

    def __init__(self) -> None:
        self.roles: dict[str, str] = {}
        self.answers: list[Answer] = []

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        authid = hello.authid
        if "ticket" in hello.authmethods:
            return ChallengeRequest("ticket", lambda ticket, extra: self._verify(authid or "somebody", ticket))
        return ANONYMOUS if authid is None else self.principal(authid)

    def principal(self, authid: str) -> Principal:
        return Principal(authid, self.roles.get(authid, "user"), "ticket", "static")

    def _verify(self, authid: str, ticket: str) -> Principal | Awaitable[Principal]:
        if ticket != "later":
            return self.principal(authid)
        answer = Answer()
        self.answers.append(answer)
        return answer


class Rights:
    """Everybody may do everything, except what is about an object: that takes a grant.

    Topics and procedures `obj.ID...` are about the object ID. With `is_asynchronous` it answers when it is told to.
    """

    def __init__(self) -> None:
        self.granted: set[tuple[str, str]] = set()
        self.denied_uris: set[str] = set()
        self.is_asynchronous = False
        self.asked: list[tuple[Answer, tuple[Principal, Action, str, Match, str | None]]] = []

    def grant(self, authid: str, *objects: str) -> None:
        self.granted |= {(authid, each) for each in objects}

    def take_away(self, authid: str, *objects: str) -> None:
        self.granted -= {(authid, each) for each in objects}

    def object_of(self, action: Action, uri: str) -> str | None:
        first, _, rest = uri.partition(".")
        return rest.split(".")[0] if first == "obj" and rest else None

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        question = (principal, action, uri, match, object_id)
        if not self.is_asynchronous:
            return self.judge(*question)
        answer = Answer()
        self.asked.append((answer, question))
        return answer

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        return (principal.authid, object_id) in self.granted

    def judge(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        if uri in self.denied_uris:
            return False
        return match != "exact" or object_id is None or (principal.authid, object_id) in self.granted

    def answer(self) -> bool:
        """Answer the oldest question, by what is granted now. False when there is none. Some ask and do not wait."""
        if not self.asked:
            return False
        answer, question = self.asked.pop(0)
        if answer.is_awaited:
            answer.give(self.judge(*question))
        return True


class RecordingSource:
    """A TopicSource that writes down what it is told. Topics are `src.OBJECT`, unless `objects` says otherwise."""

    def __init__(self, events_procedure: str | None = None) -> None:
        self.events_procedure = events_procedure
        self.readers: list[TopicReader] = []
        self.log: list[tuple[Any, ...]] = []
        self.objects: dict[str, str | None] = {}
        self.on_subscribed: Callable[[TopicReader], None] = lambda reader: None
        self.on_fell_behind: Callable[[TopicReader, int], None] = lambda reader, position: None
        self.refusals: dict[str, Exception] = {}

    def object_of(self, topic: str) -> str | None:
        return self.objects.get(topic, topic.split(".")[1])

    def check(self, topic: str) -> None:
        if topic in self.refusals:
            raise self.refusals[topic]

    def subscribed(self, reader: TopicReader) -> None:
        self.readers.append(reader)
        self.log.append(("subscribed", reader.topic))
        self.on_subscribed(reader)

    def fell_behind(self, reader: TopicReader, position: int) -> None:
        self.log.append(("fell_behind", reader.topic, position))
        self.on_fell_behind(reader, position)

    def left(self, reader: TopicReader) -> None:
        self.log.append(("left", reader.topic))


class GateSwitchedOff(Gate):
    """A gate without its mechanism: what is promised of revocation must break with it."""

    def is_open(self, hold: Hold) -> bool:
        return True

    def revoke(self, principals: Iterable[str] = (), objects: Iterable[str] = (), reason: str = REVOKED) -> None:
        pass

    def rebind(self, holds: Iterable[Hold], reason: str = REVOKED) -> None:
        pass


class Core:
    """A router with one realm, `realm1`, and no edge."""

    def __init__(
        self,
        limits: Limits | None = None,
        authorizer: Authorizer | None = None,
        options: RealmOptions | None = None,
        gate: type[Gate] = Gate,
    ) -> None:
        self.host = HandHost()
        self.limits = limits or Limits()
        self.agent = "core"
        self.counters = RouterCounters()
        self.attempts = Attempts(self.host, self.limits)
        self.authenticator = ByName()
        self.realm1 = Realm("realm1", self.host, self.limits, self.authenticator, authorizer, options)
        self.realm1.gate = gate(self.realm1.answers)
        self.realms = {"realm1": self.realm1}

    def realm_for(self, hello_realm: str) -> Realm | None:
        return self.realms.get(hello_realm)

    def join(
        self,
        authid: str | None = None,
        roles: dict[str, Any] | None = None,
        codec: Codec = "json",
        details_of_peer: PeerDetails = IN_PROCESS,
        **details: Any,
    ) -> Peer:
        """A peer with an open session."""
        peer = Peer(self, codec, details_of_peer)
        if authid is not None:
            details["authid"] = authid
        [welcome] = peer.ask([1, "realm1", {"roles": roles or ROLES, **details}])
        assert welcome[0] == 2, welcome
        peer.session_id = welcome[1]
        return peer

    def serve(self, prefix: str = "src.") -> RecordingSource:
        """A topic source of a service that is not in the realm itself: only its topics are looked at."""
        source = RecordingSource()
        self.realm1.broker.add_source(prefix, source)
        return source


def types_of(messages: Iterable[list[Any]]) -> list[int]:
    """The message types."""
    return [message[0] for message in messages]
