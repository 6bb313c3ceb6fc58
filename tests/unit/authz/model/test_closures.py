"""Closures that are kept: who holds which, and for how long."""

from __future__ import annotations

import pytest

from fairlead_authz.model import closures as module
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, READ


def graph(users: int = 3) -> Graph:
    """Users u0, u1, ... who are in the role `staff`, which manages the project p of `root`."""
    made = Graph()
    made.put(Node("root", "user", "root"))
    made.put(Node("staff", "role", "root"))
    made.put(Node("p", "project", "root"))
    made.link("staff", "p", MANAGE)
    for number in range(users):
        made.put(Node(f"u{number}", "user", "root"))
        made.link(f"u{number}", "staff", READ)
    return made


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_closure_that_is_touched_is_made_anew_when_it_is_next_asked_for(is_connected: bool) -> None:
    of = graph()
    kept = Closures(of)
    if is_connected:
        kept.connect("u0")
    before = kept.of("u0")
    of.link("staff", "p", 0)
    kept.touch(["staff"])
    after = kept.of("u0")
    assert "p" in before.followed
    assert "p" not in after.followed
    assert kept.of("u0") is after


def test_whose_closure_is_stale_still_counts_as_a_holder_of_what_it_held() -> None:
    of = graph()
    kept = Closures(of)
    kept.connect("u0")
    kept.of("u0")
    of.link("staff", "p", 0)
    kept.touch(["staff"])
    assert kept.holders("p") == {"u0"}
    kept.of("u0")
    assert kept.holders("p") == set()


def test_what_is_not_touched_stays() -> None:
    of = graph()
    kept = Closures(of)
    kept.connect("u0")
    known = [kept.of("u0"), kept.of("u1")]
    of.link("u2", "staff", 0)
    kept.touch(["u2"])
    assert [kept.of("u0"), kept.of("u1")] == known


def test_a_user_is_connected_until_the_last_session_ends() -> None:
    kept = Closures(graph())
    kept.connect("u0")
    kept.connect("u0")
    kept.of("u0")
    kept.disconnect("u0")
    assert list(kept.connected) == ["u0"]
    assert kept.holders("p") == {"u0"}
    kept.disconnect("u0")
    assert list(kept.connected) == []
    assert kept.holders("p") == set()


def test_room_is_for_those_asked_about_last_and_never_taken_from_connected_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLOSURES_KEPT", 2)
    kept = Closures(graph(6))
    kept.connect("u0")
    first = kept.of("u0")
    second, third = kept.of("u1"), kept.of("u2")
    assert kept.of("u1") is second
    kept.of("u3")
    assert kept.of("u0") is first
    assert kept.of("u1") is second
    assert kept.of("u2") is not third


def test_an_object_is_no_part_of_a_walk() -> None:
    of = graph()
    for number in range(100):
        of.put(Node(f"x{number}", "object", "p"))
        of.link("u0", f"x{number}", MANAGE)
    assert set(Closures(of).of("u0").owning) == {"u0", "staff", "p"}


def test_who_is_merely_seen_is_no_part_of_a_walk() -> None:
    of = graph()
    of.link("staff", "u1", READ)
    of.link("staff", "u2", MANAGE)
    closure = Closures(of).of("u0")
    assert set(closure.owning) == {"u0", "staff", "p", "u2"}
    assert closure.followed["u2"] == READ
