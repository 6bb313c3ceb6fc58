"""A visitor: one connection with its session, from the handshake to whatever way it ends, and what it does meanwhile.

What it does is drawn from one `random.Random`. It lives (attending.py), answers what it is invoked for, or not, and
takes no refusal amiss: whether the router answers right is the business of other tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any

from fairlead_router.transcode import Codec
from soak.process import RouterProcess
from support.attending import CLIENTS, Attended
from support.core import EVERY_FEATURE
from support.wamp import Client, ClosedError

CODECS: tuple[Codec, ...] = ("json", "msgpack", "cbor")
REALMS = ("realm1", "realm1", "realm1", "realm2", "realm2", "on.demand.")
TOPICS = (
    "com.news", "com.burst", "com.volatile.x", "com.volatile.y", "com.volatile.z",
    "com.kept", "com.kept.more", "com.a.changed", "com.b.changed",
)  # fmt: skip
TOPIC_PATTERNS = (
    ("com", "prefix"), ("com.volatile", "prefix"), ("com.volatile.", "prefix"), ("com.kept", "prefix"),
    ("com..changed", "wildcard"),
    ("wamp", "prefix"), ("wamp.session.on_leave", "exact"), ("fairlead.session.lagged", "exact"),
)  # fmt: skip
PROCEDURES = ("com.add", "com.volatile.add", "com.slow", "com.shared")
PROCEDURE_PATTERNS = (("com.under", "prefix"), ("com..wild", "wildcard"))
POLICIES = ("single", "roundrobin", "random", "first", "last")
META = (
    "wamp.session.count", "wamp.session.list", "wamp.subscription.list", "wamp.registration.list",
    "wamp.session.add_testament", "wamp.session.flush_testaments", "wamp.session.get", "wamp.subscription.match",
    "wamp.registration.match", "wamp.subscription.get_events", "wamp.subscription.list_subscribers",
    "wamp.registration.list_callees", "wamp.subscription.lookup", "wamp.session.kill",
)  # fmt: skip
OPTIONS: dict[str, Any] = {
    "retain": True, "exclude_me": False, "disclose_me": True, "exclude_authid": ["nobody"],
    "eligible_authrole": ["anonymous"], "exclude": [1, 2, 3],
}  # fmt: skip
"""Of PUBLISH, each now and then."""
MOST_ACTS = 12
PATIENCE_S = 0.3
"""How long a visitor waits for an answer before it goes on without."""
SILENCE_S = 2.0
"""How long one that is gone without a word waits for the router to notice, at most."""


class Visitor(Attended):
    """See the module."""

    def __init__(self, client: Client, random: Random) -> None:
        super().__init__(client)
        self.random = random
        self.subscriptions: list[int] = []
        self.registrations: list[int] = []

    @classmethod
    async def connect(cls, router: RouterProcess, random: Random) -> Visitor:
        """Over any transport, in any serializer, with a session in some realm. Raises ClosedError, OSError."""
        transport = random.choice(("websocket", "websocket", "rawsocket"))
        endpoint = random.choice(("tcp", "tcp", "tls", "unix"))
        client = await CLIENTS[transport].connect(
            router.where[endpoint],
            random.choice(CODECS),
            receive_buffer=random.choice((None, 4096)),
            tls=router.authority.client_context() if endpoint == "tls" else None,
            is_batched=random.random() < 0.3,  # RawSocket has no batches, and takes no notice
        )
        realm = random.choice(REALMS)
        if realm.endswith("."):
            realm += str(random.randrange(20))
        try:
            welcome = await client.ask([1, realm, {"roles": EVERY_FEATURE}])
            client.session_id = welcome[1] if welcome[0] == 2 else 0
        except BaseException:
            client.reset()
            raise
        return cls(client, random)

    async def stay(self, over: asyncio.Event) -> None:
        """Some acts, or fewer when it is over, then the end."""
        with suppress(ClosedError, OSError):
            for _ in range(self.random.randrange(1, MOST_ACTS)):
                if over.is_set():
                    break
                act = self.random.choice(ACTS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_S):
                        await act(self)
            await self.random.choice(FAREWELLS)(self)

    # ---- what it does ----

    async def subscribe(self) -> None:
        uri, match = self.random.choice([*((topic, "exact") for topic in TOPICS), *TOPIC_PATTERNS])
        answer = await self.ask(32, {"match": match, "get_retained": self._maybe()}, uri)
        if answer[0] == 33:
            self.subscriptions.append(answer[2])

    async def unsubscribe(self) -> None:
        if self.subscriptions:
            await self.ask(34, self.subscriptions.pop())

    async def publish(self) -> None:
        for _ in range(self.random.choice((1, 1, 5, 20))):
            await self.ask(16, self._publish_options(), self.random.choice(TOPICS), [self._payload(2_000)], {"k": 1})

    async def burst(self) -> None:
        for _ in range(100):
            self.client.send([16, self.next_request(), {}, "com.burst", ["x" * self.random.randrange(8_000)]])
        await self.ask(16, {"acknowledge": True}, "com.burst")

    async def register(self) -> None:
        uri, match = self.random.choice([*((uri, "exact") for uri in PROCEDURES), *PROCEDURE_PATTERNS])
        invoke = "roundrobin" if uri == "com.shared" else self.random.choice(POLICIES)
        options: dict[str, Any] = {"match": match, "invoke": invoke}
        if self._maybe():
            options["concurrency"] = self.random.randrange(1, 4)
        if self._maybe():
            options["force_reregister"] = True
        answer = await self.ask(64, options, uri)
        if answer[0] == 65:
            self.registrations.append(answer[2])

    async def unregister(self) -> None:
        if self.registrations:
            await self.ask(66, self.registrations.pop())

    async def call(self) -> None:
        options = {"receive_progress": self._maybe(), "timeout": self.random.choice((0, 50, 200))}
        await self.ask(48, options, self._procedure(), [self._payload(500)])

    async def cancel(self) -> None:
        answer = self.start(48, {}, self._procedure(), [1])
        self.client.send([49, self.last_request, {"mode": self.random.choice(("skip", "kill", "killnowait"))}])
        await answer

    async def call_progressively(self) -> None:
        procedure = self._procedure()
        answer = self.start(48, {"progress": True}, procedure, [0])
        request = self.last_request
        for number in range(3):
            self.client.send([48, request, {"progress": number < 2}, procedure, [number]])
        await answer

    async def ask_meta(self) -> None:
        procedure = self.random.choice(META)
        arguments: dict[str, list[Any]] = {
            "wamp.session.add_testament": [self.random.choice(TOPICS), [self._payload(500)], {}],
            "wamp.session.kill": [self.client.session_id],
            "wamp.session.get": [self.client.session_id],
            "wamp.subscription.get_events": self.subscriptions[:1],
            "wamp.subscription.list_subscribers": self.subscriptions[:1],
            "wamp.registration.list_callees": self.registrations[:1],
        }
        by_uri = procedure.rpartition(".")[2] in {"match", "lookup"}
        given = [self.random.choice(TOPICS)] if by_uri else arguments.get(procedure, [])
        await self.ask(48, {}, procedure, given)

    async def stop_reading(self) -> None:
        """For a while; what is published meanwhile piles up."""
        self.client.stop_reading()
        await asyncio.sleep(self.random.random() * PATIENCE_S)
        self.client.read_on()

    async def rest(self) -> None:
        await asyncio.sleep(self.random.random() * PATIENCE_S)

    # ---- how it ends ----

    async def say_goodbye(self) -> None:
        self.client.send([6, {}, "wamp.close.normal"])
        async with asyncio.timeout(PATIENCE_S):
            await self.ended.wait()

    async def close(self) -> None:
        """The socket, without a word: what leaving does."""

    async def reset(self) -> None:
        self.client.reset()

    async def half_close(self) -> None:
        with suppress(NotImplementedError, RuntimeError):  # TLS cannot
            self.client.writer.write_eof()
        await self._wait_for_end()

    async def break_the_protocol(self) -> None:
        self.client.send(self.random.choice(([2, 1, {}], [48], [16, "x", {}, "com.x"], [1, "realm1", {}])))
        await self._wait_for_end()

    async def vanish(self) -> None:
        """No PONG, no reading, no FIN: the router has to find out."""
        self.client.stop_reading()
        self.stop_attending()
        await asyncio.sleep(SILENCE_S)

    async def _wait_for_end(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_S):
                await self.ended.wait()

    # ---- what it hears ----

    def hear(self, message: list[Any]) -> None:
        if message[0] == 68:
            self._answer_invocation(message)
        elif message[0] == 69 and self._maybe():
            self.client.send([8, 68, message[1], {}, "wamp.error.canceled"])

    def _answer_invocation(self, message: list[Any]) -> None:
        request, details = message[1], message[3]
        chance = self.random.random()
        if chance < 0.1:
            return  # it will hear of a timeout, or its end
        if details.get("receive_progress"):
            for number in range(3):
                self.client.send([70, request, {"progress": True}, [number]])
        if chance < 0.2:
            self.client.send([8, 68, request, {}, self.random.choice(("com.error", "wamp.error.unavailable"))])
        else:
            self.client.send([70, request, {}, [self._payload(500)]])

    # ---- drawing ----

    def _maybe(self) -> bool:
        return self.random.random() < 0.5

    def _payload(self, size: int) -> str:
        return "x" * self.random.randrange(size)

    def _procedure(self) -> str:
        return self.random.choice((*PROCEDURES, "com.under.x", "com.any.wild", "com.nowhere"))

    def _publish_options(self) -> dict[str, Any]:
        return {"acknowledge": True, **{name: value for name, value in OPTIONS.items() if self.random.random() < 0.2}}


ACTS: list[Callable[[Visitor], Awaitable[None]]] = [
    Visitor.subscribe, Visitor.subscribe, Visitor.subscribe, Visitor.unsubscribe,
    Visitor.publish, Visitor.publish, Visitor.burst,
    Visitor.register, Visitor.register, Visitor.unregister,
    Visitor.call, Visitor.call, Visitor.cancel, Visitor.call_progressively,
    Visitor.ask_meta, Visitor.ask_meta, Visitor.stop_reading, Visitor.rest,
]  # fmt: skip
FAREWELLS: list[Callable[[Visitor], Awaitable[None]]] = [
    Visitor.say_goodbye, Visitor.say_goodbye, Visitor.say_goodbye, Visitor.close, Visitor.close, Visitor.close,
    Visitor.reset, Visitor.reset, Visitor.half_close, Visitor.break_the_protocol, Visitor.vanish,
]  # fmt: skip
