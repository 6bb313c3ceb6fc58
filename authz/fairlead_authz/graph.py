"""The permission graph: users, roles, projects and objects, who owns them, and the links between them.

Pure memory: no store, no clock, no judgement of who may change it (editing.py does that). The model is
Arvados': every node has one owner, a user or a project, except the system user, which owns itself; a
permission link leads from a user or role to any node, with one level for a pair.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

Kind = Literal["user", "role", "project", "object"]

SYSTEM: Final = "system"
"""Owns users and roles, as the system user does in Arvados. Nobody logs in as it."""

ADMIN: Final = "admin"
"""The first administrator, made with the store; its token is how everything begins."""

ANONYMOUS_USER: Final = "anonymous"
"""Who has no token. Its only rights come through ANONYMOUS_ROLE."""

ALL_USERS: Final = "all-users"
"""The role of every user, with write on it: what it can read, everybody with a token can."""

ANONYMOUS_ROLE: Final = "anonymous-users"
"""What this role can read, everybody can."""

WELL_KNOWN: Final = frozenset({SYSTEM, ADMIN, ANONYMOUS_USER, ALL_USERS, ANONYMOUS_ROLE})


class Node(msgspec.Struct, frozen=True):
    """A user, role, project or object."""

    id: str
    kind: Kind
    owner: str
    name: str = ""
    is_admin: bool = False
    is_active: bool = True

    @property
    def is_group(self) -> bool:
        """Roles and projects pass rights on; users and objects do not."""
        return self.kind in ("role", "project")


class Graph:
    """All nodes and links, indexed for walking either way. Every change can be taken back by its inverse."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._owned: dict[str, dict[str, None]] = {}
        self._owned_groups: dict[str, dict[str, None]] = {}
        self._links: dict[str, dict[str, int]] = {}
        self._linked_from: dict[str, dict[str, int]] = {}

    # --- reading ------------------------------------------------------------------------------

    def owned_groups(self, owner: str) -> Iterator[str]:
        """The users, roles and projects that are owned directly. Objects are reached by their owner instead."""
        return iter(self._owned_groups.get(owner, ()))

    def owned(self, owner: str) -> dict[str, None]:
        """Everything that is owned directly."""
        return self._owned.get(owner, {})

    def links_from(self, tail: str) -> dict[str, int]:
        """What the tail is linked to, with the levels."""
        return self._links.get(tail, {})

    def links_to(self, head: str) -> dict[str, int]:
        """What links to the head, with the levels."""
        return self._linked_from.get(head, {})

    def owners(self, node_id: str) -> Iterator[str]:
        """The owner, its owner and so on, up to a user."""
        node = self.nodes.get(node_id)
        while node is not None and node.owner != node.id:
            yield node.owner
            node = self.nodes.get(node.owner)
            if node is not None and node.kind == "user":
                return

    # --- changing -----------------------------------------------------------------------------

    def put(self, node: Node) -> None:
        """Add or replace a node."""
        self.remove(node.id)
        self.nodes[node.id] = node
        if node.owner == node.id:
            return
        self._owned.setdefault(node.owner, {})[node.id] = None
        if node.kind != "object":
            self._owned_groups.setdefault(node.owner, {})[node.id] = None

    def remove(self, node_id: str) -> None:
        """Remove a node, not its links; harmless if there is none."""
        node = self.nodes.pop(node_id, None)
        if node is not None:
            _discard(self._owned, node.owner, node_id)
            _discard(self._owned_groups, node.owner, node_id)

    def link(self, tail: str, head: str, level: int) -> None:
        """Set the level of a link; 0 removes it."""
        if level:
            self._links.setdefault(tail, {})[head] = level
            self._linked_from.setdefault(head, {})[tail] = level
        else:
            _discard(self._links, tail, head)
            _discard(self._linked_from, head, tail)


def _discard(index: dict[str, dict[str, int]] | dict[str, dict[str, None]], outer: str, inner: str) -> None:
    entries = index.get(outer)
    if entries is not None:
        entries.pop(inner, None)
        if not entries:
            del index[outer]
