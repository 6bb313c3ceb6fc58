"""Whose denials are worth asking about again after a change."""

from __future__ import annotations

import pytest

from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.changes import Change, Delete, Freeze, Grant, Put, Revoke, Trash, Unfreeze, Untrash
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.live.gains import gainers, new_only
from fairlead_authz.live.realm import Live
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.tokens.tokens import Tokens
from fairlead_authz.uri_rules import UriRule, UriRules
from support.core import Core

POLICY = Policy(lambda: 0)
CHANGER = Actor("system", is_admin=True)
RULES = (UriRule("com.{object}", subscribe="read", publish="read"),)


class World:
    """Ann and ben are connected; ben is in the role `red`. Project p, with x in it, and object y are the system's."""

    def __init__(self) -> None:
        self.graph = Graph()
        for node in (
            Node("system", "user", "system"),
            Node("all-users", "role", "system"),
            Node("ann", "user", "system"),
            Node("ben", "user", "system"),
            Node("red", "role", "system"),
            Node("p", "project", "system"),
            Node("x", "object", "p"),
            Node("y", "object", "system"),
        ):
            self.graph.put(node)
        self.graph.link("ben", "red", 1)
        self.closures = Closures(self.graph)
        self.rights = Rights(self.graph, self.closures, POLICY)
        tokens = Tokens([], self.graph, lambda: 0)
        self.core = Core(authorizer=GraphAuthorizer(self.graph, tokens, self.rights, UriRules(RULES), is_open=False))
        self.live = Live(self.graph, self.closures)
        self.live.bind(self.core.realm1)
        self.ann, self.ben = self.core.join("ann"), self.core.join("ben")

    def gaining(self, *changes: Change) -> set[str] | None:
        """Who gains by these, which are then made."""
        changeset = work_out(self.graph, changes, CHANGER, POLICY)
        found = gainers(self.closures, changeset)
        self.live.adopt(changeset)
        return found


def test_a_grant_to_a_user_concerns_that_user() -> None:
    assert World().gaining(Grant("ann", "read", "y")) == {"ann"}


def test_a_grant_to_a_role_concerns_its_members() -> None:
    assert World().gaining(Grant("red", "read", "p")) == {"ben"}


def test_a_new_object_concerns_who_reaches_its_owner() -> None:
    world = World()
    world.gaining(Grant("red", "read", "p"))
    assert world.rights.can("ben", 1, "x")
    assert world.gaining(Put("object", "new", owner="p")) == {"ben", "new"}


def test_what_only_takes_concerns_nobody() -> None:
    world = World()
    world.gaining(Grant("ann", "read", "y"))
    assert world.gaining(Revoke("ann", "read", "y")) == set()
    assert world.gaining(Delete("y")) == set()


def test_a_user_who_becomes_an_administrator_is_concerned_alone() -> None:
    assert World().gaining(Put("user", "ann", is_admin=True)) == {"ann"}


@pytest.mark.parametrize("change", [Put("object", "x", owner="ann"), Put("role", "blue"), Put("log", "row", about="x")])
def test_what_is_read_in_other_ways_may_concern_anybody(change: Change) -> None:
    assert World().gaining(change) is None


@pytest.mark.parametrize("changes", [(Trash("p", 0), Untrash("p")), (Freeze("p"), Unfreeze("p"))])
def test_what_comes_back_may_concern_anybody(changes: tuple[Change, Change]) -> None:
    world = World()
    world.gaining(changes[0])
    assert world.gaining(changes[1]) is None


def test_a_pattern_gets_what_was_granted_step_by_step_while_nobody_asked() -> None:
    world = World()
    world.graph.put(Node("eve", "user", "system", is_admin=True))
    eve = world.core.join("eve")
    world.ann.subscribe("com.", match="prefix")
    eve.ask([16, 1, {}, "com.x", ["denied"]], [16, 2, {}, "com.later", ["denied"]])
    world.gaining(Grant("ann", "read", "red"))
    world.gaining(Grant("red", "read", "p"))
    world.gaining(Put("object", "later", owner="p"))
    eve.ask([16, 3, {}, "com.x", ["x"]], [16, 4, {}, "com.later", ["later"]])
    assert world.ann.events() == [["x"], ["later"]]


def test_a_grant_to_one_asks_nothing_about_another(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.graph.put(Node("eve", "user", "system", is_admin=True))
    eve = world.core.join("eve")
    world.ann.subscribe("com.", match="prefix")
    eve.ask([16, 1, {}, "com.x", ["denied"]])
    asked: list[str] = []
    can = world.rights.can

    def counting(user: str, level: int, object_id: str, include_trash: bool = False) -> bool:
        asked.append(user)
        return can(user, level, object_id, include_trash)

    monkeypatch.setattr(world.rights, "can", counting)
    world.gaining(Grant("ben", "read", "y"))
    eve.ask([16, 2, {}, "com.x", ["denied"]])
    assert "ann" not in asked
    world.gaining(Grant("ann", "read", "x"))
    eve.ask([16, 3, {}, "com.x", ["allowed"]])
    assert world.ann.events() == [["allowed"]]


@pytest.mark.parametrize(
    ("changes", "gained"),
    [
        ([Put("object", "new", owner="p")], {"new"}),
        ([Put("container", "c"), Put("container_request", "r", owner="p", about="c")], {"c", "r"}),
        ([Grant("ann", "read", "x")], None),
        ([Put("object", "new", owner="p"), Grant("ann", "read", "x")], None),
        ([Put("object", "x", owner="system")], None),
        ([Trash("x")], None),
    ],
)
def test_what_is_gained_is_known_where_things_are_only_made(changes: list[Change], gained: set[str] | None) -> None:
    world = World()
    assert new_only(work_out(world.graph, changes, CHANGER, POLICY)) == gained
