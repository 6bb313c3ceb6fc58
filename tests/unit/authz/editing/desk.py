"""A graph that changes are made to as the funnel does it, but for the store, and questions about it."""

from __future__ import annotations

import re

import pytest

from fairlead_authz.changes import Change, Put
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.model.closures import FreshClosures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import NUMBERS, READ, WRITE
from fairlead_authz.model.rights import Policy, Rights
from fairlead_router import Level, RequestError

NOW_US = 1_000


class Desk:
    """Changes are made by `admin`, unless it is said by whom."""

    def __init__(self) -> None:
        self.graph = Graph()
        for user in ("system", "admin", "anonymous"):
            self.graph.put(
                Node(user, "user", "system", is_admin=user == "admin", is_active=user != "anonymous"),
            )
        for role in ("all-users", "anonymous-users"):
            self.graph.put(Node(role, "role", "system"))
        for tail, head, level in (("admin", "all-users", WRITE), ("all-users", "anonymous-users", READ)):
            self.graph.link(tail, head, level)
        self.policy = Policy(lambda: NOW_US)
        self.make(*(Put("user", user) for user in ("ann", "bob", "carol")), Put("role", "staff"))
        self.make(Put("project", "p", "ann"), Put("object", "x", "p"))

    def make(self, *changes: Change, by: str = "admin") -> None:
        """Raises what refuses them."""
        work_out(self.graph, changes, Actor(by, self.node(by).is_admin), self.policy).make(self.graph)

    def refuse(self, error: type[RequestError], text: str, *changes: Change, by: str = "admin") -> None:
        """The changes are refused with this error and a text that has this in it, and nothing is different."""
        before = dict(self.graph.nodes)
        with pytest.raises(error, match=re.escape(text)):
            self.make(*changes, by=by)
        assert self.graph.nodes == before

    def node(self, node_id: str) -> Node:
        """A node that is there."""
        return self.graph.nodes[node_id]

    def can(self, user: str, level: Level, node_id: str) -> bool:
        """Whether the user has the level."""
        return Rights(self.graph, FreshClosures(self.graph), self.policy).can(user, NUMBERS[level], node_id)
