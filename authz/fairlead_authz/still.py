"""Who keeps a right that a list of changes revoked, and why: by another path, or as an administrator."""

from itertools import islice

from fairlead_authz.changes import Change, Revoke
from fairlead_authz.levels import NUMBERS
from fairlead_authz.state import State

STILL_MEMBERS = 100
"""Members of a role that are looked at, when the revoked right was the role's."""


def still_allowed(state: State, changes: list[Change]) -> list[dict[str, str]]:
    """{user, level, object, why} for each, as the graph is now."""
    return [
        {
            "user": user,
            "level": change.level,
            "object": change.object,
            "why": state.explainer.explain(user, change.level, change.object),
        }
        for change in changes
        if isinstance(change, Revoke)
        for user in _users(state, change.user)
        if state.rights.can(user, NUMBERS[change.level], change.object)
    ]


def _users(state: State, user_or_role: str) -> list[str]:
    """The user, or the first members of the role; of those not the administrators, who keep every right."""
    graph = state.graph
    node = graph.node(user_or_role)
    if node is None or node.kind == "user":
        return [user_or_role]
    return [member for member in islice(graph.members(user_or_role), STILL_MEMBERS) if not graph.nodes[member].is_admin]
