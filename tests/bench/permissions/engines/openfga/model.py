"""The graph in OpenFGA's words: an authorization model, and tuples.

    model
      schema 1.1
    type user
    type role
      relations
        define can_read: [user, role#can_read]                   (can_write, can_manage: the same)
    type project                                                 (type object: the same)
      relations
        define owner: [project]
        define can_read: [user, role#can_read] or can_read from owner

A link is a tuple for its level and one for each level below, so that no relation includes another: those would be asked
again for each owner of an owner. A user who owns manages. Acting as another user, trash and frost are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench.permissions.dataset import Link
from fairlead_authz.model.graph import Node
from fairlead_authz.model.levels import MANAGE

TYPES = {"user": "user", "role": "role", "project": "project", "collection": "object"}
RELATIONS = ("can_read", "can_write", "can_manage")
"""By level, from the lowest."""

Tuple = dict[str, str]


def authorization_model() -> dict[str, Any]:
    """As JSON has it."""
    types = [{"type": "user"}, _type("role", has_owner=False)]
    return {"schema_version": "1.1", "type_definitions": [*types, _type("project", True), _type("object", True)]}


def _type(name: str, has_owner: bool) -> dict[str, Any]:
    relations: dict[str, Any] = {relation: _relation(relation, has_owner) for relation in RELATIONS}
    directly = {
        relation: {"directly_related_user_types": [{"type": "user"}, {"type": "role", "relation": relation}]}
        for relation in RELATIONS
    }
    if has_owner:
        relations["owner"] = {"this": {}}
        directly["owner"] = {"directly_related_user_types": [{"type": "project"}]}
    return {"type": name, "relations": relations, "metadata": {"relations": directly}}


def _relation(relation: str, has_owner: bool) -> dict[str, Any]:
    granted: dict[str, Any] = {"this": {}}
    if not has_owner:
        return granted
    owned = {"tupleToUserset": {"tupleset": {"relation": "owner"}, "computedUserset": {"relation": relation}}}
    return {"union": {"child": [granted, owned]}}


class Names:
    """Ids with their types, as OpenFGA wants them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._names = {node.id: f"{TYPES[node.kind]}:{node.id}" for node in nodes}

    def __getitem__(self, node_id: str) -> str:
        return self._names[node_id]

    def owners(self, nodes: Iterable[Node]) -> Iterator[Tuple]:
        """What is owned by a project or user of the data set."""
        for node in nodes:
            owner = self._names.get(node.owner, "")
            if owner.startswith("project:"):
                yield {"user": owner, "relation": "owner", "object": self[node.id]}
            elif owner:
                yield from self.link((node.owner, node.id, MANAGE))

    def link(self, link: Link) -> Iterator[Tuple]:
        """One for each level up to the link's; who has less on a role has no more on what is behind it."""
        tail, head, level = link
        subject = self[tail]
        for relation in RELATIONS[:level]:
            user = f"{subject}#{relation}" if subject.startswith("role:") else subject
            yield {"user": user, "relation": relation, "object": self[head]}
