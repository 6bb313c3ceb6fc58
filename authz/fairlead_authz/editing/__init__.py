"""Working out what changes come to, with everything that can be wrong with them.

edit.py has the graph while it is edited and the rights to do so; nodes.py, links.py, life.py and users.py the
changes by theme.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from fairlead_authz.changes import (
    Activate,
    Change,
    Deactivate,
    Delete,
    Freeze,
    Grant,
    Merge,
    Put,
    Revoke,
    Trash,
    Unfreeze,
    Untrash,
)
from fairlead_authz.changeset import Changeset
from fairlead_authz.editing import life, links, nodes, users
from fairlead_authz.editing.edit import Actor, Edit
from fairlead_authz.model.graph import Graph
from fairlead_authz.model.rights import Policy

__all__ = ["Actor", "work_out"]


def work_out(graph: Graph, changes: Iterable[Change], actor: Actor, policy: Policy) -> Changeset:
    """What the changes come to; the graph stays as it is. Raises a RequestError if one of them is refused.

    They are applied one after the other to the graph itself, so that each is judged by those before it, and all
    taken back before anybody else can look.
    """
    edit = Edit(graph, actor, policy)
    try:
        for change in changes:
            edit.begin(change)
            _APPLY[type(change)](edit, change)
    finally:
        edit.changeset.take_back(graph)
    return edit.changeset


_APPLY: Final[dict[type[Change], Callable[[Edit, Any], None]]] = {
    Put: nodes.put,
    Delete: nodes.delete,
    Grant: links.grant,
    Revoke: links.revoke,
    Trash: life.trash,
    Untrash: life.untrash,
    Freeze: life.freeze,
    Unfreeze: life.unfreeze,
    Activate: users.activate,
    Deactivate: users.deactivate,
    Merge: users.merge,
}
