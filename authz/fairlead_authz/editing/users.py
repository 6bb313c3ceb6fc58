"""The lives of users: set up, shut out, merged into another. All of it is for administrators."""

from msgspec.structs import replace

from fairlead_authz.changes import Activate, Deactivate, Merge
from fairlead_authz.editing.edit import Edit
from fairlead_authz.errors import Conflict, NoSuchUser
from fairlead_authz.model.graph import ADMIN, ALL_USERS, ANONYMOUS_USER, SYSTEM, Node
from fairlead_authz.model.levels import NONE, READ, WRITE


def activate(edit: Edit, change: Activate) -> None:
    """The user is active, with the usual links."""
    user = _user(edit, change.id, "activate")
    refuse_fixed_user(user.id, is_ending=False)
    edit.set_node(replace(user, is_active=True))
    link_as_usual(edit, user.id)


def deactivate(edit: Edit, change: Deactivate) -> None:
    """The user loses what it was granted, the administrator's flag, sessions and tokens; what it owns stays its."""
    user = _user(edit, change.id, "deactivate")
    refuse_fixed_user(user.id, is_ending=True)
    edit.remove_links_from(user.id)
    edit.shut_out(user)


def merge(edit: Edit, change: Merge) -> None:
    """What a user owns, and all links from and to it, become another's; of two links the higher level stays.

    The user itself remains, with nothing. Frost is no obstacle: what is frozen stays as it is, under its other name.
    """
    user = _user(edit, change.user, "merge")
    into = _user(edit, change.into, "merge into")
    if user.id == into.id:
        raise Conflict(f"user {user.id!r} cannot be merged into itself")
    edit.refuse_well_known(user, "merged")
    if into.id in (SYSTEM, ANONYMOUS_USER):
        raise Conflict(f"user {user.id!r} cannot be merged into {into.id!r}: nobody logs in as it")
    for owned in list(edit.graph.owned(user.id)):
        edit.set_node(replace(edit.graph.nodes[owned], owner=into.id))
    for head in list(edit.graph.links_from(user.id)):
        _move_link(edit, (user.id, head), (into.id, head))
    for tail in list(edit.graph.links_to(user.id)):
        _move_link(edit, (tail, user.id), (tail, into.id))
    edit.shut_out(user)


def link_as_usual(edit: Edit, user: str) -> None:
    """The user is in `all-users`, who see it as far as the policy lets users see each other."""
    edit.raise_link(user, ALL_USERS, WRITE)
    edit.raise_link(ALL_USERS, user, READ)


def refuse_fixed_user(user: str, is_ending: bool) -> None:
    """Raises Conflict where somebody must be able to come in, or nobody may."""
    if user == ADMIN and is_ending:
        raise Conflict(f"user {ADMIN!r} stays an active administrator: somebody must be able to come in")
    if user in (SYSTEM, ANONYMOUS_USER):
        raise Conflict(f"user {user!r} belongs to every store: nobody logs in as it, so it stays as it is")


def _user(edit: Edit, user: str, verb: str) -> Node:
    edit.require_admin(f"{verb} the user {user!r}")
    node = edit.graph.node(user)
    if node is None or node.kind != "user":
        raise NoSuchUser(f"user {user!r} does not exist", id=user)
    return node


def _move_link(edit: Edit, old: tuple[str, str], new: tuple[str, str]) -> None:
    granted = edit.graph.granted(*old)
    edit.set_link(*old, NONE)
    if new[0] != new[1]:
        edit.raise_link(*new, granted)
