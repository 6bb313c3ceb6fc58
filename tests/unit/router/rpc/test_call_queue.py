"""Concurrency limits of callees, and the calls that wait for room."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.limits import Limits
from support.core import EVERY_FEATURE, Core, Peer, Rights, types_of

CANCELED = "wamp.error.canceled"


def pair(core: Core, concurrency: int = 1, **options: Any) -> tuple[Peer, Peer]:
    callee, caller = core.join("callee", roles=EVERY_FEATURE), core.join("caller", roles=EVERY_FEATURE)
    callee.register("com.p", concurrency=concurrency, **options)
    return callee, caller


def calls(count: int, first: int = 1, **options: Any) -> list[list[Any]]:
    return [[48, number, options, "com.p", [number]] for number in range(first, first + count)]


def invoked(callee: Peer) -> list[Any]:
    """The argument of each INVOCATION that has arrived."""
    return [message[4][0] for message in callee.take() if message[0] == 68]


def test_callee_gets_no_more_calls_than_it_takes_at_a_time() -> None:
    callee, caller = pair(Core(), concurrency=2)
    assert caller.ask(*calls(5)) == []
    assert invoked(callee) == [1, 2]


def test_queued_calls_are_taken_up_in_order_one_for_each_that_ends() -> None:
    core = Core()
    callee, caller = pair(core)
    other = core.join()
    caller.ask(*calls(2))
    other.ask(*calls(1, 3))
    caller.ask(*calls(1, 4))
    assert invoked(callee) == [1]
    callee.send([70, 1, {}])
    assert invoked(callee) == [2]
    callee.send([8, 68, 2, {}, "com.error"])
    assert invoked(callee) == [3]
    callee.send([70, 3, {}])
    assert invoked(callee) == [4]
    assert types_of(caller.take()) == [50, 8]
    assert types_of(other.take()) == [50]


def test_a_new_call_does_not_pass_those_that_wait() -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask(*calls(2))
    callee.send([70, 1, {}])
    caller.ask(*calls(1, 3))
    assert invoked(callee) == [1, 2]


def test_shared_registration_uses_who_has_room_before_calls_wait() -> None:
    core = Core()
    one, caller = pair(core, concurrency=1, invoke="roundrobin")
    other = core.join()
    other.register("com.p", concurrency=2, invoke="roundrobin")
    caller.ask(*calls(5))
    assert (invoked(one), invoked(other)) == ([1], [2, 3])
    other.send([70, 2, {}])
    assert (invoked(one), invoked(other)) == ([], [4])


@pytest.mark.parametrize("invoke", ["first", "last", "roundrobin", "random", "_fairlead_least_busy"])
def test_every_policy_passes_over_the_busy(invoke: str) -> None:
    core = Core()
    callees = [core.join() for _ in range(3)]
    for callee in callees:
        callee.register("com.p", concurrency=1, invoke=invoke)
    core.join().ask(*calls(4))
    assert [len(callee.take()) for callee in callees] == [1, 1, 1]


def test_another_callee_takes_up_what_waits() -> None:
    core = Core()
    callee, caller = pair(core, invoke="roundrobin")
    caller.ask(*calls(3))
    other = core.join()
    registered, *invocations = other.ask([64, 1, {"invoke": "roundrobin", "concurrency": 1}, "com.p"])
    assert registered[0] == 65
    assert [invocation[4] for invocation in invocations] == [[2]]
    assert invoked(callee) == [1]


def test_callee_without_a_limit_takes_up_all_that_waits() -> None:
    core = Core()
    _, caller = pair(core, invoke="first")
    caller.ask(*calls(5))
    other = core.join()
    other.send([64, 1, {"invoke": "first"}, "com.p"])
    assert invoked(other) == [2, 3, 4, 5]


# ---- what ends a call that waits ----


@pytest.mark.parametrize("mode", ["skip", "kill", "killnowait"])
def test_cancel_takes_a_call_out_of_the_queue(mode: str) -> None:
    callee, caller = pair(Core())
    caller.ask(*calls(3))
    [error] = caller.ask([49, 2, {"mode": mode}])
    assert error[:5] == [8, 48, 2, {}, CANCELED]
    callee.send([70, 1, {}])
    assert invoked(callee) == [1, 3]


def test_timeout_counts_the_time_in_the_queue() -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask(*calls(1), *calls(1, 2, timeout=100))
    core.host.advance(0.2)
    [error] = caller.take()
    assert error[:5] == [8, 48, 2, {}, "wamp.error.timeout"]
    callee.send([70, 1, {}])
    assert invoked(callee) == [1]


def test_calls_of_a_caller_that_leaves_leave_the_queue() -> None:
    core = Core()
    callee, caller = pair(core)
    other = core.join()
    caller.ask(*calls(3))
    other.ask(*calls(1, 9))
    caller.vanish()
    assert invoked(callee) == [1, 9]


def test_a_lost_right_ends_a_call_in_the_queue() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    callee, caller = pair(core)
    caller.ask(*calls(2))
    rights.denied_uris.add("com.p")
    core.realm1.gate.revoke(principals=["caller"])
    assert [answer[:5] for answer in caller.take()] == [
        [8, 48, request, {}, "wamp.error.not_authorized"] for request in (1, 2)
    ]
    assert invoked(callee) == [1]


@pytest.mark.parametrize("order", [["caller", "callee"], ["callee", "caller"]])
def test_callee_that_loses_its_right_in_a_sweep_gets_none_of_the_calls_that_the_sweep_sets_free(
    order: list[str],
) -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    callee, caller, other = (core.join(name, roles=EVERY_FEATURE) for name in ("callee", "caller", "other"))
    for peer in ("callee", "caller", "other"):
        rights.grant(peer, "a")
    callee.register("obj.a.p", concurrency=1)
    caller.ask([48, 1, {}, "obj.a.p"])
    other.ask([48, 1, {}, "obj.a.p"])
    rights.take_away("callee", "a")
    rights.take_away("caller", "a")
    core.realm1.gate.revoke(principals=order)
    assert [message[0] for message in callee.take() if message[0] != 69] == [68, 67]
    assert other.take()[0][4] == "wamp.error.no_such_procedure"


def test_calls_set_free_by_a_sweep_do_not_go_to_a_callee_that_it_has_not_judged_yet() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    callee, caller = pair(core)
    callee.register("com.", match="prefix")
    caller.ask(*calls(2))
    rights.denied_uris |= {"com.p", "com."}
    core.realm1.gate.revoke(principals=["callee"])
    assert types_of(callee.take()) == [68, 67, 67]
    assert caller.take()[0][2:5] == [2, {}, "wamp.error.no_such_procedure"]


def test_calls_set_free_by_a_sweep_do_not_start_without_their_own_right() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    _, caller = pair(core)
    fallback = core.join("fallback")
    fallback.register("com.", match="prefix")
    caller.ask(*calls(2))
    rights.denied_uris.add("com.p")
    core.realm1.gate.revoke(principals=["callee", "caller"])
    assert fallback.take() == []
    assert {answer[4] for answer in caller.take()} == {"wamp.error.not_authorized"}


def test_calls_that_wait_for_callees_who_all_go_find_no_procedure() -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask(*calls(3))
    callee.vanish()
    assert [error[4] for error in caller.take()] == [
        "wamp.error.no_such_procedure", "wamp.error.no_such_procedure", CANCELED,
    ]  # fmt: skip


def test_calls_that_wait_go_on_by_another_registration_that_matches() -> None:
    core = Core()
    callee, caller = pair(core)
    fallback = core.join()
    fallback.register("com.", match="prefix")
    caller.ask(*calls(2))
    callee.ask([66, 5, callee.take()[0][2]])
    [invocation] = fallback.take()
    assert invocation[3:] == [{"procedure": "com.p"}, [2]]


def test_unregister_leaves_the_queue_to_the_other_callees() -> None:
    core = Core()
    one, caller = pair(core, invoke="first")
    other = core.join()
    registration = other.register("com.p", invoke="first", concurrency=1)
    caller.ask(*calls(3))
    one.ask([66, 1, registration])
    other.send([70, 1, {}])
    assert invoked(other) == [2, 3]


# ---- bounds ----


def test_queue_of_a_registration_is_bounded() -> None:
    core = Core(Limits(queued_calls_per_registration=2))
    _, caller = pair(core)
    [error] = caller.ask(*calls(4))
    assert error == [
        8, 48, 4, {}, "fairlead.error.limit_exceeded",
        ["2 calls wait already (queued_calls_per_registration)"],
        {"limit": "queued_calls_per_registration"},
    ]  # fmt: skip
    assert core.realm1.counters.limits_exceeded == {"queued_calls_per_registration": 1}


def test_one_caller_cannot_fill_the_queue() -> None:
    core = Core(Limits(waiting_calls_per_session=2))
    _, caller = pair(core)
    [error] = caller.ask(*calls(4))
    assert error[6] == {"limit": "waiting_calls_per_session"}
    assert core.join().ask(*calls(1)) == []


def test_kept_payloads_of_one_caller_are_bounded_and_freed() -> None:
    core = Core(Limits(kept_call_bytes=100))
    callee, caller = pair(core)
    call = [48, 2, {}, "com.p", ["x" * 60]]
    [error] = caller.ask(*calls(1), call, [48, 3, *call[2:]])
    assert error[6] == {"limit": "kept_call_bytes"}
    callee.ask([70, 1, {}])
    assert types_of(caller.take()) == [50]
    callee.send([70, 2, {}])
    assert types_of(caller.take()) == [50]
    assert caller.ask(*calls(1), call, [48, 3, {}, "com.p"]) == []


def test_nothing_is_left_when_all_calls_are_over() -> None:
    core = Core()
    callee, caller = pair(core)
    session = core.realm1.session(caller.session_id)
    assert session is not None
    for round_ in range(3):
        caller.ask(*calls(4, timeout=1000))
        caller.ask([49, 2, {}], [49, 3, {}])
        callee.ask(*([70, number + 2 * round_, {}] for number in (1, 2)))
    caller.take()
    assert (session.waiting_calls, session.kept_call_bytes, session.calls) == (0, 0, {})
    assert core.host.pending_timers == 0


def test_concurrency_below_one_is_no_option() -> None:
    assert Core().join().ask([64, 1, {"concurrency": 0}, "com.p"])[0][2] == "wamp.error.protocol_violation"


def test_invalid_payload_is_refused_at_once_and_not_when_its_turn_comes() -> None:
    callee, caller = pair(Core())
    [error] = caller.ask(*calls(1), [48, 2, {}, "com.p", ["\0%"]])
    assert error[:5] == [8, 48, 2, {}, "wamp.error.invalid_argument"]
    callee.send([70, 1, {}])
    assert invoked(callee) == [1]
