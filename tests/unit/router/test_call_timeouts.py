"""Call timeouts: the dealer's, the callee's own, the realm's (spec: Advanced Profile, Call Timeouts)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.errors import CallError
from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions
from support.core import EVERY_FEATURE, Core, Peer, types_of

TIMEOUT = "wamp.error.timeout"


def pair(core: Core, roles: dict[str, Any] | None = EVERY_FEATURE, **options: Any) -> tuple[Peer, Peer]:
    callee, caller = core.join("callee", roles=roles), core.join("caller")
    callee.register("com.p", **options)
    return callee, caller


def test_call_that_takes_too_long_ends_and_its_callee_is_interrupted() -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask([48, 1, {"timeout": 500}, "com.p"])
    assert callee.take()[0][3] == {}
    core.host.advance(0.4)
    assert caller.take() == []
    core.host.advance(0.2)
    assert caller.take() == [[8, 48, 1, {}, TIMEOUT, ["procedure 'com.p' gave no result within 0.5 s"]]]
    assert callee.take() == [[69, 1, {"mode": "killnowait", "reason": TIMEOUT}]]
    assert callee.ask([70, 1, {}, ["too late"]]) == caller.take() == []
    assert core.realm1.counters.calls_timed_out == 1


def test_callee_that_cannot_be_interrupted_is_skipped() -> None:
    core = Core()
    callee, caller = pair(core, roles=None)
    caller.ask([48, 1, {"timeout": 500}, "com.p"])
    core.host.advance(1)
    assert (types_of(callee.take()), types_of(caller.take())) == ([68], [8])


@pytest.mark.parametrize("options", [{}, {"timeout": 0}])
def test_without_a_timeout_a_call_may_take_for_ever_and_costs_no_timer(options: dict[str, int]) -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask([48, 1, options, "com.p"])
    assert core.host.pending_timers == 0
    core.host.advance(1e9)
    callee.ask([70, 1, {}])
    assert caller.take() == [[50, 1, {}]]


@pytest.mark.parametrize("answer", [[70, 1, {}], [8, 68, 1, {}, "com.error"]])
def test_answer_in_time_stops_the_timer(answer: list[Any]) -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask([48, 1, {"timeout": 500}, "com.p"])
    callee.ask(answer)
    assert core.host.pending_timers == 0
    core.host.advance(10)
    assert len(caller.take()) == 1


def test_timeout_is_from_result_to_result() -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask([48, 1, {"timeout": 500, "receive_progress": True}, "com.p"])
    for _ in range(5):
        core.host.advance(0.4)
        callee.ask([70, 1, {"progress": True}])
    assert types_of(caller.take()) == [50] * 5
    core.host.advance(0.6)
    assert caller.take()[0][4] == TIMEOUT
    assert core.host.pending_timers == 0


def test_realm_has_a_timeout_for_calls_that_name_none() -> None:
    core = Core(options=RealmOptions(call_timeout_s=2.0))
    _, caller = pair(core)
    caller.ask([48, 1, {}, "com.p"], [48, 2, {"timeout": 5000}, "com.p"])
    core.host.advance(3)
    assert [error[2] for error in caller.take()] == [1]
    core.host.advance(3)
    assert [error[2] for error in caller.take()] == [2]


def test_realm_cuts_timeouts_that_are_too_long() -> None:
    core = Core(options=RealmOptions(call_timeout_max_s=2.0))
    _, caller = pair(core)
    caller.ask([48, 1, {"timeout": 1 << 53}, "com.p"])
    core.host.advance(2.1)
    assert caller.take()[0][4] == TIMEOUT


def test_negative_timeout_is_no_option() -> None:
    assert Core().join().ask([48, 1, {"timeout": -1}, "com.p"])[0][2] == "wamp.error.protocol_violation"


# ---- forward_timeout ----


def test_callee_that_minds_the_time_is_told_it() -> None:
    core = Core()
    callee, caller = pair(core, forward_timeout=True)
    caller.ask([48, 1, {"timeout": 500}, "com.p"], [48, 2, {}, "com.p"])
    assert [message[3] for message in callee.take()] == [{"timeout": 500}, {}]
    core.host.advance(1)
    assert caller.take() == []
    callee.ask([8, 68, 1, {}, TIMEOUT])
    assert caller.take() == [[8, 48, 1, {}, TIMEOUT]]


def test_callee_that_minds_the_time_badly_is_interrupted_later() -> None:
    core = Core(Limits(timeout_grace_s=3.0))
    callee, caller = pair(core, forward_timeout=True)
    caller.ask([48, 1, {"timeout": 500}, "com.p"])
    core.host.advance(3.4)
    assert caller.take() == []
    core.host.advance(0.2)
    assert caller.take()[0][4] == TIMEOUT
    assert types_of(callee.take()) == [68, 69]


def test_call_that_has_waited_keeps_the_dealer_s_timer() -> None:
    core = Core()
    callee, caller = pair(core, forward_timeout=True, concurrency=1)
    caller.ask([48, 1, {}, "com.p"], [48, 2, {"timeout": 500}, "com.p"])
    core.host.advance(0.3)
    callee.ask([70, 1, {}])
    caller.take()
    core.host.advance(0.3)
    assert [error[2:5] for error in caller.take()] == [[2, {}, TIMEOUT]]


# ---- with cancel ----


def test_kill_of_a_callee_that_never_answers_ends_by_the_timeout_with_one_interrupt() -> None:
    core = Core()
    callee, caller = pair(core)
    caller.ask([48, 1, {"timeout": 500}, "com.p"], [49, 1, {"mode": "kill"}])
    core.host.advance(1)
    assert [error[4] for error in caller.take()] == [TIMEOUT]
    assert types_of(callee.take()) == [68, 69]


async def test_member_names_a_timeout() -> None:
    core = Core()
    core.join().register("com.p")
    task = asyncio.ensure_future(core.realm1.join(Principal("service", "service")).call("com.p", timeout_s=0.5))
    await asyncio.sleep(0)
    core.host.advance(1)
    with pytest.raises(CallError, match=TIMEOUT):
        await task


async def test_member_waits_for_a_procedure() -> None:
    core = Core()
    task = asyncio.ensure_future(core.realm1.join(Principal("service", "service")).call("com.p", [7], wait_s=1))
    await asyncio.sleep(0)
    callee = core.join()
    _, invocation = callee.ask([64, 1, {}, "com.p"])
    callee.ask([70, invocation[1], {}, ["answer", *invocation[4]]])
    assert (await task).args == ["answer", 7]
