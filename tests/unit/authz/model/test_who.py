"""The reverse lookup: small graphs that show each way; test_histories.py compares it with the oracle."""

from __future__ import annotations

from typing import Any

from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, READ, WRITE
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.model.who import Who


def setting() -> tuple[Graph, Who]:
    """Users ann, bob, carol and dora; role staff; ann owns project p with the object x."""
    graph = Graph()
    for user in ("system", "ann", "bob", "carol", "dora"):
        graph.put(Node(user, "user", "system"))
    graph.put(Node("staff", "role", "system"))
    graph.put(Node("p", "project", "ann"))
    graph.put(Node("x", "object", "p"))
    return graph, Who(graph, Rights(graph, Closures(graph), Policy(lambda: 10)))


def found(who: Who, level: int, object_id: str) -> list[str]:
    """Sorted, without the user that owns all users and so reaches all."""
    return sorted(who.users(level, object_id) - {"system"})


def test_owners_members_and_who_acts_as_them_are_found() -> None:
    graph, who = setting()
    graph.link("bob", "staff", WRITE)
    graph.link("staff", "p", READ)
    graph.link("carol", "bob", MANAGE)
    assert found(who, READ, "x") == ["ann", "bob", "carol"]
    assert found(who, WRITE, "x") == ["ann"]


def test_administrators_are_found_and_the_trash_hides_from_them_too() -> None:
    graph, who = setting()
    graph.put(Node("dora", "user", "system", is_admin=True))
    assert found(who, READ, "x") == ["ann", "dora"]
    graph.put(Node("p", "project", "ann", trash_at_us=10))
    assert found(who, READ, "x") == []
    assert found(who, WRITE, "x") == ["ann", "dora"]


def test_nobody_writes_to_what_is_frozen() -> None:
    graph, who = setting()
    graph.put(Node("p", "project", "ann", frozen_by="ann"))
    assert found(who, WRITE, "x") == []
    assert found(who, MANAGE, "x") == ["ann"]


def test_a_container_is_read_by_the_readers_of_its_requests_and_written_by_nobody() -> None:
    graph, who = setting()
    graph.put(Node("c", "container", "system"))
    graph.put(Node("r", "container_request", "p", about="c"))
    graph.put(Node("row", "log", "system", about="c"))
    assert found(who, READ, "c") == found(who, READ, "row") == ["ann"]
    assert found(who, WRITE, "c") == []


def test_all_active_users_read_a_role() -> None:
    graph, who = setting()
    graph.put(Node("bob", "user", "system", is_active=False))
    assert found(who, READ, "staff") == ["ann", "carol", "dora"]


def test_of_what_is_not_there_nobody_is_found() -> None:
    _, who = setting()
    assert found(who, READ, "nothing") == []


def test_the_work_is_that_of_the_way_not_that_of_all_users() -> None:
    graph, who = setting()
    asked: list[str] = []
    for number in range(100):
        graph.put(Node(f"u{number}", "user", "system"))

    class Counting(dict[str, Node]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.append(key)
            return super().get(key, default)

    graph.nodes = Counting(graph.nodes)
    assert found(who, READ, "x") == ["ann"]
    assert not [key for key in asked if key.startswith("u")]
