"""The order of a session's requests while an asynchronous authorizer thinks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.authorization import Action, Principal
from fairlead_router.limits import Limits
from fairlead_router.realm import Realm
from fairlead_router.uris import Match
from support.core import Core, Rights, types_of


def thinking() -> tuple[Core, Rights]:
    rights = Rights()
    core = Core(authorizer=rights)
    rights.is_asynchronous = True
    return core, rights


def answer_all(core: Core, rights: Rights) -> None:
    core.host.run()
    while rights.answer():
        core.host.run()


MESSAGES: list[Callable[[int], list[Any]]] = [
    lambda request: [32, request, {}, "com.x"],
    lambda request: [32, request, {"match": "prefix"}, "com."],
    lambda request: [32, request, {}, "obj.denied"],
    lambda request: [34, request, 4711],
    lambda request: [16, request, {"acknowledge": True, "exclude_me": False}, "com.x", [request]],
    lambda request: [16, request, {"exclude_me": False}, "com.x", [request]],
    lambda request: [16, request, {"acknowledge": True}, "obj.denied.x"],
    lambda request: [16, request, {}, "com..bad"],
    lambda request: [64, request, {}, "com.p"],
    lambda request: [66, request, 4711],
    lambda request: [48, request, {}, "com.p", [request]],
    lambda request: [48, request, {}, "obj.denied.p"],
]


def without_drawn_ids(message: list[Any]) -> list[Any]:
    """What is the same in each run: subscriptions, registrations and publications have ids that are drawn."""
    if message[0] in {36, 68}:
        return [message[0], *message[3:]]
    return message[: 5 if message[0] == 8 else 2]


@given(st.lists(st.sampled_from(MESSAGES), max_size=12), st.randoms())
def test_late_answers_change_nothing_but_the_time(messages: list[Callable[[int], list[Any]]], random: Random) -> None:
    """Whenever they come: each request is answered, and everything arrives, as with an authorizer that is at once."""
    at_once = Core(authorizer=Rights()).join().ask(*(make(number) for number, make in enumerate(messages, 1)))
    core, rights = thinking()
    alice = core.join()
    for number, make in enumerate(messages, 1):
        alice.send(make(number))
        for _ in range(random.randint(0, 3)):
            rights.answer()
            core.host.run()
    answer_all(core, rights)
    assert list(map(without_drawn_ids, alice.take())) == list(map(without_drawn_ids, at_once))


def test_requests_keep_their_order_behind_the_authorizer() -> None:
    core, rights = thinking()
    alice = core.join()
    requests: list[list[Any]] = [
        [64, 1, {}, "com.p"],
        [32, 2, {}, "com.x"],
        [16, 3, {"acknowledge": True, "exclude_me": False}, "com.x", [1]],
        [48, 4, {}, "com.p"],
        [16, 5, {"acknowledge": True, "exclude_me": False}, "com.x", [2]],
        [34, 6, 4711],
        [66, 7, 4711],
    ]
    assert alice.ask(*requests) == []
    answer_all(core, rights)
    assert types_of(alice.take()) == [65, 33, 36, 17, 68, 36, 17, 8, 8]


def test_only_the_head_is_asked_about() -> None:
    core, rights = thinking()
    alice = core.join()
    alice.ask([32, 1, {}, "com.x"], [32, 2, {}, "com.y"])
    assert [question[2] for _, question in rights.asked] == ["com.x"]
    rights.answer()
    assert types_of(alice.take()) == [33]
    assert [question[2] for _, question in rights.asked] == ["com.y"]


def test_what_needs_no_authorizer_passes_after_what_waits() -> None:
    core, rights = thinking()
    alice = core.join()
    alice.ask([32, 1, {}, "com.x"], [34, 2, 4711], [16, 3, {}, "com..bad"], [32, 4, {}, "com.y"])
    rights.answer()
    assert types_of(alice.take()) == [33, 8]
    rights.answer()
    assert types_of(alice.take()) == [33]


def test_yield_and_invocation_error_pass() -> None:
    core, rights = thinking()
    rights.is_asynchronous = False
    authorizer, alice = core.join(), core.join()
    authorizer.register("com.authorize")
    alice.send([48, 1, {}, "com.authorize"], [48, 2, {}, "com.authorize"])
    [first, second] = authorizer.take()
    rights.is_asynchronous = True
    authorizer.send([32, 9, {}, "com.x"], [70, first[1], {}, ["yes"]], [8, 68, second[1], {}, "com.no"])
    assert alice.take() == [[50, 1, {}, ["yes"]], [8, 48, 2, {}, "com.no"]]
    assert authorizer.take() == []


def test_cancel_passes() -> None:
    core, rights = thinking()
    rights.is_asynchronous = False
    callee, alice = core.join(), core.join()
    callee.register("com.p")
    alice.ask([48, 1, {}, "com.p"])
    rights.is_asynchronous = True
    assert alice.ask([32, 2, {}, "com.x"], [49, 1, {}])[0][:5] == [8, 48, 1, {}, "wamp.error.canceled"]


def test_cancel_of_a_call_that_waits_takes_it_out_of_the_queue() -> None:
    core, rights = thinking()
    rights.is_asynchronous = False
    callee, alice = core.join(), core.join()
    callee.register("com.p")
    rights.is_asynchronous = True
    alice.ask([32, 1, {}, "com.x"], [48, 2, {}, "com.p"], [48, 3, {}, "com.p"])
    assert alice.ask([49, 2, {}])[0][:5] == [8, 48, 2, {}, "wamp.error.canceled"]
    answer_all(core, rights)
    assert types_of(alice.take()) == [33]
    assert [message[0] for message in callee.take()] == [68]


def test_cancel_of_the_call_that_is_being_judged_is_answered_once() -> None:
    core, rights = thinking()
    rights.is_asynchronous = False
    callee, alice = core.join(), core.join()
    callee.register("com.p")
    rights.is_asynchronous = True
    alice.ask([48, 2, {}, "com.p"], [32, 3, {}, "com.x"])
    assert alice.ask([49, 2, {}])[0][:5] == [8, 48, 2, {}, "wamp.error.canceled"]
    answer_all(core, rights)
    assert types_of(alice.take()) == [33]
    assert callee.take() == []


@pytest.mark.parametrize("mode", ["kill", "skip", "killnowait"])
def test_cancel_of_what_is_no_call_leaves_the_queue_alone(mode: str) -> None:
    core, rights = thinking()
    alice = core.join()
    assert alice.ask([32, 1, {}, "com.x"], [32, 2, {}, "com.y"], [49, 2, {"mode": mode}]) == []
    answer_all(core, rights)
    assert types_of(alice.take()) == [33, 33]


def test_denial_is_an_error_and_the_queue_goes_on() -> None:
    core, rights = thinking()
    alice = core.join("alice")
    alice.ask([32, 1, {}, "obj.secret"], [32, 2, {}, "com.y"])
    answer_all(core, rights)
    [error, subscribed] = alice.take()
    assert error[:5] == [8, 32, 1, {}, "wamp.error.not_authorized"]
    assert error[5] == ["'alice' may not subscribe 'obj.secret'"]
    assert subscribed[0] == 33


class Explains(Rights):
    def lacking(self, principal: Principal, action: Action, uri: str, match: Match) -> str:
        if uri == "obj.broken":
            raise RuntimeError("a bug of the authorizer")
        return f"{principal.authid} has no {action} by {match} match"


@pytest.mark.parametrize("is_asynchronous", [False, True])
def test_a_denial_says_what_is_lacking_where_the_authorizer_does(is_asynchronous: bool) -> None:
    rights = Explains()
    core = Core(authorizer=rights)
    rights.is_asynchronous = is_asynchronous
    alice = core.join("alice")
    errors = alice.ask([32, 1, {}, "obj.secret"], [48, 2, {}, "obj.broken"])
    answer_all(core, rights)
    errors += alice.take()
    assert [error[4] for error in errors] == ["wamp.error.not_authorized", "wamp.error.authorization_failed"]
    assert errors[0][5] == ["'alice' may not subscribe 'obj.secret': alice has no subscribe by exact match"]


def test_authorizer_that_fails_allows_nothing() -> None:
    core, rights = thinking()
    alice = core.join()
    alice.ask([32, 1, {}, "com.x"])
    rights.asked.pop()[0].give(RuntimeError("database away"))
    assert alice.take()[0][4] == "wamp.error.authorization_failed"


def test_answer_is_asked_for_again_when_a_right_was_lost_meanwhile() -> None:
    core, rights = thinking()
    rights.grant("alice", "a")
    alice = core.join("alice")
    alice.ask([32, 1, {}, "obj.a"], [32, 2, {}, "com.x"])
    [[answer, question]] = rights.asked
    rights.asked.clear()
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(principals=["alice"], objects=["a"])
    answer.give(True)
    assert alice.take() == []
    assert [asked[1] for asked in rights.asked] == [question], "asked again, once"
    answer_all(core, rights)
    assert [message[:5] for message in alice.take()] == [
        [8, 32, 1, {}, "wamp.error.not_authorized"],
        [33, 2, pytest.approx(2**52, abs=2**52)],
    ]


def test_request_that_is_asked_about_again_is_performed_once() -> None:
    core, rights = thinking()
    alice, bob = core.join(), core.join()
    alice.ask([64, 1, {}, "com.p"], [64, 2, {}, "com.q"])
    core.realm1.gate.revoke(objects=["unrelated"])
    answer_all(core, rights)
    assert types_of(alice.take()) == [65, 65]
    assert bob.ask() == []


def test_topic_that_gets_another_object_while_the_authorizer_thinks_is_judged_by_the_new_one() -> None:
    core, rights = thinking()
    source = core.serve()
    source.objects["src.x"] = "open"
    rights.grant("alice", "open")
    alice = core.join("alice")
    alice.ask([32, 1, {}, "src.x"])
    source.objects["src.x"] = "secret"
    core.realm1.rebind_topic("src.x")
    answer_all(core, rights)
    assert alice.take()[0][4] == "wamp.error.not_authorized"


def test_session_that_ends_while_the_authorizer_thinks_is_forgotten() -> None:
    core, rights = thinking()
    alice = core.join()
    alice.ask([32, 1, {}, "com.x"], [64, 2, {}, "com.p"])
    alice.vanish()
    answer_all(core, rights)
    assert not core.realm1.broker.has_members("com.x")
    assert alice.take() == []


def test_waiting_requests_are_limited() -> None:
    rights = Rights()
    rights.is_asynchronous = True
    core = Core(Limits(waiting_requests=3), rights)
    alice = core.join()
    requests: list[list[Any]] = [[32, number, {}, f"com.x{number}"] for number in range(1, 6)]
    refused = alice.ask(*requests)
    assert [(error[2], error[4]) for error in refused] == [
        (4, "fairlead.error.limit_exceeded"),
        (5, "fairlead.error.limit_exceeded"),
    ]
    answer_all(core, rights)
    assert types_of(alice.take()) == [33, 33, 33]


def test_message_that_only_a_router_sends_ends_the_session() -> None:
    alice = Core().join()
    [abort] = alice.ask([1, "realm1", {"roles": {"caller": {}}}])
    assert abort[0] == 3
    assert abort[2] == "wamp.error.protocol_violation"


def test_call_id_that_is_in_use_behind_the_authorizer_ends_the_session() -> None:
    core, rights = thinking()
    callee, alice = core.join(), core.join()
    callee.ask([64, 1, {}, "com.p"])
    answer_all(core, rights)
    alice.ask([48, 7, {}, "com.p"], [48, 7, {}, "com.p"], [48, 8, {}, "com.p"])
    answer_all(core, rights)
    abort = alice.take()[-1]
    assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")
    assert not alice.has_session
    assert alice.network.is_closed


def test_request_whose_answer_does_not_come_fails_in_time_and_the_queue_goes_on() -> None:
    core, rights = thinking()
    alice = core.join()
    alice.ask([32, 1, {}, "com.x"], [34, 2, 4711], [32, 3, {}, "com.y"])
    core.host.advance(core.limits.authorizer_timeout_s)
    assert [message[:5] for message in alice.take()] == [
        [8, 32, 1, {}, "wamp.error.authorization_failed"],
        [8, 34, 2, {}, "wamp.error.no_such_subscription"],
    ]
    rights.asked.pop(0)
    answer_all(core, rights)
    assert types_of(alice.take()) == [33]


def test_unrelated_revocations_do_not_keep_a_request_waiting() -> None:
    core, rights = thinking()
    rights.grant("alice", "a")
    alice = core.join("alice")
    alice.ask([32, 1, {}, "obj.a"])
    core.realm1.gate.revoke(principals=["bob"], objects=["b"])
    rights.answer()
    assert types_of(alice.take()) == [33]
    assert rights.asked == []


def test_publish_before_subscribe_is_not_seen_by_its_own_session() -> None:
    core, rights = thinking()
    alice = core.join()
    own = {"exclude_me": False}
    alice.ask([16, 1, own, "com.x", ["before"]], [32, 2, {}, "com.x"], [16, 3, own, "com.x", ["after"]])
    answer_all(core, rights)
    assert [message[-1] for message in alice.take() if message[0] == 36] == [["after"]]


def test_unsubscribe_waits_for_the_subscribe_before_it() -> None:
    core, rights = thinking()
    rights.is_asynchronous = False
    alice = core.join()
    subscription = alice.subscribe("com.x")
    rights.is_asynchronous = True
    assert alice.ask([32, 1, {}, "com.x"], [34, 2, subscription]) == []
    answer_all(core, rights)
    assert alice.take() == [[33, 1, subscription], [35, 2]]
    assert not core.realm1.broker.has_members("com.x")


def test_unregister_waits_for_the_register_before_it() -> None:
    core, rights = thinking()
    rights.is_asynchronous = False
    alice = core.join()
    registration = alice.register("com.p")
    rights.is_asynchronous = True
    assert alice.ask([64, 1, {}, "com.p"], [66, 2, registration], [64, 3, {}, "com.p"]) == []
    answer_all(core, rights)
    assert types_of(alice.take()) == [8, 67, 65]


def test_answers_of_other_sessions_overtake() -> None:
    core, rights = thinking()
    slow, quick = core.join(), core.join()
    slow.ask([32, 1, {}, "com.x"])
    quick.ask([32, 1, {}, "com.y"])
    rights.asked.pop()[0].give(True)
    assert (types_of(slow.take()), types_of(quick.take())) == ([], [33])


def test_goodbye_passes_what_waits() -> None:
    core, rights = thinking()
    alice = core.join()
    assert types_of(alice.ask([32, 1, {}, "com.x"], [6, {}, "wamp.close.normal"])) == [6]
    answer_all(core, rights)
    assert not core.realm1.broker.has_members("com.x")


class Failing(Rights):
    """An authorizer with a mistake."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.reply = answer

    def authorize(self, *question: Any) -> Any:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.mark.parametrize("answer", [ZeroDivisionError("secret"), None, 1, "yes", {"allow": True}])
def test_authorizer_with_a_mistake_allows_nothing_and_the_session_goes_on(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    alice = Core(authorizer=Failing(answer)).join()
    requests: list[list[Any]] = [
        [16, 1, {"acknowledge": True}, "com.x"],
        [32, 2, {}, "com.x"],
        [48, 3, {}, "com.p"],
        [64, 4, {}, "com.p"],
    ]
    errors = alice.ask(*requests)
    assert [error[1:5] for error in errors] == [
        [number, request, {}, "wamp.error.authorization_failed"]
        for number, request in ((16, 1), (32, 2), (48, 3), (64, 4))
    ]
    assert "secret" not in str(errors)
    assert caplog.records


class Objectless(Rights):
    """Its rules cannot say what com.x is about."""

    def object_of(self, action: Any, uri: str) -> str | None:
        if uri == "com.x":
            raise KeyError(uri)
        return super().object_of(action, uri)


@pytest.mark.parametrize(
    "request_",
    [
        [16, 1, {"acknowledge": True}, "com.x"],
        [32, 1, {}, "com.x"],
        [32, 1, {"get_retained": True}, "com.x"],
        [48, 1, {}, "com.x"],
        [64, 1, {}, "com.x"],
    ],
)
def test_authorizer_that_cannot_name_the_object_allows_nothing_and_the_session_goes_on(request_: list[Any]) -> None:
    core = Core(authorizer=Objectless())
    alice, watcher = core.join(), core.join()
    watcher.ask([32, 1, {"match": "prefix"}, "com."], [32, 2, {}, "wamp.subscription.on_create"])
    [error] = alice.ask(request_)
    assert (error[:3], error[4]) == ([8, request_[0], 1], "wamp.error.authorization_failed")
    assert alice.ask([32, 2, {}, "com.y"])[0][0] == 33


class Bouncer(Rights):
    """Ends the session that asks."""

    def __init__(self, *, is_allowed: bool) -> None:
        super().__init__()
        self.realm: Realm | None = None
        self._is_allowed = is_allowed

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        if self.realm is None:
            return True
        self.realm.kill(authid=principal.authid)
        return self._is_allowed


@pytest.mark.parametrize("is_allowed", [True, False])
@pytest.mark.parametrize("request_", [[32, 1, {}, "com.x"], [64, 1, {}, "com.x"], [48, 1, {}, "com.y"]])
def test_session_that_its_authorizer_ends_leaves_nothing_behind(request_: list[Any], is_allowed: bool) -> None:
    rights = Bouncer(is_allowed=is_allowed)
    core = Core(authorizer=rights)
    callee, alice = core.join("bob"), core.join("alice")
    callee.register("com.y")
    rights.realm = core.realm1
    assert types_of(alice.ask(request_)) == [6]
    assert not core.realm1.broker.has_members("com.x")
    assert core.realm1.dealer.lookup("com.x", "exact") is None
    assert callee.take() == []
