"""Explanations: the path that allows, or the nearest thing that is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairlead_authz.model.closures import Closures
from fairlead_authz.model.explain import Explainer
from fairlead_authz.model.graph import Graph, Kind, Node
from fairlead_authz.model.levels import LOGIN
from fairlead_authz.model.rights import Policy, Rights
from fairlead_router import Level

Explain = Callable[[str, Level, str], str]


SINCE = "1970-01-01T00:00:05+00:00"
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
    graph.put(Node("old", "object", "p", trash_at_us=5_000_000))
    graph.put(Node("bin", "project", "p", trash_at_us=5_000_000))
    graph.put(Node("lost", "object", "bin"))
    graph.put(Node("vm", "virtual_machine", "root"))
    graph.link("bob", "vm", LOGIN)
    graph.put(Node("seek", "filter", "alice"))
    graph.put(Node("stray", "log", "root"))
    graph.put(Node("erin", "user", "root", is_active=False))
    graph.put(Node("ice", "project", "p", frozen_by="alice"))
    graph.put(Node("cube", "object", "ice"))
    graph.put(Node("request", "object", "p", about="ctr"))
    graph.put(Node("row", "log", "root", about="secret"))
    graph.put(Node("orphan", "container", "root"))
    for tail, head, level in (("bob", "staff", 2), ("staff", "p", 2), ("carol", "bob", 3)):
        graph.link(tail, head, level)
    closures = Closures(graph)
    rights = Rights(graph, closures, Policy(lambda: 10_000_000))
    return Explainer(graph, closures, rights).explain


@pytest.mark.parametrize(
    ("user", "level", "object_id", "why"),
    [
        ("alice", "manage", "log", "alice owns p; p owns inner; inner owns log"),
        ("alice", "manage", "alice", "alice is the user itself"),
        ("bob", "write", "log", f"{BOBS_WAY}; p owns inner; inner owns log"),
        ("bob", "read", "crew", "crew is a role, and every active user reads every role"),
        ("bob", "manage", "home", "bob owns home"),
        ("bob", "read", "vm", "bob has login on vm"),
        ("alice", "read", "seek", "alice owns seek"),
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
        ("alice", "read", "old", f"old is in the trash since {SINCE}: nobody can see it"),
        (
            "dora",
            "read",
            "lost",
            f"lost is in the project bin, which is in the trash since {SINCE}: nobody can see it",
        ),
        ("dora", "write", "cube", "cube is in the project ice, which is frozen by alice: nobody can write to it"),
        ("dora", "write", "ice", "ice is frozen by alice: nobody can write to it"),
        ("erin", "read", "crew", "crew is a role, which active users read, and erin is not active"),
        ("bob", "write", "vm", "bob has read on vm, not write: bob has login on vm"),
        ("bob", "read", "seek", "no grant or ownership leads from bob to seek"),
        ("alice", "read", "stray", "stray is about nothing that there is any more, so only administrators can read it"),
        ("bob", "read", "orphan", "no request of orphan can be read by bob, and nobody can do more to a container"),
    ],
)
def test_the_nearest_thing_that_is_missing(explain: Explain, user: str, level: Level, object_id: str, why: str) -> None:
    assert explain(user, level, object_id) == why
