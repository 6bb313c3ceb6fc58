"""Reflection: who may describe a URI, who sees the description, and how much is kept."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import Action, Limits, Match, Principal
from support.core import Core, Peer, Rights
from support.meta import Watcher, call, refused

DEFINE, UNDEFINE, DESCRIBE = "wamp.reflect.define", "wamp.reflect.undefine", "wamp.reflect.describe"
TOPIC = {"type": "topic", "title": "A topic", "args": [{"type": "string"}]}
PROCEDURE = {"type": "procedure", "title": "A procedure"}
ERROR = {"type": "error"}


class ByAction(Rights):
    """Nobody may do what is denied here."""

    def __init__(self) -> None:
        super().__init__()
        self.denied: set[tuple[str, Action, str]] = set()

    def judge(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        return (principal.authid, action, uri) not in self.denied


@pytest.fixture
def rights() -> ByAction:
    return ByAction()


@pytest.fixture
def core(rights: ByAction) -> Core:
    return Core(authorizer=rights)


@pytest.fixture
def alice(core: Core) -> Peer:
    return core.join("alice")


def test_what_is_defined_is_listed_by_its_type_and_described(alice: Peer) -> None:
    definitions: dict[str, dict[str, Any]] = {"com.t": TOPIC, "com.p": PROCEDURE, "com.e": ERROR}
    for uri, definition in definitions.items():
        assert call(alice, DEFINE, uri, definition) is True
    for uri, definition in definitions.items():
        assert call(alice, f"wamp.reflection.{definition['type']}.list") == [uri]
        assert call(alice, f"wamp.reflection.{definition['type']}.describe", uri) == definition
        assert call(alice, DESCRIBE, uri) == definition
    assert call(alice, DESCRIBE) == definitions


def test_what_is_not_defined_so_has_no_description(alice: Peer) -> None:
    call(alice, DEFINE, "com.t", TOPIC)
    assert call(alice, "wamp.reflection.procedure.describe", "com.t") is None
    assert call(alice, "wamp.reflection.topic.describe", "com.other") is None
    assert call(alice, DESCRIBE, "com.other") is None
    assert call(alice, DESCRIBE) == {"com.t": TOPIC}


def test_another_definition_replaces_the_first_and_the_same_changes_nothing(alice: Peer) -> None:
    watcher = Watcher(alice, "wamp.reflect.on_define")
    assert call(alice, DEFINE, "com.x", TOPIC) is True
    assert call(alice, DEFINE, "com.x", TOPIC) is None
    assert call(alice, DEFINE, "com.x", PROCEDURE) is False
    assert call(alice, DESCRIBE, "com.x") == PROCEDURE
    assert watcher.heard() == [
        ("on_define", ["com.x", TOPIC, True]),
        ("on_define", ["com.x", PROCEDURE, False]),
    ]


@pytest.mark.parametrize(("procedure", "found", "missing"), [(UNDEFINE, True, False), (DEFINE, True, False)])
def test_undefining_is_also_defining_as_nothing(alice: Peer, procedure: str, found: bool, missing: bool) -> None:
    watcher = Watcher(alice, "wamp.reflect.on_undefine")
    call(alice, DEFINE, "com.x", TOPIC)
    assert call(alice, procedure, "com.x") is found
    assert call(alice, procedure, "com.x") is missing
    assert call(alice, DESCRIBE) == {}
    assert watcher.heard() == [("on_undefine", ["com.x"])]


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["com..x", TOPIC], "wamp.error.invalid_uri"),
        (["", TOPIC], "wamp.error.invalid_uri"),
        (["com.x", {}], "wamp.error.invalid_argument"),
        (["com.x", {"type": "service"}], "wamp.error.invalid_argument"),
        (["com.x", {"type": ["topic"]}], "wamp.error.invalid_argument"),
        (["com.x", "topic"], "wamp.error.invalid_argument"),
        ([], "wamp.error.invalid_argument"),
        (["wamp.session.list", PROCEDURE], "wamp.error.not_authorized"),
        (["fairlead.log.append", PROCEDURE], "wamp.error.not_authorized"),
    ],
)
def test_a_bad_definition_is_refused(alice: Peer, args: list[Any], error: str) -> None:
    assert refused(alice, DEFINE, *args) == error
    assert call(alice, DESCRIBE) == {}


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
def test_a_definition_reaches_every_serializer(core: Core, serializer: Any) -> None:
    definer, reader = core.join("alice", codec=serializer), core.join("bob")
    definition: dict[str, Any] = {"type": "topic", "example": [1, 2.5, None, True, "é", {"k": []}]}
    call(definer, DEFINE, "com.x", definition)
    assert call(reader, DESCRIBE, "com.x") == definition


def test_definitions_are_bounded_and_room_comes_back() -> None:
    alice = Core(Limits(definitions_bytes=200)).join("alice")
    big = {"type": "topic", "text": "x" * 100}
    assert call(alice, DEFINE, "com.x", big) is True
    assert refused(alice, DEFINE, "com.y", big) == "fairlead.error.limit_exceeded"
    assert call(alice, DEFINE, "com.x", {**big, "text": "y" * 110}) is False
    call(alice, UNDEFINE, "com.x")
    assert call(alice, DEFINE, "com.y", big) is True


# ---- rights ----


@pytest.mark.parametrize(("definition", "action"), [(TOPIC, "publish"), (PROCEDURE, "register"), (ERROR, "register")])
def test_only_who_provides_a_uri_defines_and_undefines_it(
    core: Core, rights: ByAction, alice: Peer, definition: dict[str, Any], action: Action
) -> None:
    rights.denied.add(("bob", action, "com.x"))
    bob = core.join("bob")
    assert refused(bob, DEFINE, "com.x", definition) == "wamp.error.not_authorized"
    call(alice, DEFINE, "com.x", definition)
    assert refused(bob, UNDEFINE, "com.x") == "wamp.error.not_authorized"
    assert refused(bob, DEFINE, "com.x", None) == "wamp.error.not_authorized"
    assert call(bob, DESCRIBE, "com.x") == definition, "who may use it sees it"


def test_a_definition_of_another_type_is_not_replaced_by_who_does_not_provide_that(
    core: Core, rights: ByAction, alice: Peer
) -> None:
    rights.denied.add(("bob", "publish", "com.x"))
    call(alice, DEFINE, "com.x", TOPIC)
    assert refused(core.join("bob"), DEFINE, "com.x", PROCEDURE) == "wamp.error.not_authorized"
    assert call(alice, DESCRIBE, "com.x") == TOPIC


@pytest.mark.parametrize(
    ("definition", "use", "provide"),
    [(TOPIC, "subscribe", "publish"), (PROCEDURE, "call", "register"), (ERROR, "call", "register")],
)
def test_who_may_neither_use_nor_provide_a_uri_sees_no_trace_of_it(
    core: Core, rights: ByAction, alice: Peer, definition: dict[str, Any], use: Action, provide: Action
) -> None:
    rights.denied |= {("bob", use, "com.x"), ("bob", provide, "com.x")}
    bob = core.join("bob")
    watcher = Watcher(core.join("bob"), "wamp.reflect.on_define", "wamp.reflect.on_undefine")
    call(alice, DEFINE, "com.x", definition)
    assert call(bob, DESCRIBE) == {}
    assert call(bob, DESCRIBE, "com.x") is None
    assert call(bob, f"wamp.reflection.{definition['type']}.list") == []
    assert call(bob, f"wamp.reflection.{definition['type']}.describe", "com.x") is None
    assert call(bob, UNDEFINE, "com.x") is False
    call(alice, UNDEFINE, "com.x")
    assert watcher.heard() == []


@pytest.mark.parametrize(
    ("procedure", "args"), [(DESCRIBE, ["com.x"]), (DESCRIBE, []), ("wamp.reflection.topic.list", [])]
)
def test_a_description_that_is_not_written_yet_is_taken_back_with_the_right_to_see_it(
    core: Core, rights: ByAction, alice: Peer, procedure: str, args: list[str]
) -> None:
    call(alice, DEFINE, "com.x", TOPIC)
    bob = core.join("bob")
    bob.clog()
    bob.ask([48, 1, {}, procedure, args])
    rights.denied |= {("bob", "subscribe", "com.x"), ("bob", "publish", "com.x")}
    core.realm1.gate.revoke(["bob"])
    bob.read_on()
    [answer] = bob.take()
    assert (answer[0], answer[4]) == (8, "wamp.error.not_authorized")


def test_an_authorizer_that_takes_its_time_shows_nothing(core: Core, rights: ByAction, alice: Peer) -> None:
    call(alice, DEFINE, "com.x", TOPIC)
    rights.is_asynchronous = True
    alice.send([48, 7, {}, DESCRIBE])
    rights.answer()
    assert alice.take() == [[50, 7, {}, [{}], {}]]
