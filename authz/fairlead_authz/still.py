"""Who keeps a right that a list of changes revoked, and why: by another path, or as an administrator."""

from itertools import islice
from typing import Any

from fairlead_authz.changes import Change, Revoke
from fairlead_authz.model.levels import NUMBERS, READ
from fairlead_authz.state import State
from fairlead_router.authorization import Level

STILL_MEMBERS = 100
"""Members of a role that are looked at, when the revoked right was the role's."""

STILL_LOOKED_AT = 50
"""Rights of a list that are looked at: 5 ms, as what their users reach has just changed. Nobody reads on by then."""


STILL_STEPS = 30_000
"""Nodes that their users reach, together: what has to be walked to find out why, 50 ms."""


def still_allowed(state: State, changes: list[Change]) -> list[dict[str, Any]]:
    """{user, level, object, why} for each, as the graph is now. The login gives read, so that is what may be left.

    With `left`, true, where it is a role that the user is not in any more: it sees the role, as every active user
    does, and has nothing of what the role was granted.
    """
    revoked: list[tuple[str, Level, str]] = [
        (change.user, "read" if change.level == "login" else change.level, change.object)
        for change in changes
        if isinstance(change, Revoke)
    ]
    looked_at = ((user, level, head) for tail, level, head in revoked for user in _users(state, tail))
    still: list[dict[str, Any]] = []
    steps = 0
    for user, level, head in islice(looked_at, STILL_LOOKED_AT):
        if steps > STILL_STEPS:
            break
        if user in state.graph.users:
            steps += len(state.closures.of(user).owning)
        if state.rights.can(user, NUMBERS[level], head):
            still.append(_kept(state, user, level, head))
    return still


def _kept(state: State, user: str, level: Level, head: str) -> dict[str, Any]:
    kept = {"user": user, "level": level, "object": head, "why": state.explainer.explain(user, level, head)}
    role = state.graph.node(head)
    has_left = role is not None and role.kind == "role" and state.rights.reached(user, role) < READ
    return {**kept, "left": True} if has_left else kept


def _users(state: State, user_or_role: str) -> list[str]:
    """The user, or the first members of the role; of those not the administrators, who keep every right."""
    graph = state.graph
    node = graph.node(user_or_role)
    if node is None or node.kind == "user":
        return [user_or_role]
    return [member for member in islice(graph.members(user_or_role), STILL_MEMBERS) if not graph.nodes[member].is_admin]
