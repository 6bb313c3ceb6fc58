"""What every permission store begins with: the users and roles that have a meaning here, and their links."""

from fairlead_authz.changeset import Changeset
from fairlead_authz.model.graph import ADMIN, ALL_USERS, ANONYMOUS_ROLE, ANONYMOUS_USER, SYSTEM, Node
from fairlead_authz.model.levels import NONE, READ, WRITE

FIRST_REVISION = 1
"""That of these nodes and links."""

_NODES = (
    Node(SYSTEM, "user", SYSTEM, "Fairlead itself"),
    Node(ADMIN, "user", SYSTEM, "Administrator", is_admin=True),
    Node(ANONYMOUS_USER, "user", SYSTEM, "Everybody without a token", is_active=False),
    Node(ALL_USERS, "role", SYSTEM, "All users"),
    Node(ANONYMOUS_ROLE, "role", SYSTEM, "Anonymous users"),
)

_LINKS = (
    (ANONYMOUS_USER, ANONYMOUS_ROLE, READ),
    (ALL_USERS, ANONYMOUS_ROLE, READ),
    (ADMIN, ALL_USERS, WRITE),
    (ALL_USERS, ADMIN, READ),
)


def first_changeset() -> Changeset:
    """The change that makes them."""
    changeset = Changeset()
    for node in _NODES:
        changeset.set_node(node.id, None, node)
    for tail, head, level in _LINKS:
        changeset.set_link(tail, head, NONE, level)
    return changeset
