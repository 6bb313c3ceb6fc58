"""The permission graph: users, groups and objects, who owns them, and the links between them.

Pure memory: no store, no clock, no judgement of who may change it (editing does that). The model is
Arvados': every node has one owner, a user or a project, except the system user, which owns itself; a
permission link leads from a user or role to any node, with one level for a pair.

Most nodes are leaves: objects, and users that somebody may merely see. They are no part of any walk, so the
few edges that a walk follows (closure.py) are kept apart as *steps*: a project with a million objects, or a
role that can see every user, costs a walk nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, Protocol

import msgspec

from fairlead_authz.model.levels import LOGIN, MANAGE, NONE, level_of

Kind = Literal[
    "user",
    "role",
    "project",
    "filter",
    "object",
    "collection",
    "container_request",
    "container",
    "content",
    "workflow",
    "virtual_machine",
    "log",
]
"""`object` is any other thing. Things behave alike, but for those in SHOWN_BY_SUBJECTS and log rows (rights.py).

A `content` is what collections have in common that hold the same; its id is the hash of that.
"""

ContainerState = Literal["Queued", "Locked", "Running", "Complete", "Cancelled"]

FINAL_STATES: Final = frozenset({"Complete", "Cancelled"})
"""A container never leaves these; its tokens are dead for good."""

GROUPS: Final = frozenset({"role", "project", "filter"})
"""Kinds that pass on what one has on them. A filter (a saved search) owns nothing, so it has nothing to pass on."""

SHOWN_BY_SUBJECTS: Final[Mapping[Kind, str]] = {"container": "request", "content": "collection"}
"""Kinds with no permission of their own, and what those are to them that are about them: who reads one reads it."""

OWNERS: Final = frozenset({"user", "project"})
"""Kinds that can own."""

SYSTEM: Final = "system"
"""Owns users and roles, as the system user does in Arvados. Nobody logs in as it."""

ADMIN: Final = "admin"
"""The first administrator, made with the store; its token is how everything begins."""

ANONYMOUS_USER: Final = "anonymous"
"""Who has no token. Its rights come through ANONYMOUS_ROLE, and from what is granted to it alone."""

ALL_USERS: Final = "all-users"
"""The role of every user, with write on it: what it can read, everybody with a token can."""

ANONYMOUS_ROLE: Final = "anonymous-users"
"""What this role can read, everybody can: every user is in it through ALL_USERS."""

WELL_KNOWN: Final = frozenset({SYSTEM, ADMIN, ANONYMOUS_USER, ALL_USERS, ANONYMOUS_ROLE})


class Node(msgspec.Struct, frozen=True):
    """A user, a group, or an object of any other kind."""

    id: str
    kind: Kind
    owner: str
    name: str = ""
    is_admin: bool = False
    is_active: bool = True
    trash_at_us: int | None = None
    """From this time on nobody sees it, nor what it owns."""
    frozen_by: str | None = None
    """Who froze the project: nobody writes to it, nor to what it owns."""
    about: str | None = None
    """What its readers learn about: the container of what requested it, the content of a collection, the object of a
    log row."""
    state: ContainerState | None = None
    """Of a container; None of all else."""

    @property
    def is_group(self) -> bool:
        """Whether it passes on what somebody has on it."""
        return self.kind in GROUPS


def a(kind: Kind) -> str:
    """The kind as error texts have it.

    >>> a("object"), a("user")
    ('an object', 'a user')
    """
    return f"{'an' if kind == 'object' else 'a'} {kind}"


class GraphView(Protocol):
    """What rights are judged by: the graph as it is, or as it was before a change (affected.py)."""

    def node(self, node_id: str) -> Node | None: ...

    def link_level(self, tail: str, head: str) -> int: ...

    def links_to(self, head: str) -> Mapping[str, int]: ...

    def subjects(self, node_id: str) -> Mapping[str, None]: ...


class Graph:
    """All nodes and links, indexed for walking either way. Every change can be taken back by its inverse."""

    def __init__(self) -> None:
        self.version = 0
        """Grows with every change: what was worked out at another version may be wrong now."""
        self.nodes: dict[str, Node] = {}
        self.users: dict[str, None] = {}
        """The ids of all users."""
        self.admins: dict[str, None] = {}
        """The ids of the administrators."""
        self._owned: dict[str, dict[str, None]] = {}
        self._subjects: dict[str, dict[str, None]] = {}
        self._links: dict[str, dict[str, int]] = {}
        self._linked_from: dict[str, dict[str, int]] = {}
        self._with_login: dict[tuple[str, str], int] = {}
        self._steps: dict[str, dict[str, int]] = {}

    # --- reading ------------------------------------------------------------------------------

    def node(self, node_id: str) -> Node | None:
        """The node of this id."""
        return self.nodes.get(node_id)

    def owned(self, owner: str) -> Mapping[str, None]:
        """Everything that is owned directly."""
        return self._owned.get(owner, _NOTHING)

    def subjects(self, node_id: str) -> Mapping[str, None]:
        """Everything that is about this node: requests of a container, log rows of an object."""
        return self._subjects.get(node_id, _NOTHING)

    def links_from(self, tail: str) -> Mapping[str, int]:
        """What the tail is linked to, with the levels."""
        return self._links.get(tail, _NO_LINKS)

    def links_to(self, head: str) -> Mapping[str, int]:
        """What links to the head, with the levels."""
        return self._linked_from.get(head, _NO_LINKS)

    def link_level(self, tail: str, head: str) -> int:
        """The level that one link gives."""
        return self.links_from(tail).get(head, NONE)

    def granted(self, tail: str, head: str) -> int:
        """What was granted by one link: its level, LOGIN, or both."""
        return self._with_login.get((tail, head)) or self.link_level(tail, head)

    def steps(self, tail: str) -> Mapping[str, int]:
        """The edges that a walk can go on from: to groups, and to users at the level of managing them."""
        return self._steps.get(tail, _NO_LINKS)

    def owners(self, node_id: str) -> Iterator[str]:
        """The owner, its owner and so on, up to a user."""
        node = self.nodes.get(node_id)
        while node is not None and node.owner != node.id:
            yield node.owner
            node = self.nodes.get(node.owner)
            if node is not None and node.kind == "user":
                return

    def members(self, role: str) -> Iterator[str]:
        """The users who are in a role, directly or through other roles."""
        seen = {role}
        pending = [role]
        for head in pending:
            for tail in self.links_to(head):
                node = self.nodes.get(tail)
                if node is None or tail in seen:
                    continue
                seen.add(tail)
                if node.kind == "user":
                    yield tail
                else:
                    pending.append(tail)

    # --- changing -----------------------------------------------------------------------------

    def put(self, node: Node) -> None:
        """Add or replace a node."""
        self.version += 1
        known = self.nodes.get(node.id)
        if known is not None:
            self._unlist(known)
        self.nodes[node.id] = node
        _add(self._owned, node.owner, node.id)
        if node.kind == "user":
            self.users[node.id] = None
            if node.is_admin:
                self.admins[node.id] = None
        if node.about is not None:
            _add(self._subjects, node.about, node.id)
        self._update_step(node.owner, node.id)
        if known is None or known.kind != node.kind:
            for tail in self.links_to(node.id):
                self._update_step(tail, node.id)

    def remove(self, node_id: str) -> None:
        """Remove a node, not its links; harmless if there is none."""
        self.version += 1
        node = self.nodes.pop(node_id, None)
        if node is not None:
            self._unlist(node)
            for tail in self.links_to(node_id):
                self._update_step(tail, node_id)

    def link(self, tail: str, head: str, granted: int) -> None:
        """Set what a link grants: a level, LOGIN, or both; 0 removes it."""
        self.version += 1
        if granted & LOGIN:
            self._with_login[tail, head] = granted
        else:
            self._with_login.pop((tail, head), None)
        if granted:
            level = level_of(granted)
            self._links.setdefault(tail, {})[head] = level
            self._linked_from.setdefault(head, {})[tail] = level
        else:
            _discard(self._links, tail, head)
            _discard(self._linked_from, head, tail)
        self._update_step(tail, head)

    def _unlist(self, node: Node) -> None:
        _discard(self._owned, node.owner, node.id)
        self.users.pop(node.id, None)
        self.admins.pop(node.id, None)
        if node.about is not None:
            _discard(self._subjects, node.about, node.id)
        self._update_step(node.owner, node.id)

    def _update_step(self, tail: str, head: str) -> None:
        level = self._step_level(tail, head)
        if level:
            self._steps.setdefault(tail, {})[head] = level
        else:
            _discard(self._steps, tail, head)

    def _step_level(self, tail: str, head: str) -> int:
        node = self.nodes.get(head)
        if node is None or not is_step(node, MANAGE) or tail == head:
            return NONE
        if head in self.owned(tail):
            return MANAGE
        level = self.link_level(tail, head)
        return level if is_step(node, level) else NONE


def is_step(head: Node, level: int) -> bool:
    """Whether a walk can go on from this head of an edge: a group, or a user who is managed and can be acted as."""
    return head.is_group or (head.kind == "user" and level == MANAGE)


_NOTHING: Final[Mapping[str, None]] = {}
_NO_LINKS: Final[Mapping[str, int]] = {}


def _add(index: dict[str, dict[str, None]], outer: str, inner: str) -> None:
    index.setdefault(outer, {})[inner] = None


def _discard(index: dict[str, dict[str, int]] | dict[str, dict[str, None]], outer: str, inner: str) -> None:
    entries = index.get(outer)
    if entries is not None:
        entries.pop(inner, None)
        if not entries:
            del index[outer]
