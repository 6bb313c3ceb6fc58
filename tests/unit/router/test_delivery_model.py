"""The router against a naive model of it: a few sessions do anything, in any order, and both must agree.

The model knows no cells, no caches and no tables by length: it walks over all subscriptions for each publication, asks
for the right each time, and takes back what is queued by looking at every message. Compared is, message by message,
what each session receives: who gets what (G1, G2, G9, G10), and in which order (R1).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fairlead_router.limits import Limits
from fairlead_router.payload import Payload
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, Rights

AUTHIDS = ("alice", "bob")
OBJECTS = ("a", "b")
TOPICS = ("obj.a.x", "obj.a.y", "obj.b.x", "com.x", "com.x.y")
PATTERNS = (*TOPICS, "obj.", "obj.a", "com", "com.x", "o", "obj..x", "obj.a.", ".a.x", "obj..", ".")


class Key(NamedTuple):
    """A subscription as its subscriber names it."""

    match: str
    uri: str

    def matches(self, topic: str) -> bool:
        if self.match == "prefix":
            return topic.startswith(self.uri)
        if self.match == "exact":
            return topic == self.uri
        pattern, components = self.uri.split("."), topic.split(".")
        return len(pattern) == len(components) and all(map(_fits, pattern, components))


def _fits(pattern: str, component: str) -> bool:
    return pattern in ("", component)


LISTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "exclude": st.just([]),
            "eligible": st.just([]),
            "exclude_authid": st.sampled_from([[], ["alice"], ["bob"]]),
            "eligible_authid": st.sampled_from([[], ["alice"], ["bob", "alice"]]),
            "eligible_authrole": st.sampled_from([["admin"], ["user"]]),
        },
    ),
)
"""Lists of PUBLISH; those of sessions get one when it is known which."""

LIMITS = Limits(retained_per_topic=1_000)
"""The model keeps everything."""

MATCHES = ("exact", "prefix", "wildcard")


def is_valid(key: Key) -> bool:
    """Whether the grammar of its match policy allows the URI."""
    components = key.uri.split(".")
    if key.match == "prefix":
        components.pop()
    return key.match == "wildcard" or "" not in components


class Expected(NamedTuple):
    """One message that a session must receive."""

    kind: str
    number: int
    key: Key | None = None
    topic: str = ""


def object_of(topic: str) -> str | None:
    return topic.split(".")[1] if topic.startswith("obj.") else None


class Kept(NamedTuple):
    """A retained event as the model remembers it: all there ever were, nothing replaced."""

    number: int
    authid: str
    excluded: Seat | None
    lists: dict[str, Any]


class Seat:
    """A session, its peer, and what the model thinks of both."""

    def __init__(self, peer: Peer, authid: str) -> None:
        self.peer = peer
        self.authid = authid
        self.is_clogged = False
        self.subscriptions: dict[Key, None] = {}
        self.ended: set[Key] = set()
        self.queued: list[Expected] = []
        self.ids: dict[int, Key] = {}
        self.asked: dict[int, Key] = {}

    def forget(self, key: Key, topic: str | None = None) -> None:
        """Take back what is queued for a subscription, or for one topic of it."""
        self.queued = [
            each
            for each in self.queued
            if not (each.kind in ("event", "retained") and each.key == key and topic in (None, each.topic))
        ]


class RouterModel(RuleBasedStateMachine):
    """See the module."""

    is_gate_off = False
    seats = Bundle("seats")

    def __init__(self) -> None:
        super().__init__()
        self.rights = Rights()
        for authid in AUTHIDS:
            self.rights.grant(authid, *OBJECTS)
        self.core = Core(LIMITS, self.rights, gate=GateSwitchedOff) if self.is_gate_off else Core(LIMITS, self.rights)
        self.open: list[Seat] = []
        self.kept: dict[str, list[Kept]] = {}
        self.number = 0

    def next(self) -> int:
        self.number += 1
        return self.number

    def may(self, authid: str, topic: str) -> bool:
        name = object_of(topic)
        return name is None or (authid, name) in self.rights.granted

    # ---- sessions ----

    @precondition(lambda self: len(self.open) < 5)
    @rule(target=seats, authid=st.sampled_from(AUTHIDS), codec=st.sampled_from(["json", "msgpack", "cbor"]))
    def join(self, authid: str, codec: Any) -> Seat:
        return self._join(authid, codec)

    def _join(self, authid: str, codec: Any) -> Seat:
        self.compare()
        seat = Seat(self.core.join(authid, roles=EVERY_FEATURE, codec=codec), authid)
        self.open.append(seat)
        return seat

    @initialize(
        target=seats,
        authids=st.lists(st.sampled_from(AUTHIDS), min_size=2, max_size=3),
        wanted=st.lists(st.sampled_from((*TOPICS, "obj.", "com")), min_size=1, max_size=5),
    )
    def begin(self, authids: list[str], wanted: list[str]) -> Any:
        seats = [self._join(authid, "json") for authid in authids]
        for seat in seats:
            for uri in wanted:
                self._subscribe(seat, "exact" if uri in TOPICS else "prefix", uri, gets_retained=False)
        for topic in TOPICS:
            self._publish(seats[0], topic, {"exclude_me": True, "acknowledge": False, "retain": True}, {})
        self.compare()
        return multiple(*seats)

    @rule(seat=consumes(seats))
    def vanish(self, seat: Seat) -> None:
        self.open.remove(seat)
        seat.peer.vanish()

    @rule(seat=seats)
    def stop_reading(self, seat: Seat) -> None:
        if not seat.is_clogged:
            self.compare()
            seat.peer.clog()
            seat.is_clogged = True

    @rule(seat=seats)
    def read_on(self, seat: Seat) -> None:
        seat.is_clogged = False
        seat.peer.read_on()

    # ---- requests ----

    @rule(seat=seats, match=st.sampled_from(MATCHES), uri=st.sampled_from(PATTERNS), gets_retained=st.booleans())
    def subscribe(self, seat: Seat, match: str, uri: str, gets_retained: bool) -> None:
        self._subscribe(seat, match, uri, gets_retained)

    def _subscribe(self, seat: Seat, match: str, uri: str, gets_retained: bool) -> None:
        number, key = self.next(), Key(match, uri)
        if not is_valid(key):
            return
        seat.peer.send([32, number, {"match": match, "get_retained": gets_retained}, uri])
        seat.asked[number] = key
        if match == "exact" and not self.may(seat.authid, uri):
            seat.queued.append(Expected("error", number))
            return
        seat.queued.append(Expected("subscribed", number, key))
        if gets_retained and key not in seat.subscriptions:
            seat.queued += self._retained_for(seat, key)
        seat.subscriptions[key] = None
        seat.ended.discard(key)

    def _retained_for(self, seat: Seat, key: Key) -> Iterator[Expected]:
        for topic, kept in self.kept.items():
            event = self._latest(seat, kept)
            if key.matches(topic) and event and self.may(event.authid, topic) and self.may(seat.authid, topic):
                yield Expected("retained", event.number, key, topic)

    def _latest(self, seat: Seat, kept: list[Kept]) -> Kept | None:
        """One for everybody hides what was before it, and so does one for the same receivers."""
        hidden: list[dict[str, Any]] = []
        for event in reversed(kept):
            if event.lists not in hidden and event.excluded is not seat and self._is_listed(seat, event.lists):
                return event
            hidden.append(event.lists)
            if not event.lists:
                break
        return None

    def _is_listed(self, seat: Seat, lists: dict[str, Any]) -> bool:
        mine = {"authid": seat.authid, "session": seat.peer.session_id, "authrole": "user"}
        for name, listed in lists.items():
            kind, _, attribute = name.partition("_")
            if (mine[attribute or "session"] in listed) != (kind == "eligible"):
                return False
        return True

    @rule(seat=seats, data=st.data())
    @precondition(lambda self: any(seat.ids for seat in self.open))
    def unsubscribe(self, seat: Seat, data: st.DataObject) -> None:
        known = {key: subscription for subscription, key in seat.ids.items()}
        if not known:
            return
        key = data.draw(st.sampled_from(sorted(known)))
        number = self.next()
        if any(each.kind == "subscribed" and each.key == key for each in seat.queued):
            return  # it has begun anew, perhaps under an id that has not arrived yet
        seat.peer.send([34, number, known[key]])
        if key in seat.subscriptions:
            del seat.subscriptions[key]
            seat.forget(key)
            seat.queued.append(Expected("unsubscribed", number))
        elif key in seat.ended:
            seat.ended.discard(key)
            seat.queued.append(Expected("unsubscribed", number))
        else:
            seat.queued.append(Expected("error", number))

    @rule(
        seat=seats,
        topics=st.lists(st.sampled_from(TOPICS), min_size=1, max_size=6),
        flags=st.fixed_dictionaries({name: st.booleans() for name in ("exclude_me", "acknowledge", "retain")}),
        lists=LISTS,
        listed=seats,
    )
    def publish(
        self, seat: Seat, topics: list[str], flags: dict[str, bool], lists: dict[str, Any], listed: Seat
    ) -> None:
        for name in ("exclude", "eligible"):
            if name in lists:
                lists = {**lists, name: [listed.peer.session_id]}
        for topic in topics:
            self._publish(seat, topic, flags, lists)

    def _publish(self, seat: Seat, topic: str, flags: dict[str, bool], lists: dict[str, Any]) -> None:
        number = self.next()
        excluded = seat if flags["exclude_me"] else None
        seat.peer.send([16, number, {**flags, **lists}, topic, [number]])
        is_allowed = self.may(seat.authid, topic)
        if is_allowed and flags["retain"]:
            self.kept[topic] = [*self.kept.pop(topic, []), Kept(number, seat.authid, excluded, lists)]
        for each in self.open if is_allowed else ():
            if each is excluded or not self._is_listed(each, lists):
                continue
            for key in each.subscriptions:
                if key.matches(topic) and self.may(each.authid, topic):
                    each.queued.append(Expected("event", number, key, topic))
        if flags["acknowledge"]:
            seat.queued.append(Expected("published" if is_allowed else "error", number))

    # ---- rights ----

    @rule(authid=st.sampled_from(AUTHIDS), name=st.sampled_from(OBJECTS))
    def grant(self, authid: str, name: str) -> None:
        self.rights.grant(authid, name)
        self.core.realm1.gate.grant()

    @rule(
        authid=st.sampled_from(AUTHIDS),
        name=st.sampled_from(OBJECTS),
        way=st.sampled_from(["principal", "object", "both", "all"]),
    )
    def revoke(self, authid: str, name: str, way: str) -> None:
        self.rights.take_away(authid, name)
        gate = self.core.realm1.gate
        if way == "all":
            gate.revoke_all()
        else:
            gate.revoke([authid] * (way != "object"), [name] * (way != "principal"))
        for seat in self.open:
            if seat.authid == authid:
                self._lose(seat, name)

    def _lose(self, seat: Seat, name: str) -> None:
        for key in list(seat.subscriptions):
            if key.match == "exact" and object_of(key.uri) == name:
                del seat.subscriptions[key]
                seat.forget(key)
                seat.ended.add(key)
                seat.queued.append(Expected("revoked", 0, key))
            elif key.match != "exact":
                for topic in TOPICS:
                    if object_of(topic) == name:
                        seat.forget(key, topic)

    # ---- what is compared ----

    def teardown(self) -> None:
        for seat in self.open:
            self.read_on(seat)
        self.compare()

    @rule()
    def compare(self) -> None:
        """Everything comes to rest; what is not compared yet has been done within one turn."""
        self.core.host.run()
        for seat in self.open:
            arrived = [self._understood(seat, message) for message in seat.peer.take()]
            if seat.is_clogged:
                assert arrived == []
                continue
            expected, seat.queued = seat.queued, []
            assert _tidy(arrived) == _tidy(expected)

    def _understood(self, seat: Seat, message: list[Any]) -> Expected:
        kind = message[0]
        if kind == 33:
            key = seat.asked[message[1]]
            seat.ids = {number: known for number, known in seat.ids.items() if known != key}
            seat.ids[message[2]] = key
            return Expected("subscribed", message[1], key)
        if kind == 35 and message[1] == 0:
            return Expected("revoked", 0, seat.ids[message[2]["subscription"]])
        if kind == 36:
            return self._event(seat, message)
        return Expected({35: "unsubscribed", 17: "published", 8: "error"}[kind], message[2 if kind == 8 else 1])

    def _event(self, seat: Seat, message: list[Any]) -> Expected:
        key = seat.ids[message[1]]
        topic = message[3].get("topic", key.uri)
        assert ("topic" in message[3]) == (key.match != "exact")
        return Expected("retained" if "retained" in message[3] else "event", message[4][0], key, topic)


def _tidy(messages: list[Expected]) -> list[list[Expected]]:
    """The copies of one publication for several subscriptions, and notices of one revocation, have no order."""
    return [sorted(group) for _, group in groupby(messages, key=lambda each: (each.kind, each.number))]


class RouterModelWithoutGate(RouterModel):
    is_gate_off = True


SETTINGS = settings(
    max_examples=250,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_router_does_what_the_model_does() -> None:
    run_state_machine_as_test(RouterModel, settings=SETTINGS)


def test_model_finds_what_a_router_without_its_gate_does_wrong() -> None:
    quickly = settings(SETTINGS, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(RouterModelWithoutGate, settings=quickly)


class AsynchronousModel(RuleBasedStateMachine):
    """With an authorizer that answers whenever it likes, and rights that come and go meanwhile.

    What exactly is delivered depends on when it was asked. What does not: whoever had the right all the time gets
    all, once and in order; whoever did not have it between the publication and the last answer gets nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rights = Rights()
        self.core = Core(authorizer=self.rights)
        self.number = 0
        self.permitted_to_bob: set[int] = set()
        self.unsettled: dict[str, set[int]] = {name: set() for name in OBJECTS}
        self.expected: dict[str, list[int]] = {"obj.a.x": [], "obj.b.x": []}
        self.got: dict[tuple[str, str], list[int]] = {}
        for authid in AUTHIDS:
            self.rights.grant(authid, *OBJECTS)
        self.peers: dict[tuple[str, str], Peer] = {}
        for authid in AUTHIDS:
            for match, uri in (("prefix", "obj."), ("exact", "obj.a.x")):
                peer = self.peers[authid, match] = self.core.join(authid, roles=EVERY_FEATURE)
                peer.subscribe(uri, match=match)
                self.got[authid, match] = []
        self.rights.is_asynchronous = True

    @rule(name=st.sampled_from(OBJECTS), count=st.integers(1, 3))
    def publish(self, name: str, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.core.realm1.pubsub.deliver(f"obj.{name}.x", Payload.from_values([self.number]), {})
            self.expected[f"obj.{name}.x"].append(self.number)
            self.unsettled[name].add(self.number)
            if ("bob", name) in self.rights.granted:
                self.permitted_to_bob.add(self.number)

    @rule()
    def turn(self) -> None:
        self.core.host.turn()

    @rule(which=st.integers(0, 3))
    def answer(self, which: int) -> None:
        """Any of the open questions, not only the oldest."""
        if which < len(self.rights.asked):
            self.rights.asked.insert(0, self.rights.asked.pop(which))
            self.rights.answer()

    @rule(is_clogged=st.booleans(), match=st.sampled_from(["prefix", "exact"]))
    def stop_or_read_on(self, is_clogged: bool, match: str) -> None:
        peer = self.peers["alice", match]
        if is_clogged and not peer.network.is_paused:
            peer.clog()
        elif not is_clogged:
            peer.read_on()

    @rule(name=st.sampled_from(OBJECTS), way=st.sampled_from(["principal", "object", "all"]))
    def revoke_bob(self, name: str, way: str) -> None:
        """Never alice: she must not notice that she is judged again."""
        self._collect()
        self.rights.take_away("bob", name)
        gate = self.core.realm1.gate
        if way == "all":
            gate.revoke_all()
        else:
            gate.revoke(["bob"] * (way == "principal"), [name] * (way == "object"))
        unsent = set(self.expected[f"obj.{name}.x"]) - set(self.got["bob", "prefix"]) - set(self.got["bob", "exact"])
        self.permitted_to_bob -= unsent

    @rule(name=st.sampled_from(OBJECTS))
    def grant_bob(self, name: str) -> None:
        self.rights.grant("bob", name)
        self.core.realm1.gate.grant()
        self.permitted_to_bob |= self.unsettled[name]

    @rule()
    def settle(self) -> None:
        self.core.host.run()
        while self.rights.answer():
            self.core.host.run()
        for numbers in self.unsettled.values():
            numbers.clear()

    def _collect(self) -> None:
        for key, peer in self.peers.items():
            messages = [_decode(data) for data in peer.network.arrived]
            peer.network.arrived.clear()
            self.got[key] += [message[4][0] for message in messages if message[0] == 36]

    def teardown(self) -> None:
        for peer in self.peers.values():
            peer.read_on()
        self.settle()
        self._collect()
        everything = sorted([*self.expected["obj.a.x"], *self.expected["obj.b.x"]])
        assert self.got["alice", "prefix"] == everything
        assert self.got["alice", "exact"] == self.expected["obj.a.x"]
        for match in ("prefix", "exact"):
            numbers = self.got["bob", match]
            assert numbers == sorted(set(numbers)), "once, and in order"
            assert set(numbers) <= self.permitted_to_bob


def _decode(data: bytes) -> list[Any]:
    message: list[Any] = msgspec.json.decode(data)
    return message


def test_asynchronous_authorizer_costs_nobody_an_event_and_gives_nobody_one() -> None:
    run_state_machine_as_test(AsynchronousModel, settings=settings(SETTINGS, max_examples=150, stateful_step_count=30))
