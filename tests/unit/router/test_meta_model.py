"""The meta API against a naive model of it: sessions come, subscribe, register, lose rights and go, in any order.

The model keeps three lists and asks for each right each time. Compared after each step, for an administrator who sees
everything and for eve who sees what she has rights to: every answer of the meta procedures, and every meta event; also
what a revocation takes back of the events that wait for eve while she does not read (G5, G9, G13).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fairlead_router.gate import Gate
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, Rights
from support.meta import Watcher, call, refused

OBJECTS = ("a", "b")
ACTORS = ("alice", "bob")
KEYS = (
    *(("exact", uri) for uri in ("obj.a.x", "obj.a.y", "obj.b.x", "com.x")),
    *(("prefix", uri) for uri in ("obj.", "obj.a.", "com.x")),
)
VERBS = {"subscription": "subscribe", "registration": "register"}
MEMBERS = {"subscription": "subscriber", "registration": "callee"}
TOPICS = (
    "wamp.session.on_join",
    "wamp.session.on_leave",
    *(f"wamp.{kind}.on_{event}" for kind, verb in VERBS.items() for event in ("create", verb, f"un{verb}", "delete")),
)


class Entry:
    """A subscription or a registration."""

    def __init__(self, kind: str, match: str, uri: str, id_: int) -> None:
        self.kind = kind
        self.match = match
        self.uri = uri
        self.id = id_
        self.members: list[int] = []

    @property
    def object(self) -> str | None:
        """What decides who sees it: nothing, if it is a pattern."""
        return self.uri.split(".")[1] if self.match == "exact" and self.uri.startswith("obj.") else None


class Told(NamedTuple):
    """One meta event, and what it is about; None for a session's own."""

    name: str
    session: int
    entry: Entry | None = None

    @property
    def key(self) -> tuple[str, int, int | None]:
        """What can be told from the event itself."""
        return self.name, self.session, None if self.entry is None else self.entry.id


class Observer:
    """Somebody who watches and asks: two sessions of one principal."""

    def __init__(self, core: Core, authid: str) -> None:
        self.authid = authid
        self.watcher = Watcher(core.join(authid), *TOPICS)
        self.caller = core.join(authid)
        self.is_clogged = False
        self.expected: list[Told] = []


class MetaModel(RuleBasedStateMachine):
    """See the module."""

    is_gate_off = False

    def __init__(self) -> None:
        super().__init__()
        self.rights = Rights()
        for authid in ("root", "eve", *ACTORS):
            self.rights.grant(authid, *OBJECTS)
        gate = GateSwitchedOff if self.is_gate_off else Gate
        self.core = Core(authorizer=self.rights, gate=gate)
        self.root, self.eve = Observer(self.core, "root"), Observer(self.core, "eve")
        self.observers = (self.root, self.eve)
        self.sessions: dict[int, str] = {}
        self.actors: dict[int, Peer] = {}
        self.entries: list[Entry] = []
        for observer in self.observers:
            watching = observer.watcher.peer.session_id
            self.sessions |= {watching: observer.authid, observer.caller.session_id: observer.authid}
            for id_, topic in observer.watcher.topics.items():
                self._entry("subscription", "exact", topic, id_).members.append(watching)
        for observer in self.observers:
            observer.watcher.heard()

    # ---- the model ----

    def _entry(self, kind: str, match: str, uri: str, id_: int) -> Entry:
        for entry in self.entries:
            if (entry.kind, entry.id) == (kind, id_):
                return entry
        self.entries.append(Entry(kind, match, uri, id_))
        return self.entries[-1]

    def _may(self, authid: str, name: str | None) -> bool:
        return name is None or (authid, name) in self.rights.granted

    def _tell(self, told: Told) -> None:
        for observer in self.observers:
            if told.entry is None or self._may(observer.authid, told.entry.object):
                observer.expected.append(told)

    def _begin(self, entry: Entry, session: int) -> None:
        if session in entry.members:
            return
        if not entry.members:
            self._tell(Told("on_create", session, entry))
        entry.members.append(session)
        self._tell(Told(f"on_{VERBS[entry.kind]}", session, entry))

    def _end(self, entry: Entry, session: int) -> None:
        entry.members.remove(session)
        self._tell(Told(f"on_un{VERBS[entry.kind]}", session, entry))
        if not entry.members:
            self.entries.remove(entry)
            self._tell(Told("on_delete", session, entry))

    def _held(self, session: int) -> list[Entry]:
        return [entry for entry in self.entries if session in entry.members]

    # ---- sessions ----

    @initialize(held=st.lists(st.tuples(st.sampled_from(sorted(VERBS)), st.sampled_from(KEYS)), min_size=1, max_size=4))
    def begin(self, held: list[tuple[str, tuple[str, str]]]) -> None:
        for authid in ACTORS:
            self.join(authid)
            for kind, key in held:
                self._hold(list(self.actors)[-1], kind, *key)

    @precondition(lambda self: len(self.actors) < 4)
    @rule(authid=st.sampled_from(ACTORS))
    def join(self, authid: str) -> None:
        peer = self.core.join(authid, roles=EVERY_FEATURE)
        self.actors[peer.session_id] = peer
        self.sessions[peer.session_id] = authid
        self._tell(Told("on_join", peer.session_id))

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), way=st.sampled_from(["goodbye", "vanish", "kill"]))
    def leave(self, data: st.DataObject, way: str) -> None:
        session = data.draw(st.sampled_from(list(self.actors)))
        peer = self.actors.pop(session)
        if way == "goodbye":
            peer.ask([6, {}, "wamp.close.normal"])
        elif way == "vanish":
            peer.vanish()
        else:
            assert call(self.root.caller, "wamp.session.kill", session) is None
        for entry in self._held(session):
            self._end(entry, session)
        del self.sessions[session]
        self._tell(Told("on_leave", session))

    # ---- what they hold ----

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), kind=st.sampled_from(sorted(VERBS)), key=st.sampled_from(KEYS))
    def hold(self, data: st.DataObject, kind: str, key: tuple[str, str]) -> None:
        self._hold(data.draw(st.sampled_from(list(self.actors))), kind, *key)

    def _hold(self, session: int, kind: str, match: str, uri: str) -> None:
        if any((entry.kind, entry.match, entry.uri) == (kind, match, uri) for entry in self._held(session)):
            return
        request = [32, 1, {"match": match}] if kind == "subscription" else [64, 1, {"match": match, "invoke": "last"}]
        [answer] = self.actors[session].ask([*request, uri])
        if self._may(self.sessions[session], Entry(kind, match, uri, 0).object):
            self._begin(self._entry(kind, match, uri, answer[2]), session)
        else:
            assert answer[4] == "wamp.error.not_authorized"

    @precondition(lambda self: any(map(self._held, self.actors)))
    @rule(data=st.data(), is_removed=st.booleans())
    def release(self, data: st.DataObject, is_removed: bool) -> None:
        pairs = [(entry, session) for session in self.actors for entry in self._held(session)]
        entry, session = data.draw(st.sampled_from(pairs))
        if is_removed:
            procedure = f"wamp.{entry.kind}.remove_{MEMBERS[entry.kind]}"
            assert call(self.root.caller, procedure, entry.id, session) is None
            self.actors[session].take()
        else:
            self.actors[session].ask([34 if entry.kind == "subscription" else 66, 1, entry.id])
        self._end(entry, session)

    # ---- rights ----

    @rule(authid=st.sampled_from([*ACTORS, "eve"]), name=st.sampled_from(OBJECTS))
    def grant(self, authid: str, name: str) -> None:
        self.rights.grant(authid, name)
        self.core.realm1.gate.grant()

    @rule(authid=st.sampled_from([*ACTORS, "eve"]), name=st.sampled_from(OBJECTS), by_object=st.booleans())
    def revoke(self, authid: str, name: str, by_object: bool) -> None:
        self.rights.take_away(authid, name)
        self.core.realm1.gate.revoke([] if by_object else [authid], [name] if by_object else [])
        if authid == "eve":
            self.eve.expected = [told for told in self.eve.expected if told.entry is None or told.entry.object != name]
        for session, peer in self.actors.items():
            if self.sessions[session] == authid:
                for entry in self._held(session):
                    if entry.object == name:
                        self._end(entry, session)
            peer.take()

    @rule()
    def eve_stops_reading(self) -> None:
        if not self.eve.is_clogged:
            self.eve.watcher.peer.clog()
            self.eve.is_clogged = True

    @rule()
    def eve_reads_on(self) -> None:
        self.eve.watcher.peer.read_on()
        self.eve.is_clogged = False

    # ---- what is compared ----

    @invariant()
    def events_are_those_of_the_model(self) -> None:
        self.core.host.run()
        for observer in self.observers:
            heard = [_key(name, args) for name, args in observer.watcher.heard()]
            if observer.is_clogged:
                assert heard == []
                continue
            expected, observer.expected = [told.key for told in observer.expected], []
            assert _by_entry(heard) == _by_entry(expected)

    @invariant()
    def sessions_are_those_of_the_model(self) -> None:
        for observer in self.observers:
            assert call(observer.caller, "wamp.session.list") == list(self.sessions)
            assert call(observer.caller, "wamp.session.count", ["user"]) == len(self.sessions)

    @invariant()
    def lists_are_those_of_the_model(self) -> None:
        for observer in self.observers:
            for kind in VERBS:
                expected: dict[str, list[int]] = {"exact": [], "prefix": [], "wildcard": []}
                for entry in self.entries:
                    if entry.kind == kind and self._may(observer.authid, entry.object):
                        expected[entry.match].append(entry.id)
                assert call(observer.caller, f"wamp.{kind}.list") == expected

    @invariant()
    def each_entry_is_as_in_the_model_or_does_not_exist(self) -> None:
        for observer in self.observers:
            for entry in self.entries:
                if not entry.uri.startswith("wamp."):
                    self._compare(observer, entry)

    def _compare(self, observer: Observer, entry: Entry) -> None:
        prefix, member = f"wamp.{entry.kind}.", MEMBERS[entry.kind]
        found = call(observer.caller, prefix + "lookup", entry.uri, {"match": entry.match})
        if not self._may(observer.authid, entry.object):
            assert found is None
            for name in ("get", f"list_{member}s", f"count_{member}s"):
                assert refused(observer.caller, prefix + name, entry.id) == f"wamp.error.no_such_{entry.kind}"
            return
        assert found == entry.id
        assert call(observer.caller, prefix + "get", entry.id)["uri"] == entry.uri
        assert call(observer.caller, f"{prefix}list_{member}s", entry.id) == entry.members
        assert call(observer.caller, f"{prefix}count_{member}s", entry.id) == len(entry.members)


def _key(name: str, args: list[Any]) -> tuple[str, int, int | None]:
    if name == "on_join":
        return name, args[0]["session"], None
    if name == "on_leave":
        return name, args[0], None
    return name, args[0], args[1]["id"] if isinstance(args[1], dict) else args[1]


def _by_entry(events: Iterable[tuple[str, int, int | None]]) -> list[tuple[str, int, int | None]]:
    """What one revocation ends has no order; what is told of one entry has, but for which of its sessions is first and
    which, named with on_delete, is last. A session joins first and leaves last.
    """
    places = {"on_join": 0, "on_leave": 2}
    events = [(name, 0 if name == "on_delete" else session_id, entry) for name, session_id, entry in events]
    ordered = sorted(events, key=lambda event: (places.get(event[0], 1), event[2] or 0))
    alike = groupby(ordered, key=lambda event: (event[0], event[2]))
    return [event for _, run in alike for event in sorted(run, key=lambda event: event[1])]


class MetaModelWithoutGate(MetaModel):
    is_gate_off = True


SETTINGS = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_meta_api_tells_what_the_model_tells() -> None:
    run_state_machine_as_test(MetaModel, settings=SETTINGS)


def test_model_finds_what_a_router_without_its_gate_tells_too_much() -> None:
    quickly = settings(SETTINGS, max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(MetaModelWithoutGate, settings=quickly)
