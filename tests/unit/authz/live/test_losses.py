"""What a changeset takes away, read off from the difference."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fairlead_authz.changeset import Changeset
from fairlead_authz.live.losses import Edge, Losses, losses
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, READ


def graph() -> Graph:
    made = Graph()
    for node in (
        Node("root", "user", "root"),
        Node("ann", "user", "root", is_admin=True),
        Node("p", "project", "root", trash_at_us=9, frozen_by="ann"),
        Node("request", "object", "p", about="container"),
    ):
        made.put(node)
    made.link("ann", "p", READ)
    return made


def taken_by(node_id: str, **fields: Any) -> Losses:
    """What is taken when the node is this afterwards."""
    of = graph()
    changeset = Changeset()
    changeset.set_node(node_id, of.nodes[node_id], replace(of.nodes[node_id], **fields))
    return losses(of, changeset)


@pytest.mark.parametrize(
    ("node_id", "fields"),
    [
        ("p", {"name": "other"}),
        ("p", {"trash_at_us": None}),
        ("p", {"frozen_by": None}),
        ("root", {"is_admin": True}),
    ],
)
def test_what_gives_or_only_renames_takes_nothing(node_id: str, fields: dict[str, Any]) -> None:
    assert not taken_by(node_id, **fields)


@pytest.mark.parametrize(
    ("node_id", "fields", "expected"),
    [
        ("p", {"owner": "ann"}, Losses(set(), {"p"}, {Edge("root", "p", True)})),
        ("p", {"trash_at_us": 5}, Losses(set(), {"p"}, set())),
        ("root", {"frozen_by": "ann"}, Losses(set(), {"root"}, set())),
        ("request", {"about": "other"}, Losses(set(), {"request"}, set())),
        ("ann", {"is_admin": False}, Losses({"ann"}, set(), set())),
        ("ann", {"is_active": False}, Losses({"ann"}, set(), set())),
    ],
)
def test_what_a_difference_takes(node_id: str, fields: dict[str, Any], expected: Losses) -> None:
    assert taken_by(node_id, **fields) == expected


def test_a_node_that_goes_takes_all_edges_to_it() -> None:
    of = graph()
    changeset = Changeset()
    changeset.set_node("p", of.nodes["p"], None)
    changeset.set_node("request", of.nodes["request"], None)
    assert losses(of, changeset) == Losses(
        set(),
        {"p", "request"},
        {Edge("root", "p", True), Edge("ann", "p", True), Edge("p", "request", False)},
    )


def test_a_link_takes_if_it_is_weaker_and_a_user_is_a_step_only_to_whoever_manages_it() -> None:
    of = graph()
    changeset = Changeset()
    changeset.set_link("ann", "p", READ, MANAGE)
    changeset.set_link("ann", "root", MANAGE, READ)
    changeset.set_link("root", "ann", READ, 0)
    assert losses(of, changeset) == Losses(set(), set(), {Edge("ann", "root", True), Edge("root", "ann", False)})
