"""Whether a realm is served follows the lease of its store, by a steady clock, before the next message is accepted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead_authz.serving import LOOK_US, Serving
from fairlead_router.authorization import Principal
from fairlead_router.deadlines import Deadlines
from support.core import Core, Peer

SECOND_US = 1_000_000
SUSPENDED = "fairlead.close.suspended"


class HandLease:
    """A lease of five seconds in the test's hand."""

    def __init__(self) -> None:
        self.until_us = 5 * SECOND_US
        self.is_lost = False


class Leased:
    """A realm that is served by a lease: alice hears what bob publishes."""

    def __init__(self) -> None:
        self.core = Core()
        self.lease = HandLease()
        self.serving = Serving(self.lease)
        self.serving.bind(self.core.realm1)
        self.alice, self.bob = self.core.join("alice"), self.core.join("bob")
        self.alice.subscribe("com.x")

    def received(self) -> list[object]:
        """What kinds of messages alice got after bob published."""
        self.bob.send([16, 1, {}, "com.x", ["secret"]])
        return [message[0] for message in self.alice.take()]


def forget(deadlines: Deadlines, callback: object, at_us: int | None) -> None:
    """Deadlines without their mechanism."""


@pytest.fixture
def leased() -> Iterator[Leased]:
    leased = Leased()
    yield leased
    leased.serving.close()


def test_within_the_lease_everything_goes_on(leased: Leased) -> None:
    leased.core.host.stall(4.9)
    assert leased.received() == [36]


def test_a_message_after_the_lease_finds_everybody_gone_though_the_timer_is_late(leased: Leased) -> None:
    leased.core.host.stall(60)
    assert leased.received() == [6]
    assert not leased.serving.is_serving


def test_without_the_deadline_it_would_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deadlines, "set_steady", forget)
    leased = Leased()
    leased.core.host.stall(60)
    assert leased.received() == [36]


def test_a_wall_clock_that_was_set_back_gives_no_time(leased: Leased) -> None:
    leased.core.host.clock_step_s = -3600
    leased.core.host.stall(6)
    assert leased.received() == [6]


def test_what_was_queued_before_the_lease_ran_out_is_not_written_after_it(leased: Leased) -> None:
    leased.bob.send([16, 1, {}, "com.x", ["secret"]])
    leased.core.host.stall(6)
    assert [message[0] for message in leased.alice.take()] == [6]


def test_a_lease_that_was_renewed_meanwhile_disturbs_nobody(leased: Leased) -> None:
    leased.lease.until_us = 10 * SECOND_US
    leased.core.host.advance(9)
    assert leased.received() == [36]


def test_who_joins_without_a_lease_is_refused_for_the_same_reason(leased: Leased) -> None:
    leased.core.host.stall(6)
    [abort] = Peer(leased.core).ask([1, "realm1", {"roles": {"subscriber": {}}}])
    assert (abort[0], abort[2]) == (3, SUSPENDED)


def test_a_lease_that_is_renewed_late_is_served_by_again(leased: Leased) -> None:
    told: list[bool] = []
    leased.serving.on_change = lambda: told.append(leased.serving.is_serving)
    leased.core.host.advance(6)
    leased.lease.until_us = 12 * SECOND_US
    leased.core.host.advance(2 * LOOK_US / SECOND_US)
    assert told == [False, True]
    assert leased.core.join("alice").subscribe("com.x")


def test_a_store_that_another_process_had_is_not_served_by_again(leased: Leased) -> None:
    leased.lease.is_lost = True
    leased.core.host.advance(6)
    leased.lease.until_us = 60 * SECOND_US
    leased.core.host.advance(6)
    assert (leased.serving.is_serving, leased.serving.is_taken_over) == (False, True)


def test_services_stay(leased: Leased) -> None:
    leased.core.realm1.join(Principal("logs", "service"))
    leased.core.host.advance(6)
    assert [principal.authid for _, principal in leased.core.realm1.sessions()] == ["logs"]


def test_before_the_lease_is_given_back_everybody_goes(leased: Leased) -> None:
    leased.serving.close()
    assert [message[2] for message in leased.alice.take()] == [SUSPENDED]


def test_without_a_lease_there_is_no_deadline() -> None:
    core = Core()
    Serving(None).bind(core.realm1)
    assert core.realm1.deadlines.next_steady_us is None
