"""Arvados' worked cases, against the code and against the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Kind, Node
from fairlead_authz.model.levels import LOGIN, MANAGE, NUMBERS, READ, WRITE, merged_grant
from fairlead_authz.model.rights import Policy, Rights
from unit.authz.asking import may_unfreeze, may_update
from unit.authz.oracle import World

CASES = json.loads((Path(__file__).parents[2] / "vectors/permissions/arvados-cases.json").read_text())["cases"]
KINDS: dict[str, Kind] = {"cr": "container_request", "vm": "virtual_machine"}
"""What Arvados' short names are here."""

GRANTED = {"can_read": READ, "can_login": LOGIN, "can_write": WRITE, "can_manage": MANAGE}


def graph_of(case: dict[str, Any]) -> Graph:
    """The case's objects and links."""
    graph = Graph()
    for id_, entry in case["objects"].items():
        graph.put(
            Node(
                id_,
                KINDS.get(entry["kind"], entry["kind"]),
                entry["owner"],
                is_admin=entry.get("admin", False),
                is_active=entry.get("active", True),
                trash_at_us=entry.get("trash_at"),
                frozen_by=entry.get("frozen_by"),
                about=entry.get("container") or entry.get("object"),
            )
        )
    for link in case["links"].values():
        granted = graph.granted(link["tail"], link["head"])
        graph.link(link["tail"], link["head"], merged_grant(granted, GRANTED[link["name"]]))
    return graph


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_arvados_case(case: dict[str, Any]) -> None:
    graph = graph_of(case)
    world = World(graph, case["now"], case["roles_visible"])
    policy = Policy(lambda: case["now"], case["roles_visible"])
    rights = Rights(graph, Closures(graph), policy)
    for check in case["checks"]:
        user, action, target = check["user"], check["action"], check["target"]
        if action == "update":
            answers = may_update(graph, policy, user, target), world.may_update(user, target)
        elif action == "unfreeze":
            answers = may_unfreeze(graph, policy, user, target), world.may_unfreeze(user, target)
        else:
            answers = can(rights, user, action, target), can(world, user, action, target)
        assert answers == (check["expect"],) * 2, check


def can(judge: Rights | World, user: str, action: str, target: str) -> bool:
    """Whether the user has a level, maybe with a look into the trash."""
    level, _, with_trash = action.partition("+")
    return judge.can(user, NUMBERS[level], target, include_trash=bool(with_trash))  # type: ignore[index]


def test_all_checks_of_all_cases_are_made() -> None:
    checks = [check for case in CASES for check in case["checks"]]
    assert {check["action"] for check in checks} == {*NUMBERS, "update", "unfreeze", "read+trash"}
    assert (len(CASES), len(checks)) == (34, 138)
