"""A naive evaluator of the permission model: recomputes everything from nothing, by enumerating paths.

Written from the rules, not from closure.py: it collects every walk as a set of (node, level, traversing)
facts until nothing new is found, and asks all of them.
"""

from __future__ import annotations

from fairlead_authz.graph import ANONYMOUS_USER, Graph

Fact = tuple[str, int, bool]


def facts_of(graph: Graph, user: str) -> set[Fact]:
    """All (node, level, traversing) that some path gives the user."""
    facts: set[Fact] = {(user, 3, True)}
    while True:
        new = {fact for known in facts for fact in _one_step(graph, user, known)} - facts
        if not new:
            return facts
        facts |= new


def _one_step(graph: Graph, user: str, known: Fact) -> set[Fact]:
    tail, level, _ = known
    if tail != user and not graph.nodes[tail].is_group:
        return set()
    edges = [(node.id, 3) for node in graph.nodes.values() if node.owner == tail and node.kind != "object"]
    edges += graph.links_from(tail).items()
    found: set[Fact] = set()
    for head, edge in edges:
        node = graph.nodes.get(head)
        if node is not None and head != tail:
            traversing = node.is_group or (node.kind == "user" and edge == 3)
            found.add((head, min(level, edge), traversing))
    return found


def can(graph: Graph, user: str, level: int, target_id: str) -> bool:
    """Whether the user has the level on the target."""
    node = graph.nodes.get(user)
    target = graph.nodes.get(target_id)
    if node is None:
        return False
    if node.is_admin or user == target_id:
        return True
    if target is None:
        return False
    if level == 1 and target.kind == "role" and node.is_active and user != ANONYMOUS_USER:
        return True
    personas = {user} | {
        other
        for other, reached, traversing in facts_of(graph, user)
        if traversing and reached >= level and graph.nodes[other].kind == "user"
    }
    return any(_has(graph, persona, level, target_id) for persona in personas)


def _has(graph: Graph, persona: str, level: int, target_id: str) -> bool:
    target = graph.nodes[target_id]
    facts = facts_of(graph, persona)
    if any(node == target_id and reached >= level for node, reached, _ in facts):
        return True
    if level == 1 and target.is_group:
        return False
    return any(node == target.owner and reached >= level and traversing for node, reached, traversing in facts)
