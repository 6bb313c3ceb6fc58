"""Rights against Arvados' worked cases and against the oracle, after every step of random histories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_authz.changes import Change, Delete, Grant, Put, Revoke
from fairlead_authz.editing import Actor, Edit
from fairlead_authz.graph import Graph, Kind, Node
from fairlead_authz.levels import NUMBERS
from fairlead_authz.rights import Rights
from fairlead_router import RequestError
from unit.authz import oracle

CASES = json.loads((Path(__file__).parents[2] / "vectors/permissions/arvados-cases.json").read_text())["cases"]
KINDS: dict[str, Kind] = {"user": "user", "role": "role", "project": "project"}
LEVELS = {"can_read": 1, "can_login": 1, "can_write": 2, "can_manage": 3}

NOT_YET = {
    "trash_at": "trash and its clock",
    "frozen_by": "frozen projects",
    "container": "containers are read through their requests",
    "object": "log rows are judged by their object",
}
NOT_YET_KINDS = {"container": "see container", "log": "see object"}
NOT_YET_ACTIONS = {"update", "unfreeze", "read+trash"}


def _missing_feature(case: dict[str, Any]) -> str | None:
    for entry in case["objects"].values():
        for field, why in NOT_YET.items():
            if entry.get(field) is not None:
                return why
        if entry["kind"] in NOT_YET_KINDS:
            return NOT_YET_KINDS[entry["kind"]]
    return None


SUPPORTED = [case for case in CASES if _missing_feature(case) is None]


def _graph(case: dict[str, Any]) -> Graph:
    graph = Graph()
    for id_, entry in case["objects"].items():
        kind = KINDS.get(entry["kind"], "object")
        graph.put(Node(id_, kind, entry["owner"], "", entry.get("admin", False), entry.get("active", True)))
    for link in case["links"].values():
        known = graph.links_from(link["tail"]).get(link["head"], 0)
        graph.link(link["tail"], link["head"], max(known, LEVELS[link["name"]]))
    return graph


@pytest.mark.parametrize("case", SUPPORTED, ids=lambda case: case["id"])
def test_arvados_case(case: dict[str, Any]) -> None:
    graph = _graph(case)
    rights = Rights(graph)
    for check in case["checks"]:
        if check["action"] in NOT_YET_ACTIONS:
            continue
        level = NUMBERS[check["action"]]
        assert rights.can(check["user"], level, check["target"]) is check["expect"], check
        assert oracle.can(graph, check["user"], level, check["target"]) is check["expect"], check


def test_most_cases_are_replayed() -> None:
    assert len(SUPPORTED) == 25, [case["id"] for case in CASES if _missing_feature(case)]


def test_two_weak_paths_do_not_combine() -> None:
    graph = Graph()
    for id_, kind in (("root", "user"), ("alice", "user"), ("bob", "user"), ("staff", "role"), ("thing", "object")):
        graph.put(Node(id_, kind, "bob" if id_ == "thing" else "root"))  # type: ignore[arg-type]
    graph.link("alice", "bob", 2)
    graph.link("alice", "staff", 1)
    graph.link("staff", "bob", 3)
    rights = Rights(graph)
    assert rights.can("alice", 1, "thing")
    assert not rights.can("alice", 2, "thing")


USERS = ["ann", "ben", "cat"]
GROUPS = ["red", "blue"]
PROJECTS = ["p", "q", "r"]
OBJECTS = ["x", "y"]
ADMIN = Actor("system", is_admin=True)

ids = st.sampled_from(USERS + GROUPS + PROJECTS + OBJECTS)
levels = st.sampled_from(["read", "write", "manage"])
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Put, st.just("project"), st.sampled_from(PROJECTS), st.sampled_from(USERS + PROJECTS)),
    st.builds(Put, st.just("object"), st.sampled_from(OBJECTS), st.sampled_from(USERS + PROJECTS)),
    st.builds(Put, st.just("user"), st.sampled_from(USERS), is_admin=st.booleans()),
    st.builds(Grant, st.sampled_from(USERS + GROUPS), levels, ids),
    st.builds(Revoke, st.sampled_from(USERS + GROUPS), levels, ids),
    st.builds(Delete, st.sampled_from(PROJECTS + OBJECTS)),
)


def _first_graph() -> Graph:
    graph = Graph()
    graph.put(Node("system", "user", "system"))
    graph.put(Node("all-users", "role", "system"))
    for user in USERS:
        graph.put(Node(user, "user", "system"))
    for group in GROUPS:
        graph.put(Node(group, "role", "system"))
    return graph


def _table(graph: Graph, rights: Rights) -> dict[tuple[str, int, str], bool]:
    return {
        (user, level, target): rights.can(user, level, target)
        for user in USERS
        for level in (1, 2, 3)
        for target in graph.nodes
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(changes, min_size=1, max_size=3), max_size=12))
def test_incremental_answers_equal_the_oracle_and_losers_are_found(history: list[list[Change]]) -> None:
    graph = _first_graph()
    rights = Rights(graph)
    for step in history:
        before = _table(graph, rights)
        edit = Edit(graph, ADMIN)
        try:
            edit.apply(step)
        except RequestError:
            assert _table(graph, Rights(graph)) == before, "a refused list must change nothing"
            continue
        edit.take_back()
        assert _table(graph, Rights(graph)) == before, "taking back must change nothing"
        suspects = {user for user in USERS if edit.takes_away and rights.depends_on(user, edit.touched)}
        lost_objects = set(edit.objects_lost)
        edit = Edit(graph, ADMIN)
        edit.apply(step)
        rights.forget(edit.touched)
        after = _table(graph, rights)
        for (user, level, target), allowed in after.items():
            assert allowed is oracle.can(graph, user, level, target), (user, level, target)
        for (user, level, target), allowed in before.items():
            if allowed and not after.get((user, level, target), False):
                assert user in suspects or target in lost_objects, (user, level, target, step)
