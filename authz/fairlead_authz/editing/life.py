"""Trash and frost: what hides a node for a while, or keeps it as it is. Both reach what the node owns.

To trash is to change the node's own time of trashing, so it needs what every change of it needs, a role's also
that it happens at once: what a role was granted goes for good. To freeze or unfreeze a project needs manage on
it, and that no project that it is in is frozen.
"""

from msgspec.structs import replace

from fairlead_authz.changes import Freeze, Trash, Unfreeze, Untrash
from fairlead_authz.editing.edit import Edit
from fairlead_authz.errors import Conflict
from fairlead_authz.model.graph import Node, a
from fairlead_authz.model.levels import MANAGE

_NEVER_TRASHED = {
    "user": "deactivate it instead",
    "container": "it goes with its requests",
    "content": "it goes with its collections",
    "log": "it goes with what it is about",
}


def trash(edit: Edit, change: Trash) -> None:
    """Hide a node from a time on, which may be past; what is in the trash already stays so if no time is given."""
    node = edit.updatable(change.id)
    edit.refuse_well_known(node, "trashed")
    if node.kind in _NEVER_TRASHED:
        raise Conflict(f"{node.kind} {node.id!r} cannot be trashed: {_NEVER_TRASHED[node.kind]}")
    now_us = edit.policy.now_us()
    at_us = now_us if change.at_us is None else change.at_us
    if node.kind == "role" and at_us > now_us:
        raise Conflict(f"role {node.id!r} can be trashed at once only, not at {at_us}: what it was granted goes then")
    if change.at_us is None and node.trash_at_us is not None and node.trash_at_us <= now_us:
        return
    edit.set_node(replace(node, trash_at_us=at_us))
    if node.kind == "role":
        edit.remove_links_from(node.id)


def untrash(edit: Edit, change: Untrash) -> None:
    """Take a node out of the trash; what a project around it hides stays hidden. A role comes back with no grants."""
    node = edit.updatable(change.id)
    edit.set_node(replace(node, trash_at_us=None))


def freeze(edit: Edit, change: Freeze) -> None:
    """Nobody writes to the project from now on; who froze it first is remembered."""
    node = _thawable(edit, change)
    if node.frozen_by is None:
        edit.set_node(replace(node, frozen_by=edit.actor.user))


def unfreeze(edit: Edit, change: Unfreeze) -> None:
    """The project is written to again."""
    edit.set_node(replace(_thawable(edit, change), frozen_by=None))


def _thawable(edit: Edit, change: Freeze | Unfreeze) -> Node:
    node = edit.existing(change.id, MANAGE)
    if node.kind != "project":
        raise Conflict(f"{node.id!r} is {a(node.kind)}; only a project can be frozen")
    around = edit.rights.frozen(edit.graph.nodes[node.owner])
    if around is not None:
        raise Conflict(f"project {node.id!r} is frozen with what it is in: {edit.named(around)} is frozen")
    return node
