"""Who and what lost something by a change: exactly the connected users and the objects, for the gate's cells.

Two kinds of loss. An object whose own links, owner or existence changed may be lost to whoever reached it by
them: it is found through the closures that hold the link's tail or the old owner. A user whose closure
shrank may have lost anything that hangs on what is gone from it. Either way a loss is one only if the right
was there before and is not any more: who has another path lost nothing (G10), and a grant bumps nothing.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fairlead_authz.changeset import Changeset, NodeChange
from fairlead_authz.closure import Closure
from fairlead_authz.closures import Closures, Remade
from fairlead_authz.graph import Graph, Node
from fairlead_authz.levels import MANAGE, NONE, READ, WRITE, level_of
from fairlead_authz.rights import Policy, Rights


class Affected(NamedTuple):
    """Connected users who lost something, and objects that a connected user lost."""

    principals: set[str]
    objects: set[str]


class PastGraph:
    """The graph as it was before a changeset was made."""

    def __init__(self, graph: Graph, changeset: Changeset) -> None:
        self._graph = graph
        self._nodes = changeset.nodes
        self._links: dict[str, dict[str, int]] = {}
        for (tail, head), granted in changeset.links.items():
            self._links.setdefault(head, {})[tail] = level_of(granted.before)

    def node(self, node_id: str) -> Node | None:
        """The node then."""
        change = self._nodes.get(node_id)
        return self._graph.node(node_id) if change is None else change.before

    def link_level(self, tail: str, head: str) -> int:
        """The link's level then."""
        level = self._links.get(head, {}).get(tail)
        return self._graph.link_level(tail, head) if level is None else level

    def links_to(self, head: str) -> Mapping[str, int]:
        """The links then; those that were not there have level 0."""
        links = self._links.get(head)
        return self._graph.links_to(head) if links is None else {**self._graph.links_to(head), **links}

    def subjects(self, node_id: str) -> Mapping[str, None]:
        """What was about the node then."""
        gone = {key: None for key, (before, _) in self._nodes.items() if before is not None and before.about == node_id}
        now = self._graph.subjects(node_id)
        return {**{key: None for key in now if key not in self._nodes}, **gone}


class PastClosures:
    """The closures as they were before a changeset was made."""

    def __init__(self, closures: Closures, remade: Mapping[str, Remade]) -> None:
        self._closures = closures
        self._remade = remade

    def of(self, user: str) -> Closure:
        """What the user reached then."""
        remade = self._remade.get(user)
        return self._closures.of(user) if remade is None else remade.before


def make(graph: Graph, closures: Closures, changeset: Changeset, policy: Policy) -> Affected:
    """Make the changes to graph and closures. Returns who and what lost something by them."""
    suspects = _suspects(graph, closures, changeset)
    tails = changeset.tails(graph)
    changeset.make(graph)
    remade = closures.update(tails)
    past_graph = PastGraph(graph, changeset)
    loss = Loss(Rights(past_graph, PastClosures(closures, remade), policy), Rights(graph, closures, policy))
    objects = {
        object_id
        for target, users in suspects.items()
        for object_id in _with_dependents(past_graph, target)
        if any(loss.of(user, object_id) for user in users)
    }
    principals = {user for user, change in remade.items() if any(loss.of(user, x) for x in _behind(graph, change))}
    principals |= {user for user in _demoted(closures, changeset) if any(loss.of(user, x) for x in graph.nodes)}
    principals |= changeset.ended_users & set(closures.connected)
    return Affected(principals, objects)


class Loss:
    """What was allowed before and is not now."""

    def __init__(self, past: Rights, present: Rights) -> None:
        self._past = past
        self._present = present

    def of(self, user: str, object_id: str) -> bool:
        """Whether the user lost a level on the object."""
        return any(
            self._past.can(user, level, object_id) and not self._present.can(user, level, object_id)
            for level in (READ, WRITE, MANAGE)
        )


def _suspects(graph: Graph, closures: Closures, changeset: Changeset) -> dict[str, set[str]]:
    """For each object that could be lost as such, the connected users who could lose it: by what they reach now."""
    suspects: dict[str, set[str]] = {}
    for tail, head in changeset.lowered_links:
        suspects.setdefault(head, set()).update(closures.holders(tail))
    for node_id, (before, after) in changeset.nodes.items():
        if before is None:
            continue
        if after is None or after.owner != before.owner:
            suspects.setdefault(node_id, set()).update(closures.holders(before.owner))
        was_visible_to_all = before.kind == "role" and (after is None or after.kind != "role")
        was_about_another = after is not None and after.about != before.about
        if was_visible_to_all or was_about_another:
            suspects.setdefault(node_id, set()).update(closures.connected)
    for root in changeset.lost_subtrees:
        for node_id in _subtree(graph, root):
            suspects.setdefault(node_id, set()).update(closures.connected)
    return suspects


def _subtree(graph: Graph, root: str) -> Iterator[str]:
    """The node, and what it owns, projects and what they own included."""
    pending = [root]
    for node_id in pending:
        yield node_id
        pending.extend(graph.owned(node_id))


def _with_dependents(past: PastGraph, object_id: str) -> Iterator[str]:
    """The object, and what was read by whoever read it: log rows about it, the container that it requested."""
    yield object_id
    for subject in past.subjects(object_id):
        node = past.node(subject)
        if node is not None and node.kind == "log":
            yield subject
    node = past.node(object_id)
    about = None if node is None or node.about is None else past.node(node.about)
    if about is not None and about.kind == "container":
        yield from _with_dependents(past, about.id)


def _behind(graph: Graph, change: Remade) -> Iterator[str]:
    """What a user reached through the nodes that it reaches less or not at all now."""
    for node_id, level in change.before.owning.items():
        followed = change.before.followed.get(node_id, NONE)
        if change.after.owning.get(node_id, NONE) < level or change.after.followed.get(node_id, NONE) < followed:
            yield node_id
            yield from graph.owned(node_id)
            yield from graph.links_from(node_id)


def _demoted(closures: Closures, changeset: Changeset) -> list[str]:
    """Connected users who are no administrators any more."""
    return [user for user in closures.connected if user in changeset.nodes and _was_admin(changeset.nodes[user])]


def _was_admin(change: NodeChange) -> bool:
    before, after = change
    return before is not None and before.is_admin and not (after is not None and after.is_admin)
