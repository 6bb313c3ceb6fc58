"""How many connections there may be, in all and of one address."""

from __future__ import annotations

import pytest

from fairlead_router.counters import RouterCounters
from fairlead_router.limits import Limits
from fairlead_router.transports.admission import REFUSALS_AT_ONCE, Admission
from fairlead_router.transports.http_request import HttpRefusal

LIMITS = Limits(connections=3, connections_per_address=2)


@pytest.fixture
def admission() -> Admission:
    return Admission(LIMITS, RouterCounters())


def test_one_address_may_not_take_all(admission: Admission) -> None:
    entries = [admission.enter() for _ in range(3)]
    entries[0].admit("10.0.0.1")
    entries[1].admit("10.0.0.1")
    with pytest.raises(HttpRefusal, match="connections_per_address") as caught:
        entries[2].admit("10.0.0.1")
    assert caught.value.status == 429
    entries[2].admit("10.0.0.2")
    assert admission.counters.limits_exceeded == {"connections_per_address": 1}


def test_place_is_free_again_when_a_connection_leaves(admission: Admission) -> None:
    for _ in range(10):
        entry = admission.enter()
        entry.admit("10.0.0.1")
        entry.leave()
        entry.leave()
    assert (admission.total, admission.by_address) == (0, {})


def test_refused_connection_leaves_the_count_of_its_address_alone(admission: Admission) -> None:
    kept = [admission.enter() for _ in range(2)]
    for entry in kept:
        entry.admit("10.0.0.1")
    refused = admission.enter()
    with pytest.raises(HttpRefusal):
        refused.admit("10.0.0.1")
    refused.leave()
    assert (admission.total, admission.by_address) == (2, {"10.0.0.1": 2})


def test_too_many_in_all_are_refused_and_where_refusals_are_too_many_not_even_let_in(admission: Admission) -> None:
    entries = [admission.enter() for _ in range(4)]
    with pytest.raises(HttpRefusal, match=r"\(connections\)") as caught:
        entries[3].admit("10.0.0.1")
    assert caught.value.status == 503
    assert admission.may_enter(0)
    assert not admission.may_enter(REFUSALS_AT_ONCE)
    assert admission.counters.limits_exceeded == {"connections": 2}


def test_unix_sockets_are_one_machine_and_not_one_address(admission: Admission) -> None:
    for _ in range(3):
        admission.enter().admit("unix")
    assert admission.by_address == {}
