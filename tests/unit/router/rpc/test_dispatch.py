"""Which callee gets a call: patterns, calls that wait for a procedure, callees that are unavailable or gone."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.errors import Unavailable
from fairlead_router.limits import Limits
from fairlead_router.rpc.call import Call
from support.core import EVERY_FEATURE, Core, Peer, Rights, types_of

NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"
UNAVAILABLE = "wamp.error.unavailable"
NO_AVAILABLE_CALLEE = "wamp.error.no_available_callee"


# ---- patterns ----


@pytest.mark.parametrize(
    ("procedure", "best"),
    [
        ("a1.b2.c3.d4.e55", "a1.b2.c3.d4.e55"),
        ("a1.b2.c3.d98.e74", "a1.b2.c3"),
        ("a1.b2.c3.d4.e325", "a1.b2.c3.d4"),
        ("a1.b2.c55.d4.e5", "a1.b2..d4.e5"),
        ("a1.b2.c33.d4.e5", "a1.b2.c33..e5"),
        ("a1.b2.c88.d4.e5.f6.g7", "a1.b2..d4.e5..g7"),
        ("a2.b2.c2.d2.e2", None),
    ],
)
def test_call_goes_to_the_best_match(procedure: str, best: str | None) -> None:
    core = Core()
    patterns = {
        "a1.b2.c3.d4.e55": "exact", "a1.b2.c3": "prefix", "a1.b2.c3.d4": "prefix", "a1.b2..d4.e5": "wildcard",
        "a1.b2.c33..e5": "wildcard", "a1.b2..d4.e5..g7": "wildcard", "a1.b2..d4..f6.g7": "wildcard",
    }  # fmt: skip
    callee, caller = core.join(), core.join()
    ids = {callee.register(pattern, match=match): pattern for pattern, match in patterns.items()}
    errors = caller.ask([48, 1, {}, procedure])
    assert [ids[message[2]] for message in callee.take()] == ([] if best is None else [best])
    assert [error[4] for error in errors] == ([NO_SUCH_PROCEDURE] if best is None else [])


@pytest.mark.parametrize(
    ("prefixes", "best"),
    [
        (["com.app.cal"], "com..calc"),
        (["com.app.cal", "com.app"], "com.app.cal"),
        (["com.app."], "com.app."),
        (["com.app.calc"], "com.app.calc"),
    ],
)
def test_prefix_that_ends_amid_a_component_comes_before_wildcards_only_with_one_that_does_not(
    prefixes: list[str], best: str
) -> None:
    core = Core()
    callee = core.join()
    ids = {callee.register(prefix, match="prefix"): prefix for prefix in prefixes}
    ids[callee.register("com..calc", match="wildcard")] = "com..calc"
    core.join().ask([48, 1, {}, "com.app.calc"])
    assert [ids[message[2]] for message in callee.take()] == [best]


@pytest.mark.parametrize(("pattern", "match"), [("com.", "prefix"), ("com..x", "wildcard"), ("com.p.x", "exact")])
def test_callee_of_a_pattern_is_told_the_procedure(pattern: str, match: str) -> None:
    core = Core()
    callee = core.join()
    callee.register(pattern, match=match)
    core.join().ask([48, 1, {}, "com.p.x"])
    assert callee.take()[0][3] == ({} if match == "exact" else {"procedure": "com.p.x"})


def test_one_uri_is_registered_once_for_each_way_of_matching() -> None:
    callee = Core().join()
    ids = {callee.register("com.p", match=match) for match in ("exact", "prefix", "wildcard")}
    assert len(ids) == 3
    [error] = callee.ask([64, 1, {"match": "prefix"}, "com.p"])
    assert error[4] == "wamp.error.procedure_already_exists"


@pytest.mark.parametrize(("pattern", "match"), [("com.", "prefix"), ("com..x", "wildcard")])
def test_pattern_stays_until_its_last_callee_leaves(pattern: str, match: str) -> None:
    core = Core()
    callees = [core.join(), core.join()]
    for callee in callees:
        callee.register(pattern, match=match, invoke="roundrobin")
    caller = core.join()
    callees[0].vanish()
    assert caller.ask([48, 1, {}, "com.p.x"]) == []
    callees[1].vanish()
    assert [error[4] for error in caller.ask([48, 2, {}, "com.p.x"])] == ["wamp.error.canceled", NO_SUCH_PROCEDURE]


@pytest.mark.parametrize(("pattern", "match"), [("w", "prefix"), (".session.nothing", "wildcard")])
def test_nobody_answers_for_a_service_by_a_pattern(pattern: str, match: str) -> None:
    core = Core()
    callee, caller = core.join(), core.join()
    callee.register(pattern, match=match)
    assert caller.ask([48, 1, {}, "wamp.session.nothing"])[0][4] == NO_SUCH_PROCEDURE
    assert callee.take() == []


# ---- waiting for a procedure ----


def test_call_waits_for_its_procedure() -> None:
    core = Core()
    caller, callee = core.join(), core.join()
    assert caller.ask([48, 1, {"_fairlead_wait_ms": 1000}, "com.p", ["early"]]) == []
    registered, invocation = callee.ask([64, 1, {}, "com.p"])
    assert (registered[0], invocation[4]) == (65, ["early"])
    callee.send([70, invocation[1], {}, ["late"]])
    core.host.advance(5)
    assert caller.take() == [[50, 1, {}, ["late"]]]


@pytest.mark.parametrize(("pattern", "match"), [("com.", "prefix"), ("com.", "wildcard")])
def test_call_waits_for_a_pattern_that_matches(pattern: str, match: str) -> None:
    core = Core()
    caller, callee = core.join(), core.join()
    caller.ask([48, 1, {"_fairlead_wait_ms": 1000}, "com.p"], [48, 2, {"_fairlead_wait_ms": 1000}, "org.p"])
    callee.send([64, 1, {"match": match}, pattern])
    assert [message[3] for message in callee.take()[1:]] == [{"procedure": "com.p"}]


def test_call_that_waits_in_vain_finds_no_procedure() -> None:
    core = Core()
    caller = core.join()
    caller.ask([48, 1, {"_fairlead_wait_ms": 1000}, "com.p"])
    core.host.advance(0.9)
    assert caller.take() == []
    core.host.advance(0.2)
    assert [error[:5] for error in caller.take()] == [[8, 48, 1, {}, NO_SUCH_PROCEDURE]]
    assert core.join().ask([64, 1, {}, "com.p"])[0][0] == 65
    assert core.host.pending_timers == 0


def test_calls_that_waited_come_in_order() -> None:
    core = Core()
    caller, callee = core.join(), core.join()
    caller.ask(*([48, number, {"_fairlead_wait_ms": 1000}, "com.p", [number]] for number in range(1, 6)))
    callee.send([64, 1, {"concurrency": 2}, "com.p"])
    assert [message[4] for message in callee.take()[1:]] == [[1], [2]]
    callee.send([70, 1, {}], [70, 2, {}])
    assert [message[4] for message in callee.take()] == [[3], [4]]


def test_call_that_found_its_procedure_waits_for_room_as_long_as_that_takes() -> None:
    core = Core()
    caller, callee = core.join(), core.join()
    caller.ask(*([48, number, {"_fairlead_wait_ms": 1000}, "com.p", [number]] for number in (1, 2)))
    callee.ask([64, 1, {"concurrency": 1}, "com.p"])
    core.host.advance(5)
    assert caller.take() == []
    callee.send([70, 1, {}])
    assert [message[4] for message in callee.take()] == [[2]]


def test_timeout_ends_a_call_that_waits_for_its_procedure() -> None:
    core = Core()
    caller = core.join()
    caller.ask([48, 1, {"_fairlead_wait_ms": 1000, "timeout": 200}, "com.p"])
    core.host.advance(5)
    assert [error[4] for error in caller.take()] == ["wamp.error.timeout"]


def test_cancel_ends_a_call_that_waits_for_its_procedure() -> None:
    core = Core()
    caller, callee = core.join(), core.join()
    caller.ask([48, 1, {"_fairlead_wait_ms": 1000}, "com.p"])
    assert caller.ask([49, 1, {"mode": "kill"}])[0][4] == "wamp.error.canceled"
    callee.register("com.p")
    core.host.advance(5)
    assert (callee.take(), caller.take()) == ([], [])


def test_lost_right_ends_a_call_that_waits_for_its_procedure() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    caller, callee = core.join("caller"), core.join("callee")
    caller.ask([48, 1, {"_fairlead_wait_ms": 1000}, "com.p"])
    rights.denied_uris.add("com.p")
    core.realm1.gate.revoke(principals=["caller"])
    assert caller.take()[0][4] == "wamp.error.not_authorized"
    rights.denied_uris.clear()
    callee.register("com.p")
    assert callee.take() == []


def test_caller_that_leaves_waits_no_more() -> None:
    core = Core()
    caller, callee = core.join(), core.join()
    caller.ask([48, 1, {"_fairlead_wait_ms": 1000}, "com.p"])
    caller.vanish()
    callee.register("com.p")
    assert callee.take() == []
    assert core.host.pending_timers == 0


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (Limits(calls_without_callee=1), "calls_without_callee"),
        (Limits(waiting_calls_per_session=1), "waiting_calls_per_session"),
        (Limits(callee_wait_s=0.5), "callee_wait_s"),
        (Limits(kept_call_bytes=0), "kept_call_bytes"),
    ],
)
def test_waiting_for_procedures_is_bounded(limits: Limits, limit: str) -> None:
    caller = Core(limits).join()
    options = {"_fairlead_wait_ms": 1000}
    errors = caller.ask([48, 1, options, "com.p", [1]], [48, 2, options, "com.q", [2]])
    assert errors[-1][4:7:2] == ["fairlead.error.limit_exceeded", {"limit": limit}]


# ---- rerouting ----


def shared(core: Core, count: int, invoke: str = "roundrobin", **options: Any) -> list[Peer]:
    callees = [core.join(roles=EVERY_FEATURE) for _ in range(count)]
    for callee in callees:
        callee.register("com.p", invoke=invoke, **options)
    return callees


def refuse(callee: Peer, error: str = UNAVAILABLE) -> int:
    """Refuse what has arrived. Returns how much that was."""
    invocations = [message for message in callee.take() if message[0] == 68]
    callee.ask(*([8, 68, message[1], {}, error] for message in invocations))
    return len(invocations)


@pytest.mark.parametrize("error", [UNAVAILABLE, NO_AVAILABLE_CALLEE])
def test_unavailable_callee_is_passed_over(error: str) -> None:
    core = Core()
    one, other = shared(core, 2)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p", ["x"], {"k": 1}])
    assert refuse(one, error) == 1
    [invocation] = other.take()
    assert invocation[3:] == [{}, ["x"], {"k": 1}]
    other.send([70, invocation[1], {}, ["done"]])
    assert caller.take() == [[50, 1, {}, ["done"]]]
    assert core.realm1.counters.calls_rerouted == 1


@pytest.mark.parametrize(("invoke", "order"), [("first", [0, 1, 2]), ("last", [2, 1, 0]), ("roundrobin", [0, 1, 2])])
def test_rerouting_follows_the_policy(invoke: str, order: list[int]) -> None:
    core = Core()
    callees = shared(core, 3, invoke)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"])
    for number in order:
        assert refuse(callees[number]) == 1
    assert [error[:5] for error in caller.take()] == [[8, 48, 1, {}, NO_AVAILABLE_CALLEE]]


@pytest.mark.parametrize("invoke", ["random", "_fairlead_least_busy"])
def test_each_callee_is_asked_once(invoke: str) -> None:
    core = Core()
    callees = shared(core, 4, invoke)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"])
    asked = [sum(refuse(callee) for callee in callees) for _ in range(5)]
    assert sum(asked) == 4
    assert caller.take()[0][4] == NO_AVAILABLE_CALLEE


def test_single_callee_that_is_unavailable_is_the_end() -> None:
    core = Core()
    [callee] = shared(core, 1, "single")
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"])
    refuse(callee)
    assert caller.take()[0][4] == NO_AVAILABLE_CALLEE


def test_callee_that_joined_later_may_take_a_call_over() -> None:
    core = Core()
    [one] = shared(core, 1)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p", ["x"]])
    [other] = shared(core, 1)
    refuse(one)
    assert [message[4] for message in other.take()] == [["x"]]


def test_call_that_has_progressed_is_not_rerouted() -> None:
    core = Core()
    one, other = shared(core, 2)
    caller = core.join()
    caller.ask([48, 1, {"receive_progress": True}, "com.p"])
    one.ask([70, 1, {"progress": True}, [1]])
    one.ask([8, 68, 1, {}, UNAVAILABLE])
    assert types_of(caller.take()) == [50, 8]
    assert other.take() == []


def test_canceled_call_is_not_rerouted() -> None:
    core = Core()
    one, other = shared(core, 2)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"], [49, 1, {"mode": "kill"}])
    refuse(one)
    assert caller.take()[0][4] == NO_AVAILABLE_CALLEE
    assert other.take() == []


def test_call_waits_for_a_busy_callee_rather_than_ask_the_same_again() -> None:
    core = Core()
    one, other = shared(core, 2, concurrency=1)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p", [1]], [48, 2, {}, "com.p", [2]])
    refuse(one)
    assert caller.take() == []
    [invocation] = other.take()
    other.send([70, invocation[1], {}])
    assert [message[4] for message in other.take()] == [[1]]


def test_refused_call_in_the_queue_ends_when_only_those_are_left_that_refused_it() -> None:
    core = Core()
    one, other = shared(core, 2, concurrency=1)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"], [48, 2, {}, "com.p"])
    refuse(one)
    other.vanish()
    assert {error[4] for error in caller.take()} == {NO_AVAILABLE_CALLEE, "wamp.error.canceled"}


def test_large_calls_are_not_kept_for_rerouting_beyond_the_bound() -> None:
    core = Core(Limits(kept_call_bytes=100))
    one, other = shared(core, 2)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p", ["x" * 200]])
    refuse(one)
    assert caller.take()[0][4] == NO_AVAILABLE_CALLEE
    assert other.take() == []


def test_rerouted_call_can_be_canceled_at_its_new_callee() -> None:
    core = Core()
    one, other = shared(core, 2)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"])
    refuse(one)
    [invocation] = other.take()
    caller.ask([49, 1, {}])
    assert types_of(other.take()) == [69]
    one.ask([70, 1, {}, ["too late"]])
    other.ask([70, invocation[1], {}, ["too late"]])
    assert caller.take() == []


async def test_endpoint_that_is_unavailable_is_passed_over_and_its_handle_is_dead() -> None:
    core = Core()
    calls: list[Call] = []

    def endpoint(call: Call) -> Any:
        calls.append(call)
        raise Unavailable("not now")

    service = core.realm1.join(Principal("service", "service"))
    service.register("com.p", endpoint, invoke="first")
    core.host.run()
    [other] = shared(core, 1, "first")
    caller = core.join()
    caller.ask([48, 1, {"receive_progress": True}, "com.p"])
    [invocation] = other.take()
    [call] = calls
    call.finish({"forged": True})
    assert (call.is_open, call.send({"forged": True}), caller.take()) == (False, False, [])
    other.send([70, invocation[1], {}, ["done"]])
    assert caller.take() == [[50, 1, {}, ["done"]]]


# ---- callees that go ----


def test_call_that_was_not_written_goes_to_another_callee() -> None:
    core = Core()
    one, other = shared(core, 2)
    caller = core.join()
    one.clog()
    caller.ask([48, 1, {}, "com.p", ["x"]])
    one.vanish()
    [invocation] = other.take()
    assert invocation[4] == ["x"]
    assert caller.take() == []


def test_call_that_was_written_fails_because_the_callee_may_have_acted() -> None:
    core = Core()
    one, other = shared(core, 2)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"])
    one.vanish()
    assert caller.take()[0][4] == "wamp.error.canceled"
    assert other.take() == []


def test_invocations_that_a_sick_callee_does_not_read_become_errors_and_delay_no_other_call() -> None:
    core = Core(Limits(outbox_bytes=10_000, burst_factor=1, stalled_factor=1, slow_consumer_grace_s=0.1))
    sick, well, caller = core.join(), core.join(), core.join()
    sick.register("com.sick")
    well.register("com.well")
    sick.clog()
    answers = []
    for request in range(1, 40):
        answers += caller.ask([48, request, {}, "com.sick", ["x" * 1000]])
    core.host.advance(5)
    answers += caller.ask([48, 100, {}, "com.well"])
    assert types_of(well.take()) == [68]
    assert sorted(answer[2] for answer in answers) == list(range(1, 40))
    assert {answer[4] for answer in answers} == {"wamp.error.canceled", NO_SUCH_PROCEDURE}


@pytest.mark.parametrize("invoke", ["first", "single"])
def test_callee_whose_session_the_router_ends_does_not_begin_what_was_not_written_to_it(invoke: str) -> None:
    """GOODBYE is all that it still reads: else two callees would do the work of one call."""
    core = Core()
    sick, caller = core.join(), core.join()
    sick.register("com.p", invoke=invoke)
    sick.clog()
    caller.ask([48, 1, {}, "com.p"])
    core.realm1.shut_down()
    sick.read_on()
    assert types_of(sick.take()) == [6]


def test_calls_that_waited_for_a_callee_do_not_go_to_its_other_registrations_when_it_leaves() -> None:
    core = Core()
    leaving, other, caller = core.join(), core.join(), core.join()
    leaving.register("com.p", concurrency=1)
    leaving.register("com.", match="prefix")
    other.register("com.", match="wildcard")
    caller.ask([48, 1, {}, "com.p"], [48, 2, {}, "com.p"])
    leaving.vanish()
    assert [(message[0], message[2]) for message in caller.take()] == [(8, 1)]
    [invocation] = other.take()
    assert other.ask([70, invocation[1], {}]) == []
    assert caller.take() == [[50, 2, {}]]
