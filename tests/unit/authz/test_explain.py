"""Explanations: the path that allows, or the nearest thing that is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairlead_authz.closures import Closures
from fairlead_authz.explain import Explainer
from fairlead_authz.graph import Graph, Kind, Node
from fairlead_authz.rights import Policy, Rights
from fairlead_router import Level

Explain = Callable[[str, Level, str], str]


BOBS_WAY = "bob has write on staff; staff has write on p"
NO_WAY_TO_SECRET = "no grant or ownership leads from bob to secret or to its owner alice"


@pytest.fixture
def explain() -> Explain:
    """Bob is in staff, which writes to the project p of alice; carol manages bob; dora is an administrator."""
    graph = Graph()
    nodes: list[tuple[str, Kind, str]] = [
        ("root", "user", "root"), ("alice", "user", "root"), ("bob", "user", "root"), ("carol", "user", "root"),
        ("staff", "role", "root"), ("crew", "role", "root"), ("p", "project", "alice"), ("inner", "project", "p"),
        ("log", "object", "inner"), ("home", "object", "bob"), ("secret", "object", "alice"),
        ("ctr", "container", "root"),
    ]  # fmt: skip
    for id_, kind, owner in nodes:
        graph.put(Node(id_, kind, owner))
    graph.put(Node("dora", "user", "root", is_admin=True))
    graph.put(Node("old", "object", "p", trash_at_us=5))
    graph.put(Node("ice", "project", "p", frozen_by="alice"))
    graph.put(Node("cube", "object", "ice"))
    graph.put(Node("request", "object", "p", about="ctr"))
    graph.put(Node("row", "log", "root", about="secret"))
    graph.put(Node("orphan", "container", "root"))
    for tail, head, level in (("bob", "staff", 2), ("staff", "p", 2), ("carol", "bob", 3)):
        graph.link(tail, head, level)
    closures = Closures(graph)
    rights = Rights(graph, closures, Policy(lambda: 10))
    return Explainer(graph, closures, rights).explain


@pytest.mark.parametrize(
    ("user", "level", "object_id", "why"),
    [
        ("alice", "manage", "log", "alice owns p; p owns inner; inner owns log"),
        ("alice", "manage", "alice", "alice is the user itself"),
        ("bob", "write", "log", f"{BOBS_WAY}; p owns inner; inner owns log"),
        ("bob", "read", "crew", "crew is a role, and every active user reads every role"),
        ("bob", "manage", "home", "bob owns home"),
        ("carol", "read", "home", "carol has manage on bob; bob owns home"),
        ("carol", "read", "p", f"carol has manage on bob; so carol may act as bob; {BOBS_WAY}"),
        ("dora", "manage", "secret", "dora is an administrator"),
        ("bob", "read", "ctr", f"{BOBS_WAY}; p owns request; request requested ctr"),
        ("alice", "read", "row", "row is about secret; alice owns secret"),
    ],
)
def test_the_path_that_allows(explain: Explain, user: str, level: Level, object_id: str, why: str) -> None:
    assert explain(user, level, object_id) == why


@pytest.mark.parametrize(
    ("user", "level", "object_id", "why"),
    [
        ("nobody", "read", "log", "there is no user 'nobody'"),
        ("bob", "read", "nothing", "there is no object 'nothing'"),
        ("bob", "read", "secret", NO_WAY_TO_SECRET),
        ("bob", "manage", "log", f"bob has write on log, not manage: {BOBS_WAY}; p owns inner; inner owns log"),
        ("bob", "read", "row", f"row is about secret: {NO_WAY_TO_SECRET}"),
        ("alice", "read", "old", "old is in the trash, or in a project in the trash: nobody can see it"),
        ("dora", "write", "cube", "cube is frozen, or in a frozen project: nobody can write to it"),
        ("bob", "read", "orphan", "no request of orphan can be read by bob, and nobody can do more to a container"),
    ],
)
def test_the_nearest_thing_that_is_missing(explain: Explain, user: str, level: Level, object_id: str, why: str) -> None:
    assert explain(user, level, object_id) == why
