"""`fairlead user ...`: the users of a server. Changing them is for administrators."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead_server.commands._asking import Asking, DryRunOption, asking
from fairlead_server.commands._nodes import NameOption, added, application_of, kind_of, show
from fairlead_server.errors import CommandError

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's id.", show_default=False)]


@asking('fairlead user add bob --name "Bob B."')
def add(
    ask: Asking,
    user: UserArgument,
    name: NameOption = None,
    is_admin: Annotated[bool, typer.Option("--admin", help="An administrator, who may everything.")] = False,
) -> None:
    """Make a user, who is in all-users and seen by them. It has no token yet: `fairlead token USER`."""
    change = {"op": "put", "kind": "user", "id": user, "is_admin": is_admin or None, "name": name}
    added(ask, change, f"user {user} is there")


@asking("fairlead user list")
def list_users(ask: Asking) -> None:
    """List the users that you may see."""
    users = ask.pages("list", "objects", kind="user")
    for user in users:
        flags = (("administrator", user["is_admin"]), ("not active", not user["is_active"]))
        user["is"] = ", ".join(word for word, holds in flags if holds)
    ask.table("users", users, ("id", "is", "name"))


@asking("fairlead user activate bob")
def activate(ask: Asking, user: UserArgument) -> None:
    """Set a user up again: active, in all-users and seen by them.

    What was taken from it is not given back.
    """
    ask.change({"op": "activate", "id": user}, f"user {user} is active")


@asking("fairlead user deactivate bob --dry-run")
def deactivate(ask: Asking, user: UserArgument, dry_run: DryRunOption = False) -> None:
    """Shut a user out: it keeps what it owns, and nothing else.

    What it was granted, its tokens, its sessions and the administrator's flag go.
    """
    ask.change({"op": "deactivate", "id": user}, f"user {user} is not active", dry_run)


@asking("fairlead user merge bob robert")
def merge(
    ask: Asking,
    user: UserArgument,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The user who gets it all.", show_default=False)],
    dry_run: DryRunOption = False,
) -> None:
    """Give what USER owns and was granted to INTO. The tokens and sessions of USER end."""
    ask.change({"op": "merge", "user": user, "into": into}, f"user {user} is merged into {into}", dry_run)


@asking("fairlead user admin bob", "fairlead user admin bob --off")
def admin(
    ask: Asking,
    user: UserArgument,
    off: Annotated[bool, typer.Option("--off", help="Take it away.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make USER an administrator, or with --off one no more."""
    _require_user(ask, user)
    change = {"op": "put", "kind": "user", "id": user, "is_admin": not off}
    ask.change(change, f"user {user} is {'no' if off else 'an'} administrator", dry_run)


@asking("fairlead user delete bob --dry-run")
def delete(ask: Asking, user: UserArgument, dry_run: DryRunOption = False) -> None:
    """Remove a user who owns nothing. `deactivate` is what is mostly wanted."""
    _require_user(ask, user)
    ask.change({"op": "delete", "id": user}, f"user {user} is gone", dry_run)


def _require_user(ask: Asking, user: str) -> None:
    kind = kind_of(ask, user)
    if kind != "user":
        raise CommandError(f"{user!r} is no user: its kind is {kind}")


application = application_of(
    "Make, list and end users.",
    {
        "add": add,
        "list": list_users,
        "show": show,
        "activate": activate,
        "deactivate": deactivate,
        "merge": merge,
        "admin": admin,
        "delete": delete,
    },
)
