"""The live objects, and where they hang: the few nodes of the graph with something live on or below them.

Something live rests on the cell of an object (the router's gate). A node is in the tree if it is such an object, or
if one is below it: a node's parents are its owner, for a log row what it is about too, and for a container or a
content those that are about it. So whatever can be lost with a node is found by walking down from it, however much it
owns that nobody looks at: an owner of a million objects costs as many steps as there are live ones.

Nodes come in when an object comes into use. They leave some time after: each that comes in has the two that were
looked at longest ago looked at again, so that at most about half of the tree is of no use any more.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from fairlead_authz.changeset import Changeset
from fairlead_authz.model.graph import SHOWN_BY_SUBJECTS, Graph

_LOOKED_AT = 2
_NOTHING: Final[Mapping[str, None]] = {}


class LiveTree:
    """The tree of one graph; `is_in_use` says whether something live rests on an object."""

    def __init__(self, graph: Graph, is_in_use: Callable[[str], bool]) -> None:
        self._graph = graph
        self._is_in_use = is_in_use
        self._parents: dict[str, tuple[str, ...]] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._to_look_at: deque[str] = deque()

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._parents

    def __len__(self) -> int:
        return len(self._parents)

    def children(self, node_id: str) -> Mapping[str, None]:
        """The nodes of the tree directly below this one."""
        return self._children.get(node_id, _NOTHING)

    def add(self, object_id: str) -> None:
        """Something live rests on this object from now on."""
        self._enter([object_id])
        for _ in range(min(_LOOKED_AT, len(self._to_look_at))):
            self._look_at(self._to_look_at.popleft())

    def update(self, changeset: Changeset) -> None:
        """The graph has changed: nodes that were moved, or that say what they are about, hang elsewhere."""
        for node_id, (before, after) in changeset.nodes.items():
            self._move(node_id)
            for node in (before, after):
                if node is not None and node.about is not None:
                    self._move(node.about)

    def _enter(self, pending: list[str]) -> None:
        """These are in the tree, and so are their parents, and theirs."""
        while pending:
            node_id = pending.pop()
            if node_id in self._parents:
                continue
            parents = self._parents[node_id] = self._parents_of(node_id)
            self._to_look_at.append(node_id)
            for parent in parents:
                self._children.setdefault(parent, {})[node_id] = None
            pending.extend(parents)

    def _move(self, node_id: str) -> None:
        before = self._parents.get(node_id)
        if before is None:
            return
        parents = self._parents_of(node_id)
        if parents != before:
            self._unhang(node_id, before)
            self._parents[node_id] = parents
            for parent in parents:
                self._children.setdefault(parent, {})[node_id] = None
            self._enter(list(parents))

    def _look_at(self, node_id: str) -> None:
        if node_id in self._children or self._is_in_use(node_id):
            self._to_look_at.append(node_id)
        else:
            self._unhang(node_id, self._parents.pop(node_id))

    def _unhang(self, node_id: str, parents: tuple[str, ...]) -> None:
        for parent in parents:
            children = self._children[parent]
            del children[node_id]
            if not children:
                del self._children[parent]

    def _parents_of(self, node_id: str) -> tuple[str, ...]:
        """Each once, never the node itself; none for what is not in the graph, or not yet."""
        graph = self._graph
        node = graph.node(node_id)
        if node is None:
            return ()
        parents = {node.owner: None}
        if node.kind == "log" and node.about is not None:
            parents[node.about] = None
        if node.kind in SHOWN_BY_SUBJECTS:
            parents |= graph.subjects(node_id)
        parents.pop(node_id, None)
        return tuple(parents)
