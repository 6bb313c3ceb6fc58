"""A registration: its callees, and which of them gets a call by the invocation policy."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fairlead_router.limits import Limits
from support.core import EVERY_FEATURE, Core, Peer, types_of


def shared(core: Core, invoke: str, count: int = 3, **options: Any) -> list[Peer]:
    """So many callees of com.p."""
    callees = [core.join(f"callee{number}", roles=EVERY_FEATURE) for number in range(count)]
    for callee in callees:
        callee.register("com.p", invoke=invoke, **options)
    return callees


def called(core: Core, callees: list[Peer], count: int = 1) -> list[int]:
    """Which callees got so many calls, one after the other. None of them is answered."""
    caller = core.join()
    order = []
    for request in range(1, count + 1):
        caller.ask([48, request, {}, "com.p"])
        order += [number for number, callee in enumerate(callees) for message in callee.take() if message[0] == 68]
    return order


# ---- sharing ----


def test_callees_of_one_procedure_share_the_registration() -> None:
    core = Core()
    ids = {core.join().register("com.p", invoke="first") for _ in range(3)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ({}, {}, "is registered already"),
        ({"invoke": "single"}, {"invoke": "roundrobin"}, "is registered already"),
        ({"invoke": "roundrobin"}, {}, "invoke=roundrobin, not single"),
        ({"invoke": "roundrobin"}, {"invoke": "random"}, "invoke=roundrobin, not random"),
    ],
)
def test_callees_that_disagree_about_the_policy_do_not_share(
    first: dict[str, Any], second: dict[str, Any], text: str
) -> None:
    core = Core()
    core.join().register("com.p", **first)
    [error] = core.join().ask([64, 5, second, "com.p"])
    assert error[:5] == [8, 64, 5, {}, "wamp.error.procedure_already_exists"]
    assert text in error[5][0]


def test_session_shares_a_registration_once() -> None:
    callee = Core().join()
    callee.register("com.p", invoke="roundrobin")
    [error] = callee.ask([64, 5, {"invoke": "roundrobin"}, "com.p"])
    assert error[4] == "wamp.error.procedure_already_exists"


def test_registration_ends_with_its_last_callee() -> None:
    core = Core()
    one, other = shared(core, "roundrobin", 2)
    registration = one.register("com.q", invoke="roundrobin")
    other.register("com.q", invoke="roundrobin")
    one.ask([66, 1, registration])
    assert core.join().ask([48, 1, {}, "com.q"]) == []
    other.ask([66, 1, registration])
    assert core.join().ask([48, 1, {}, "com.q"])[0][4] == "wamp.error.no_such_procedure"
    assert core.join().register("com.q") != registration


def test_callees_of_a_registration_are_limited() -> None:
    core = Core(Limits(callees_per_registration=2))
    shared(core, "random", 2)
    [error] = core.join().ask([64, 5, {"invoke": "random"}, "com.p"])
    assert error[4:6] == [
        "fairlead.error.limit_exceeded",
        ["procedure 'com.p' has 2 callees already (callees_per_registration)"],
    ]


# ---- policies ----


def test_first_is_the_callee_that_registered_first() -> None:
    core = Core()
    callees = shared(core, "first")
    assert called(core, callees, 3) == [0, 0, 0]
    callees[0].vanish()
    assert called(core, callees, 2) == [1, 1]


def test_last_is_the_callee_that_registered_last() -> None:
    core = Core()
    callees = shared(core, "last")
    assert called(core, callees, 3) == [2, 2, 2]
    callees[2].vanish()
    assert called(core, callees, 2) == [1, 1]


def test_roundrobin_takes_turns_in_the_order_of_registration() -> None:
    core = Core()
    callees = shared(core, "roundrobin")
    assert called(core, callees, 7) == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("leaving", "before", "after"),
    [
        (0, 1, [1, 2, 1, 2]),  # it had its turn: the next one has not
        (1, 1, [2, 0, 2, 0]),  # it was next
        (2, 1, [1, 0, 1, 0]),
        (2, 2, [0, 1, 0, 1]),  # it was next, and last in the list
        (0, 3, [1, 2, 1, 2]),
    ],
)
def test_roundrobin_stays_fair_when_a_callee_leaves(leaving: int, before: int, after: list[int]) -> None:
    core = Core()
    callees = shared(core, "roundrobin")
    called(core, callees, before)
    callees[leaving].vanish()
    assert called(core, callees, 4) == after


def test_roundrobin_takes_a_new_callee_in_at_the_end_of_the_list() -> None:
    core = Core()
    callees = shared(core, "roundrobin", 2)
    called(core, callees, 1)
    callees += shared(core, "roundrobin", 1)
    assert called(core, callees, 4) == [1, 2, 0, 1]


def test_random_reaches_every_callee_about_as_often() -> None:
    core = Core()
    callees = shared(core, "random")
    counts = Counter(called(core, callees, 600))
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 120, counts


def test_least_busy_is_the_callee_with_the_fewest_calls_in_progress() -> None:
    core = Core()
    callees = shared(core, "_fairlead_least_busy")
    caller = core.join()
    caller.ask(*([48, number, {}, "com.p"] for number in range(1, 7)))
    invocations = [callee.take() for callee in callees]
    assert [len(each) for each in invocations] == [2, 2, 2]
    callees[1].ask(*([70, message[1], {}] for message in invocations[1]))
    assert called(core, callees, 2) == [1, 1]
    assert called(core, callees, 3) == [2, 0, 1]


def test_call_in_progress_survives_its_callee_s_unregister_in_a_shared_registration() -> None:
    core = Core()
    one, other = shared(core, "roundrobin", 2)
    caller = core.join()
    caller.ask([48, 1, {}, "com.p"])
    [invocation] = one.take()
    one.ask([66, 7, invocation[2]])
    one.send([70, invocation[1], {}, ["done"]])
    assert caller.take() == [[50, 1, {}, ["done"]]]
    caller.ask([48, 2, {}, "com.p"], [48, 3, {}, "com.p"])
    assert types_of(other.take()) == [68, 68]
