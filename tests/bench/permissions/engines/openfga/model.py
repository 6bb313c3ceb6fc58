"""The graph in OpenFGA's words: an authorization model, and tuples.

    model
      schema 1.1
    type user
    type role
      relations
        define can_manage: [user, role#can_manage]
        define can_write: [user, role#can_write] or can_manage
        define can_read: [user, role#can_read] or can_write
    type project                                                 (type object: the same)
      relations
        define owner: [project]
        define can_manage: [user, role#can_manage] or can_manage from owner
        define can_write: [user, role#can_write] or can_manage or can_write from owner
        define can_read: [user, role#can_read] or can_write or can_read from owner

Who has less on a role has no more behind it: what a role may write is a tuple for those who write the role, and one
more for those who only read it. A user who owns manages. Acting as another user, trash and frost are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench.permissions.dataset import Link
from fairlead_authz.graph import Node
from fairlead_authz.levels import NAMES

TYPES = {"user": "user", "role": "role", "project": "project", "collection": "object"}
HIGHER = {"can_manage": None, "can_write": "can_manage", "can_read": "can_write"}
"""Each relation, and the one that includes it."""

Tuple = dict[str, str]


def authorization_model() -> dict[str, Any]:
    """As JSON has it."""
    types = [{"type": "user"}, _type("role", has_owner=False)]
    return {"schema_version": "1.1", "type_definitions": [*types, _type("project", True), _type("object", True)]}


def _type(name: str, has_owner: bool) -> dict[str, Any]:
    relations = {relation: _relation(relation, higher, has_owner) for relation, higher in HIGHER.items()}
    directly = {
        relation: {"directly_related_user_types": [{"type": "user"}, {"type": "role", "relation": relation}]}
        for relation in HIGHER
    }
    if has_owner:
        relations["owner"] = {"this": {}}
        directly["owner"] = {"directly_related_user_types": [{"type": "project"}]}
    return {"type": name, "relations": relations, "metadata": {"relations": directly}}


def _relation(relation: str, higher: str | None, has_owner: bool) -> dict[str, Any]:
    ways: list[dict[str, Any]] = [{"this": {}}]
    if higher is not None:
        ways.append({"computedUserset": {"relation": higher}})
    if has_owner:
        ways.append({"tupleToUserset": {"tupleset": {"relation": "owner"}, "computedUserset": {"relation": relation}}})
    return {"union": {"child": ways}} if len(ways) > 1 else ways[0]


class Names:
    """Ids with their types, as OpenFGA wants them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._names = {node.id: f"{TYPES[node.kind]}:{node.id}" for node in nodes}

    def __getitem__(self, node_id: str) -> str:
        return self._names[node_id]

    def owners(self, nodes: Iterable[Node]) -> Iterator[Tuple]:
        """What is owned by a project or user of the data set."""
        for node in nodes:
            owner = self._names.get(node.owner)
            if owner is not None:
                relation = "owner" if owner.startswith("project:") else "can_manage"
                yield {"user": owner, "relation": relation, "object": self[node.id]}

    def link(self, link: Link) -> Iterator[Tuple]:
        """A user's link is a tuple; a role's is one for each level up to its own."""
        tail, head, level = link
        subject, target = self[tail], self[head]
        if subject.startswith("user:"):
            yield {"user": subject, "relation": f"can_{NAMES[level]}", "object": target}
            return
        for each in range(1, level + 1):
            relation = f"can_{NAMES[each]}"
            yield {"user": f"{subject}#{relation}", "relation": relation, "object": target}
