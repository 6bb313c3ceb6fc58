"""What a list of changes comes to: each node and link that is different afterwards, before and after.

Assigning `after` makes the changes, assigning `before` takes them back, and the rows of `after` are what the
store writes. What was changed and changed back is not in it: revoke and re-grant in one list is no change.
"""

from typing import NamedTuple

from fairlead_authz.model.graph import Graph, Node, is_step
from fairlead_authz.model.levels import MANAGE, level_of


class NodeChange(NamedTuple):
    """A node before and after; None where it does not exist."""

    before: Node | None
    after: Node | None


class LinkChange(NamedTuple):
    """What a link grants before and after: a level, LOGIN or both; 0 where it does not exist."""

    before: int
    after: int


class Changeset:
    """Nodes and links that differ, by id and by (tail, head)."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeChange] = {}
        self.links: dict[tuple[str, str], LinkChange] = {}
        self._ended_users: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.nodes or self.links or self._ended_users)

    def __len__(self) -> int:
        """How many nodes and links differ."""
        return len(self.nodes) + len(self.links)

    def end_user(self, user: str) -> None:
        """The user's sessions and tokens end, although it may be there and active again after the list."""
        self._ended_users.add(user)

    def set_node(self, node_id: str, known: Node | None, node: Node | None) -> None:
        """The node becomes this; `known` is what it was just before."""
        before = self.nodes[node_id].before if node_id in self.nodes else known
        self.nodes[node_id] = NodeChange(before, node)
        if before == node:
            del self.nodes[node_id]

    def set_link(self, tail: str, head: str, known: int, granted: int) -> None:
        """The link grants this; `known` is what it granted just before."""
        before = self.links[tail, head].before if (tail, head) in self.links else known
        self.links[tail, head] = LinkChange(before, granted)
        if before == granted:
            del self.links[tail, head]

    def make(self, graph: Graph) -> None:
        """The graph gets what is after."""
        for node_id, change in self.nodes.items():
            _assign(graph, node_id, change.after)
        for (tail, head), levels in self.links.items():
            graph.link(tail, head, levels.after)

    def take_back(self, graph: Graph) -> None:
        """The graph gets what was before."""
        for node_id, change in self.nodes.items():
            _assign(graph, node_id, change.before)
        for (tail, head), levels in self.links.items():
            graph.link(tail, head, levels.before)

    def tails(self, graph: Graph) -> set[str]:
        """The nodes whose steps may have changed: whoever reaches one of them may reach something else now."""
        tails: set[str] = set()
        for node_id, (before, after) in self.nodes.items():
            if before is None or after is None or (before.owner, before.kind) != (after.owner, after.kind):
                tails.update(node.owner for node in (before, after) if node is not None and is_step(node, MANAGE))
            if before is not None and after is not None and before.kind != after.kind:
                tails.update(graph.links_to(node_id))
        for (tail, head), levels in self.links.items():
            before, after = self.nodes.get(head) or (graph.node(head),) * 2
            if _was_step(before, levels.before) or _was_step(after, levels.after):
                tails.add(tail)
        return tails

    @property
    def ended_users(self) -> set[str]:
        """Users who may have no session and no token any more: removed, or not active any more, if only in between."""
        return self._ended_users | {
            node_id
            for node_id, (before, after) in self.nodes.items()
            if before is not None
            and before.kind == "user"
            and (after is None or after.kind != "user" or (before.is_active and not after.is_active))
        }


def _was_step(head: Node | None, granted: int) -> bool:
    return head is not None and is_step(head, level_of(granted))


def _assign(graph: Graph, node_id: str, node: Node | None) -> None:
    if node is None:
        graph.remove(node_id)
    else:
        graph.put(node)
