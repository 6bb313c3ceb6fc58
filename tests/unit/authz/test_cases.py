"""Arvados' worked cases, against the code and against the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz.closures import Closures
from fairlead_authz.graph import Graph, Kind, Node
from fairlead_authz.levels import NUMBERS
from fairlead_authz.rights import Policy, Rights
from unit.authz.oracle import World

CASES = json.loads((Path(__file__).parents[2] / "vectors/permissions/arvados-cases.json").read_text())["cases"]
KINDS: dict[str, Kind] = {
    "user": "user",
    "role": "role",
    "project": "project",
    "filter": "filter",
    "container": "container",
    "log": "log",
}
"""The others are plain objects."""

LEVELS = {"can_read": 1, "can_login": 1, "can_write": 2, "can_manage": 3}

NOT_YET = {
    "update": "a change of an object's own fields: nothing here holds such fields yet",
    "unfreeze": "freezing is judged, but there is no change that freezes or unfreezes yet",
    "read+trash": "looking into the trash: there is no change that trashes yet",
}
"""Actions whose checks are left out, and why."""


def graph_of(case: dict[str, Any]) -> Graph:
    """The case's objects and links."""
    graph = Graph()
    for id_, entry in case["objects"].items():
        graph.put(
            Node(
                id_,
                KINDS.get(entry["kind"], "object"),
                entry["owner"],
                is_admin=entry.get("admin", False),
                is_active=entry.get("active", True),
                trash_at_us=entry.get("trash_at"),
                frozen_by=entry.get("frozen_by"),
                about=entry.get("container") or entry.get("object"),
            )
        )
    for link in case["links"].values():
        known = graph.link_level(link["tail"], link["head"])
        graph.link(link["tail"], link["head"], max(known, LEVELS[link["name"]]))
    return graph


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_arvados_case(case: dict[str, Any]) -> None:
    graph = graph_of(case)
    world = World(graph, case["now"], case["roles_visible"])
    rights = Rights(graph, Closures(graph), Policy(lambda: case["now"], case["roles_visible"]))
    for check in case["checks"]:
        if check["action"] in NOT_YET:
            continue
        level = NUMBERS[check["action"]]
        assert rights.can(check["user"], level, check["target"]) is check["expect"], check
        assert world.can(check["user"], level, check["target"]) is check["expect"], check


def test_only_the_listed_actions_are_left_out() -> None:
    checks = [check for case in CASES for check in case["checks"]]
    assert {check["action"] for check in checks} - set(NOT_YET) == set(NUMBERS)
    assert sum(check["action"] in NOT_YET for check in checks) == 6
    assert len(checks) == 138
