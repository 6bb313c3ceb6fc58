"""Granting and revoking: manage on the head, and to grant also sight of the tail.

A tail is a user or a role, never a project. At most one level stands for a pair: a second grant merges into
the higher one. The login to a head is beside it.
"""

from fairlead_authz.changes import Grant, Revoke
from fairlead_authz.editing.edit import Edit
from fairlead_authz.errors import Conflict, NoSuchUser
from fairlead_authz.model.graph import a
from fairlead_authz.model.levels import GRANTS, MANAGE, NONE, READ, split_grant
from fairlead_router.errors import NotAuthorized


def grant(edit: Edit, change: Grant) -> None:
    """Raise a link to a level, or add the login; a higher level stays."""
    _check(edit, change, needs_sight=True)
    edit.raise_link(change.user, change.object, GRANTS[change.level])


def revoke(edit: Edit, change: Revoke) -> None:
    """Lower a link to below a level, or take the login; a link that is not there is no error: it is gone either way."""
    _check(edit, change, needs_sight=edit.graph.granted(change.user, change.object) == NONE)
    level, login = split_grant(edit.graph.granted(change.user, change.object))
    if change.level == "login":
        login = NONE
    else:
        level = min(level, GRANTS[change.level] - 1)
    edit.set_link(change.user, change.object, level | login)


def _check(edit: Edit, change: Grant | Revoke, needs_sight: bool) -> None:
    """Whoever manages the head sees its links, so it may revoke from whom it does not see."""
    edit.existing(change.object, MANAGE)
    actor = edit.actor
    if needs_sight and not actor.is_admin and not edit.rights.can(actor.user, READ, change.user):
        raise NotAuthorized(f"{actor.user!r} may not read {change.user!r}, so it has nothing to do with its rights")
    tail = edit.graph.node(change.user)
    if tail is None:
        raise NoSuchUser(f"user {change.user!r} does not exist", id=change.user)
    if tail.kind not in ("user", "role"):
        raise Conflict(f"{change.user!r} is {a(tail.kind)}; only a user or a role can be granted a right")
    if isinstance(change, Grant) and edit.rights.is_trashed(tail):
        raise Conflict(f"{tail.kind} {tail.id!r} is in the trash, so nothing can be granted to it")
