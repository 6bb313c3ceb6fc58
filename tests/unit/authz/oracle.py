"""A naive evaluator of the permission model: recomputes everything from nothing, by collecting paths.

Written from the model's rules, not from the code that it checks: every walk as a set of (node, level,
traversing) facts until nothing new is found, then the rules R1 to R5 asked of all of them. Slow and plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from fairlead_authz.model.graph import Graph, Node

READ, WRITE, MANAGE, LOGIN = 1, 2, 3, 4
GROUPS = {"role", "project", "filter"}


class Fact(NamedTuple):
    """Some path gives this level on the node, and extends to what it owns or not."""

    node: str
    level: int
    traversing: bool


class World:
    """A graph as plain tables, copied: its nodes, and of each link what it grants."""

    def __init__(self, graph: Graph, now_us: int = 0, roles_visible: bool = True, users_visible: bool = True) -> None:
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self.granted = {
            (tail, head): graph.granted(tail, head) for tail in graph.nodes for head in graph.links_from(tail)
        }
        self.links = {
            link: READ if granted == LOGIN else granted - LOGIN if granted > LOGIN else granted
            for link, granted in self.granted.items()
        }
        self.now_us = now_us
        self.roles_visible = roles_visible
        self.users_visible = users_visible
        self._facts: dict[str, set[Fact]] = {}

    def can(self, user: str, level: int, target_id: str, include_trash: bool = False) -> bool:
        """Whether the user has the level on the target, which exists."""
        who, target = self.nodes.get(user), self.nodes[target_id]
        if who is None:
            return False
        if user == target_id:
            return True
        if level == READ:
            return self._readable(who, target, include_trash) and not self._hidden(who, target, include_trash)
        frozen = level == WRITE and any(node.frozen_by for node in self._inside(target))
        return self._writable(who, level, target) and not frozen

    def may_update(self, user: str, target_id: str) -> bool:
        """R1: write, roles manage, by an active user or on its own record."""
        level = MANAGE if self.nodes[target_id].kind == "role" else WRITE
        return self.can(user, level, target_id) and (user == target_id or self.nodes[user].is_active)

    def may_unfreeze(self, user: str, target_id: str) -> bool:
        """R1: level 3, and the parent is not frozen; it is an update, so by an active user."""
        parents = self._inside(self.nodes[target_id])[1:]
        is_frozen = any(node.frozen_by for node in parents)
        return self.can(user, MANAGE, target_id) and self.nodes[user].is_active and not is_frozen

    def may_see_link(self, user: str, tail: str, head: str) -> bool:
        """R6."""
        if user not in self.nodes:
            return False
        personas = self.personas(user, READ)
        return self.nodes[user].is_admin or head in personas or tail in personas or self.can(user, MANAGE, head)

    def who(self, level: int, target_id: str) -> set[str]:
        """All users who have the level on the target."""
        return {node.id for node in self.nodes.values() if node.kind == "user" and self.can(node.id, level, target_id)}

    def facts(self, user: str) -> set[Fact]:
        """M[user]: everything that some path gives."""
        if user not in self._facts:
            facts = {Fact(user, MANAGE, True)}
            pending = list(facts)
            for known in pending:
                new = set(self._one_step(user, known)) - facts
                facts |= new
                pending.extend(new)
            self._facts[user] = facts
        return self._facts[user]

    def personas(self, user: str, level: int) -> set[str]:
        """P[user, level]."""
        facts = self.facts(user)
        return {f.node for f in facts if f.traversing and f.level >= level and self.nodes[f.node].kind == "user"}

    def _one_step(self, user: str, known: Fact) -> Iterator[Fact]:
        if known.node != user and self.nodes[known.node].kind not in GROUPS:
            return
        for head, edge in self._edges.get(known.node, ()):
            kind = self.nodes[head].kind
            yield Fact(head, min(known.level, edge), kind in GROUPS or (kind == "user" and edge == MANAGE))

    @cached_property
    def _edges(self) -> dict[str, list[tuple[str, int]]]:
        edges: dict[str, list[tuple[str, int]]] = {}
        for node in self.nodes.values():
            if node.kind in GROUPS or node.kind == "user":
                edges.setdefault(node.owner, []).append((node.id, MANAGE))
        for (tail, head), level in self.links.items():
            if self._counts(tail, head):
                edges.setdefault(tail, []).append((head, level))
        return edges

    def _counts(self, tail: str, head: str) -> bool:
        """The usual link from all users to a user gives nothing where users do not see each other."""
        is_usual = tail == "all-users" and self.nodes[head].kind == "user" and self.links[tail, head] == READ
        return self.users_visible or not is_usual

    def _reached(self, persona: str, level: int, target: Node) -> bool:
        return any(f.node == target.id and f.level >= level for f in self.facts(persona))

    def _owner_reached(self, persona: str, level: int, target: Node) -> bool:
        return any(f.node == target.owner and f.level >= level and f.traversing for f in self.facts(persona))

    def _writable(self, who: Node, level: int, target: Node) -> bool:
        if who.is_admin:
            return True
        if target.kind in ("container", "content"):
            return False
        return any(
            self._reached(persona, level, target) or self._owner_reached(persona, level, target)
            for persona in self.personas(who.id, level)
        )

    def _readable(self, who: Node, target: Node, include_trash: bool) -> bool:
        if who.is_admin:
            return True
        if target.kind in ("container", "content"):
            return any(
                node.about == target.id and node.kind != "log" and self.can(who.id, READ, node.id, include_trash)
                for node in self.nodes.values()
            )
        if target.kind == "log":
            return target.about in self.nodes and self.can(who.id, READ, target.about, include_trash)
        if target.kind == "role" and self.roles_visible and who.is_active:
            return True
        return any(
            self._reached(persona, READ, target)
            or (target.kind not in GROUPS and self._owner_reached(persona, READ, target))
            for persona in self.personas(who.id, READ)
        )

    def _hidden(self, who: Node, target: Node, include_trash: bool) -> bool:
        inside = self._inside(target)
        is_trashed = any(n.trash_at_us is not None and n.trash_at_us <= self.now_us for n in inside)
        is_shown = include_trash and (who.is_admin or not any(n.frozen_by for n in inside))
        return is_trashed and not is_shown

    def _inside(self, target: Node) -> list[Node]:
        chain = [target]
        while chain[-1].kind != "user" and self.nodes[chain[-1].owner].kind in GROUPS:
            chain.append(self.nodes[chain[-1].owner])
        return chain
