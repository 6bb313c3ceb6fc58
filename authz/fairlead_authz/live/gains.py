"""Who may have gained something by a change: whoever is asked about only, on patterns, where a no is remembered.

Whoever gains by an edge (a link or an ownership) that is new or stronger reached its tail: of the edges that are new
on the path that gives the right now, take the first. A grant makes nobody else's denials worth asking about again, so
a stream of grants to some costs the delivery of patterns to others nothing. What is not known here may have given
something to anybody.
"""

from msgspec.structs import replace

from fairlead_authz.changeset import Changeset
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Node
from fairlead_authz.model.levels import level_of

_BY_OTHER_WAYS = frozenset({"role", "log"})
"""Kinds that are read by more than who reaches them or their owner (rights.py)."""


def gainers(closures: Closures, changeset: Changeset) -> set[str] | None:
    """The connected users who may have gained something, None: anybody. The closures are still as they were before."""
    tails = {
        tail for (tail, _), granted in changeset.links.items() if level_of(granted.after) > level_of(granted.before)
    }
    users: set[str] = set()
    for node_id, (before, after) in changeset.nodes.items():
        if before is None and after is not None and after.kind not in _BY_OTHER_WAYS:
            tails.add(after.owner)
            users.add(node_id)
        elif before is not None and after is not None and _is_same_but_for_itself(before, after):
            users.add(node_id)
        elif after is not None:
            return None
    return users.union(*map(closures.holders, tails))


def new_only(changeset: Changeset) -> set[str] | None:
    """What is gained, where it is known: new things, and what they are about. None: anything."""
    if changeset.links:
        return None
    gained: set[str] = set()
    for node_id, (before, after) in changeset.nodes.items():
        if before is not None or after is None:
            return None
        gained.add(node_id)
        if after.about is not None:
            gained.add(after.about)
    return gained


def _is_same_but_for_itself(before: Node, after: Node) -> bool:
    """Whether nothing differs that gives something to anybody else."""
    return before == replace(after, name=before.name, is_admin=before.is_admin, is_active=before.is_active)
