"""An authorizer procedure: what it is asked, what its answers do, and when they are remembered no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from fairlead_router import Action, Limits, Match, Principal
from fairlead_router.authorizers import ProcedureAuthorizer, Rule
from fairlead_router.gate import Gate
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, types_of

AUTHORIZE = "com.example.authorize"
FAILED = "wamp.error.authorization_failed"
NOT_AUTHORIZED = "wamp.error.not_authorized"
MAY_AUTHORIZE = Rule(uri=AUTHORIZE, roles=frozenset({"backend"}), allow=frozenset({"register"}))
YES_REMEMBERED = {"allow": True, "cache": True}
NO_REMEMBERED = {"allow": False, "cache": True}


class World:
    """A realm, and a session that has registered the authorizer and answers when the test says so."""

    def __init__(
        self, *rules: Rule, limits: Limits | None = None, is_registered: bool = True, gate: type[Gate] = Gate
    ) -> None:
        self.authorizer = ProcedureAuthorizer(AUTHORIZE, [MAY_AUTHORIZE, *rules])
        self.core = Core(limits, self.authorizer, gate=gate)
        self.core.authenticator.roles["backend"] = "backend"
        self.backend = self.core.join("backend", roles=EVERY_FEATURE)
        if is_registered:
            self.backend.register(AUTHORIZE)

    async def settle(self) -> None:
        for _ in range(10):
            self.core.host.run()
            await asyncio.sleep(0)

    async def asked(self) -> list[list[Any]]:
        """The arguments of the calls that have come, their ids in front."""
        await self.settle()
        return [[message[1], *message[4]] for message in self.backend.take() if message[0] == 68]

    async def answer(self, *answers: Any) -> list[list[Any]]:
        """Answer what is asked, each question with the next of these. Returns the questions."""
        questions = await self.asked()
        assert len(questions) == len(answers), questions
        for [invocation, *_], answer in zip(questions, answers, strict=True):
            self.backend.send([70, invocation, {}, [answer]])
        await self.settle()
        return questions

    async def subscribe(self, peer: Peer, topic: str, answer: Any = True, **options: Any) -> None:
        peer.send([32, 1, options, topic])
        await self.answer(answer)
        assert types_of(peer.take()) == [33]


def errors(messages: Iterable[list[Any]]) -> list[Any]:
    return [message[4] for message in messages if message[0] == 8]


# ---- the question and the answer ----


@pytest.mark.parametrize(
    ("message", "uri", "action", "match"),
    [
        ([16, 1, {"acknowledge": True}, "com.x"], "com.x", "publish", "exact"),
        ([32, 1, {}, "com.x"], "com.x", "subscribe", "exact"),
        ([32, 1, {"match": "prefix"}, "com."], "com.", "subscribe", "prefix"),
        ([32, 1, {"match": "wildcard"}, "com..x"], "com..x", "subscribe", "wildcard"),
        ([48, 1, {}, "com.p"], "com.p", "call", "exact"),
        ([64, 1, {}, "com.p"], "com.p", "register", "exact"),
    ],
)
async def test_the_procedure_is_asked_as_crossbar_asks(message: Any, uri: str, action: str, match: str) -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send(message)
    [question] = await world.answer(False)
    details = {
        "realm": "realm1", "authid": "alice", "authrole": "user", "authmethod": "ticket", "authprovider": "static"
    }  # fmt: skip
    assert question[1:] == [details, uri, action, {"match": match}]
    assert errors(alice.take()) == [NOT_AUTHORIZED]


@pytest.mark.parametrize("answer", [True, {"allow": True}, {"allow": True, "disclose": True, "more": 1}])
async def test_yes_allows(answer: Any) -> None:
    world = World()
    await world.subscribe(world.core.join("alice"), "com.x", answer)


@pytest.mark.parametrize("answer", [None, 1, "true", [], {}, {"cache": True}, {"allow": 1}, {"allow": "no"}])
async def test_another_answer_allows_nothing(answer: Any) -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    await world.answer(answer)
    assert errors(alice.take()) == [FAILED]


async def test_error_allows_nothing_and_is_not_shown() -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    [[invocation, *_]] = await world.asked()
    world.backend.send([8, 68, invocation, {}, "com.example.database_away", ["secret"]])
    await world.settle()
    [error] = alice.take()
    assert error[4] == FAILED
    assert "secret" not in str(error)


async def test_missing_authorizer_allows_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World(is_registered=False)
    alice = world.core.join("alice")
    with caplog.at_level(logging.WARNING):
        for request in range(1, 4):
            alice.send([32, request, {}, "com.x"])
            await world.settle()
    assert errors(alice.take()) == [FAILED] * 3
    assert len(caplog.records) == 1


async def test_authorizer_that_leaves_allows_nothing() -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"], [32, 2, {}, "com.y"])
    await world.asked()
    world.backend.vanish()
    await world.settle()
    assert errors(alice.take()) == [FAILED, FAILED]


async def test_authorizer_that_does_not_answer_allows_nothing_and_is_told_to_stop() -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    [[invocation, *_]] = await world.asked()
    world.core.host.advance(world.core.limits.authorizer_timeout_s)
    await world.settle()
    assert errors(alice.take()) == [FAILED]
    [interrupt] = world.backend.take()
    assert interrupt[:2] == [69, invocation]
    assert not world.core.realm1.session(world.backend.session_id).invocations  # type: ignore[union-attr]


async def test_questions_under_way_are_bounded() -> None:
    world = World(limits=Limits(calls_per_session=2))
    peers = [world.core.join("alice") for _ in range(4)]
    for peer in peers:
        peer.send([32, 1, {}, "com.x"])
    await world.answer(True, True)
    assert [types_of(peer.take()) for peer in peers] == [[33], [33], [8], [8]]


async def test_requests_of_one_session_keep_their_order() -> None:
    world = World()
    alice = world.core.join("alice")
    own = {"exclude_me": False}
    alice.send([16, 1, own, "com.x", [1]], [32, 2, {}, "com.x"], [16, 3, own, "com.x", [2]], [34, 4, 4711])
    for uri in ("publish", "subscribe", "publish"):
        [question] = await world.answer(True)
        assert question[3] == uri
    assert types_of(alice.take()) == [33, 36, 8]


# ---- who is the authorizer ----


async def test_only_a_rule_lets_a_session_register_the_authorizer() -> None:
    world = World(is_registered=False)
    alice = world.core.join("alice")
    assert errors(alice.ask([64, 1, {}, AUTHORIZE])) == [NOT_AUTHORIZED]
    world.backend.register(AUTHORIZE, invoke="roundrobin")
    for options in ({"invoke": "roundrobin"}, {"force_reregister": True}):
        assert errors(alice.ask([64, 2, options, AUTHORIZE])) == [NOT_AUTHORIZED]


async def test_pattern_over_the_authorizer_is_never_asked_in_its_place() -> None:
    patterns = Rule(uri="com.", match="prefix", authids={"alice"}, allow={"register"})
    world = World(patterns, is_registered=False)
    alice, bob = world.core.join("alice"), world.core.join("bob")
    assert types_of(alice.ask([64, 1, {"match": "prefix"}, "com."])) == [65]
    bob.send([32, 1, {}, "com.x"])
    await world.settle()
    assert alice.take() == []
    assert errors(bob.take()) == [FAILED]


async def test_several_sessions_may_be_the_authorizer_in_turn() -> None:
    world = World(is_registered=False)
    second = world.core.join("backend")
    for peer in (world.backend, second):
        peer.register(AUTHORIZE, invoke="roundrobin")
    alice = world.core.join("alice")
    for topic in ("com.x", "com.y"):
        alice.send([32, 1, {}, topic])
        await world.settle()
        [invocation] = [*world.backend.take(), *second.take()]
        for peer in (world.backend, second):
            peer.send([70, invocation[1], {}, [True]])
        await world.settle()
    assert types_of(alice.take()) == [33, 33]
    assert types_of(second.ask([32, 1, {}, "com.z"])) == [33], "it is not asked about itself"


async def test_authorizer_does_not_decide_who_registers_patterns_over_it() -> None:
    world = World()
    for match, pattern in (("prefix", "com."), ("wildcard", "com..authorize"), ("exact", AUTHORIZE)):
        alice = world.core.authenticator.principal("alice")
        assert world.authorizer.authorize(alice, "register", pattern, match, None) is False  # type: ignore[arg-type]


async def test_anonymous_sessions_are_no_authorizers() -> None:
    everybody = Rule(uri="com.", match="prefix", roles=frozenset({"*"}), allow=frozenset({"register"}))
    world = World(everybody, is_registered=False)
    assert errors(world.core.join().ask([64, 1, {}, AUTHORIZE])) == [NOT_AUTHORIZED]


async def test_authorizer_is_not_asked_about_itself() -> None:
    world = World()
    subscription = world.backend.subscribe("com.x")
    world.backend.register("com.p")
    assert types_of(world.backend.ask([16, 1, {"acknowledge": True}, "com.y"], [48, 2, {}, "com.p"])) == [17, 68]
    world.core.realm1.gate.revoke_all()
    assert world.backend.ask([34, 3, subscription]) == [[35, 3]]


async def test_authorizer_that_asks_others_before_it_answers_does_not_wait_for_itself() -> None:
    world = World()
    world.backend.register("com.lookup")
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    [[invocation, *_]] = await world.asked()
    [lookup] = world.backend.ask([48, 1, {}, "com.lookup"])
    [result] = world.backend.ask([70, lookup[1], {}, ["found"]])
    assert result == [50, 1, {}, ["found"]]
    world.backend.send([70, invocation, {}, [True]])
    await world.settle()
    assert types_of(alice.take()) == [33]


async def test_rules_come_first_and_what_they_decide_is_not_asked() -> None:
    world = World(
        Rule(uri="com.open", roles=frozenset({"*"}), allow=frozenset({"subscribe"})),
        Rule(uri="com.closed", roles=frozenset({"*"}), deny=frozenset({"subscribe"})),
    )
    alice = world.core.join("alice")
    assert types_of(alice.ask([32, 1, {}, "com.open"])) == [33]
    assert errors(alice.ask([32, 2, {}, "com.closed"])) == [NOT_AUTHORIZED]
    assert await world.asked() == []


async def test_authorizer_belongs_to_one_realm() -> None:
    world = World()
    with pytest.raises(ValueError, match=r"belongs to realm 'realm1' already"):
        Core(authorizer=world.authorizer)


# ---- the cache ----


async def test_answer_is_remembered_only_when_it_says_so() -> None:
    world = World()
    alice = world.core.join("alice")
    for request, answer in ((1, True), (2, {"allow": True}), (3, YES_REMEMBERED)):
        alice.send([32, request, {}, "com.x"])
        await world.answer(answer)
    alice.send([32, 4, {}, "com.x"])
    assert await world.asked() == []
    assert types_of(alice.take()) == [33, 33, 33, 33]


async def test_denial_is_remembered_too() -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    await world.answer(NO_REMEMBERED)
    alice.send([32, 2, {}, "com.x"])
    assert await world.asked() == []
    assert errors(alice.take()) == [NOT_AUTHORIZED] * 2


async def test_remembered_answer_is_for_no_other_principal_action_uri_or_match() -> None:
    world = World()
    alice, bob, admin = world.core.join("alice"), world.core.join("bob"), None
    await world.subscribe(alice, "com.x", YES_REMEMBERED)
    world.core.authenticator.roles["alice"] = "admin"
    admin = world.core.join("alice")
    others: list[tuple[Peer, list[Any]]] = [
        (bob, [32, 2, {}, "com.x"]),
        (admin, [32, 2, {}, "com.x"]),
        (alice, [32, 2, {"match": "prefix"}, "com.x"]),
        (alice, [32, 3, {"match": "wildcard"}, "com.x"]),
        (alice, [32, 4, {}, "com.y"]),
        (alice, [16, 5, {"acknowledge": True}, "com.x"]),
        (alice, [48, 6, {}, "com.x"]),
        (alice, [64, 7, {}, "com.x"]),
    ]
    for peer, message in others:
        peer.send(message)
        await world.answer(NO_REMEMBERED)
        assert errors(peer.take()) == [NOT_AUTHORIZED], message


async def test_remembered_answers_are_never_mixed_up() -> None:
    """Principals and URIs whose parts run into each other: what is remembered is what was answered."""
    world = World(is_registered=False)
    asked = []

    def authorize(call: Any) -> dict[str, Any]:
        asked.append(call.payload.args)
        return {"allow": len(asked) % 2 == 0, "cache": True}

    await_registered = world.core.realm1.join(Principal("service", "service")).register(AUTHORIZE, authorize)
    await world.settle()
    assert await_registered.done()
    actions: tuple[Action, ...] = ("publish", "subscribe")
    policies: tuple[Match, ...] = ("exact", "prefix")
    questions = [
        (Principal(authid, authrole, authmethod), action, uri, match)
        for authid, authrole, authmethod in product(("a", "a,b", "a:b"), ("b", ",b", "b,a"), ("t", "b,t"))
        for action, uri, match in product(actions, ("a.b", "a"), policies)
    ]
    answers = []
    for question in questions * 2:
        verdict = world.authorizer.authorize(*question, None)
        if not isinstance(verdict, bool):
            task = asyncio.ensure_future(verdict)
            await world.settle()
            verdict = task.result()
        answers.append(verdict)
    assert len(asked) == len(questions)
    assert answers == [number % 2 == 1 for number in range(len(questions))] * 2


async def test_remembered_answer_expires() -> None:
    world = World()
    alice = world.core.join("alice")
    await world.subscribe(alice, "com.x", YES_REMEMBERED)
    world.core.host.advance(world.core.limits.authorizer_answer_s)
    await world.subscribe(alice, "com.x", True)


async def test_remembered_answers_are_bounded() -> None:
    world = World(limits=Limits(authorizer_answers=2))
    alice = world.core.join("alice")
    for topic in ("com.a", "com.b", "com.c"):
        await world.subscribe(alice, topic, YES_REMEMBERED)
    await world.subscribe(alice, "com.a", YES_REMEMBERED)


async def test_failure_is_not_remembered() -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    await world.answer({"cache": True})
    await world.subscribe(world.core.join("alice"), "com.x")


@pytest.mark.parametrize("principals", [["alice"], None])
async def test_d_remembered_yes_is_void_after_a_revocation(principals: list[str] | None) -> None:
    world = World()
    alice = world.core.join("alice")
    await world.subscribe(alice, "com.x", YES_REMEMBERED)
    if principals is None:
        world.core.realm1.gate.revoke_all()
    else:
        world.core.realm1.gate.revoke(principals=principals)
    await world.answer(False)
    alice.take()
    alice.send([32, 2, {}, "com.x"])
    await world.answer(False)
    assert errors(alice.take()) == [NOT_AUTHORIZED]


async def test_d_remembered_yes_is_void_when_its_object_lost_something() -> None:
    world = World()
    source = world.core.serve()
    source.objects["src.x"] = "a"
    alice = world.core.join("alice")
    alice.send([32, 1, {}, "src.x"])
    await world.answer(YES_REMEMBERED)
    world.core.realm1.gate.revoke(objects=["a"])
    await world.answer(False)
    assert source.log[-1] == ("left", "src.x")


async def test_d_yes_that_was_under_way_during_a_revocation_is_not_remembered() -> None:
    world = World()
    alice, bob = world.core.join("alice"), world.core.join("alice")
    alice.send([32, 1, {}, "com.x"])
    [[invocation, *_]] = await world.asked()
    world.core.realm1.gate.revoke(principals=["alice"])
    world.backend.send([70, invocation, {}, [YES_REMEMBERED]])
    await world.answer(False)
    assert errors(alice.take()) == [NOT_AUTHORIZED]
    bob.send([32, 1, {}, "com.x"])
    await world.answer(False)
    assert errors(bob.take()) == [NOT_AUTHORIZED]


async def test_d_these_tests_need_the_gate() -> None:
    world = World(gate=GateSwitchedOff)
    alice = world.core.join("alice")
    await world.subscribe(alice, "com.x", YES_REMEMBERED)
    world.core.realm1.gate.revoke(principals=["alice"])
    alice.send([32, 2, {}, "com.x"])
    assert await world.asked() == []
    assert types_of(alice.take()) == [33], "the remembered yes is served"


# ---- purging ----


async def test_purge_judges_everything_live_again_and_ends_what_is_denied() -> None:
    world = World()
    alice, bob = world.core.join("alice", roles=EVERY_FEATURE), world.core.join("bob", roles=EVERY_FEATURE)
    for peer in (alice, bob):
        await world.subscribe(peer, "com.x", YES_REMEMBERED)
    world.authorizer.purge()
    questions = await world.asked()
    for [invocation, details, *_] in questions:
        world.backend.send([70, invocation, {}, [details["authid"] == "bob"]])
    await world.settle()
    assert (types_of(alice.take()), types_of(bob.take())) == ([35], [])


async def test_purge_of_one_authid_asks_about_nobody_else() -> None:
    world = World()
    alice, bob = world.core.join("alice"), world.core.join("bob")
    for peer in (alice, bob):
        await world.subscribe(peer, "com.x", True)
    world.authorizer.purge("alice")
    assert [question[1]["authid"] for question in await world.answer(True)] == ["alice"]


async def test_authorizer_purges_by_a_call() -> None:
    world = World()
    alice = world.core.join("alice", roles=EVERY_FEATURE)
    await world.subscribe(alice, "com.x", YES_REMEMBERED)
    assert types_of(world.backend.ask([48, 1, {}, "fairlead.authorizer.purge", ["alice"]])) == [50]
    await world.answer(False)
    assert types_of(alice.take()) == [35]


async def test_purging_by_a_call_is_authorized_like_any_call() -> None:
    world = World()
    alice = world.core.join("alice")
    alice.send([48, 1, {}, "fairlead.authorizer.purge"])
    [question] = await world.answer(False)
    assert question[2:4] == ["fairlead.authorizer.purge", "call"]
    assert errors(alice.take()) == [NOT_AUTHORIZED]


async def test_purge_with_a_bad_argument_is_an_error() -> None:
    world = World()
    assert errors(world.backend.ask([48, 1, {}, "fairlead.authorizer.purge", [1]])) == ["wamp.error.invalid_argument"]


async def test_events_wait_for_the_new_answer_and_go_if_it_is_no() -> None:
    world = World()
    alice = world.core.join("alice", roles=EVERY_FEATURE)
    await world.subscribe(alice, "com.x")
    world.authorizer.purge()
    world.backend.send([16, 1, {}, "com.x", ["secret"]])
    assert alice.take() == []
    await world.answer(False)
    assert types_of(alice.take()) == [35]
