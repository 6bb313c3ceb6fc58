"""A naive evaluator of the permission model: recomputes everything from nothing, by collecting paths.

Written from the model's rules, not from the code that it checks: every walk as a set of (node, level,
traversing) facts until nothing new is found, then the rules R1 to R5 asked of all of them. Slow and plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fairlead_authz.graph import Graph, Node

READ, WRITE, MANAGE = 1, 2, 3
GROUPS = {"role", "project", "filter"}


class Fact(NamedTuple):
    """Some path gives this level on the node, and extends to what it owns or not."""

    node: str
    level: int
    traversing: bool


class World:
    """A graph as two plain tables, copied."""

    def __init__(self, graph: Graph, now_us: int = 0, roles_visible: bool = True) -> None:
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self.links = {(tail, head): level for tail in graph.nodes for head, level in graph.links_from(tail).items()}
        self.now_us = now_us
        self.roles_visible = roles_visible
        self._facts: dict[str, set[Fact]] = {}

    def can(self, user: str, level: int, target_id: str) -> bool:
        """Whether the user has the level on the target, which exists."""
        who, target = self.nodes.get(user), self.nodes[target_id]
        if who is None:
            return False
        if user == target_id:
            return True
        if level == READ:
            return self._readable(who, target) and not self._trashed(target)
        frozen = level == WRITE and any(node.frozen_by for node in self._inside(target))
        return self._writable(who, level, target) and not frozen

    def facts(self, user: str) -> set[Fact]:
        """M[user]: everything that some path gives."""
        if user not in self._facts:
            facts = {Fact(user, MANAGE, True)}
            while True:
                new = {fact for known in facts for fact in self._one_step(user, known)} - facts
                if not new:
                    break
                facts |= new
            self._facts[user] = facts
        return self._facts[user]

    def personas(self, user: str, level: int) -> set[str]:
        """P[user, level]."""
        facts = self.facts(user)
        return {f.node for f in facts if f.traversing and f.level >= level and self.nodes[f.node].kind == "user"}

    def _one_step(self, user: str, known: Fact) -> Iterator[Fact]:
        if known.node != user and self.nodes[known.node].kind not in GROUPS:
            return
        for tail, head, edge in self._edges():
            if tail == known.node:
                kind = self.nodes[head].kind
                yield Fact(head, min(known.level, edge), kind in GROUPS or (kind == "user" and edge == MANAGE))

    def _edges(self) -> list[tuple[str, str, int]]:
        owned = [(n.owner, n.id, MANAGE) for n in self.nodes.values() if n.kind in GROUPS or n.kind == "user"]
        return [*owned, *((tail, head, level) for (tail, head), level in self.links.items())]

    def _reached(self, persona: str, level: int, target: Node) -> bool:
        return any(f.node == target.id and f.level >= level for f in self.facts(persona))

    def _owner_reached(self, persona: str, level: int, target: Node) -> bool:
        return any(f.node == target.owner and f.level >= level and f.traversing for f in self.facts(persona))

    def _writable(self, who: Node, level: int, target: Node) -> bool:
        if who.is_admin:
            return True
        if target.kind == "container":
            return False
        return any(
            self._reached(persona, level, target) or self._owner_reached(persona, level, target)
            for persona in self.personas(who.id, level)
        )

    def _readable(self, who: Node, target: Node) -> bool:
        if who.is_admin:
            return True
        if target.kind == "container":
            return any(
                node.about == target.id and node.kind != "log" and self.can(who.id, READ, node.id)
                for node in self.nodes.values()
            )
        if target.kind == "log":
            return target.about in self.nodes and self.can(who.id, READ, target.about)
        if target.kind == "role" and self.roles_visible and who.is_active:
            return True
        return any(
            self._reached(persona, READ, target)
            or (target.kind not in GROUPS and self._owner_reached(persona, READ, target))
            for persona in self.personas(who.id, READ)
        )

    def _trashed(self, target: Node) -> bool:
        return any(n.trash_at_us is not None and n.trash_at_us <= self.now_us for n in self._inside(target))

    def _inside(self, target: Node) -> list[Node]:
        chain = [target]
        while chain[-1].kind != "user" and self.nodes[chain[-1].owner].kind in GROUPS:
            chain.append(self.nodes[chain[-1].owner])
        return chain


def lost(before: World, after: World, user: str) -> set[str]:
    """The nodes on which the user lost a level. A removed node is lost, but not by administrators."""
    who = after.nodes.get(user)
    is_admin = who is not None and who.is_admin
    return {
        node_id
        for node_id in before.nodes
        if not (is_admin and node_id not in after.nodes)
        for level in (READ, WRITE, MANAGE)
        if before.can(user, level, node_id) and not (node_id in after.nodes and after.can(user, level, node_id))
    }
