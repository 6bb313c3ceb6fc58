"""Questions that only the way of a change answers: may somebody update this, may somebody unfreeze it."""

from __future__ import annotations

from fairlead_authz import Conflict, Put
from fairlead_authz.changes import Change, Unfreeze
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.model.graph import Graph
from fairlead_authz.model.rights import Policy
from fairlead_router import NotAuthorized


def may_update(graph: Graph, policy: Policy, user: str, node_id: str) -> bool:
    """Whether the user may change a field of the node's own."""
    return _is_let(graph, policy, user, Put(graph.nodes[node_id].kind, node_id, name="another name"))


def may_unfreeze(graph: Graph, policy: Policy, user: str, project: str) -> bool:
    """Whether the user may end that a project is frozen."""
    return _is_let(graph, policy, user, Unfreeze(project))


def _is_let(graph: Graph, policy: Policy, user: str, change: Change) -> bool:
    """A project within a frozen one is a conflict, not a right that is missing: no either way."""
    is_admin = user in graph.nodes and graph.nodes[user].is_admin
    try:
        work_out(graph, [change], Actor(user, is_admin), policy)
    except (NotAuthorized, Conflict):
        return False
    return True
