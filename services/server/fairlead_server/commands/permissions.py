"""`fairlead grant`, `revoke`, `can` and `who`: who may do what.

What they say is what the server has answered, so after `revoke` has said "bob can no longer read X" no line appended
later reaches bob.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from fairlead_server.commands._asking import Asking, DryRunOption, asking
from fairlead_server.errors import CommandError

LEVELS = ("read", "write", "manage")
LINK_LEVELS = (*LEVELS, "login")
EXIT_NO = 1

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="A user's id, or a role's.", show_default=False)]
LevelArgument = Annotated[str, typer.Argument(metavar="LEVEL", help="read, write or manage.", show_default=False)]
LinkLevelArgument = Annotated[
    str, typer.Argument(metavar="LEVEL", help="read, write or manage; or login.", show_default=False)
]
ObjectArgument = Annotated[
    str, typer.Argument(metavar="OBJECT", help="An object's id, as a log's or a project's.", show_default=False)
]


@asking("fairlead grant bob read job-1", "fairlead grant bob read staff", "fairlead grant staff write project-1")
def grant(ask: Asking, user: UserArgument, level: LinkLevelArgument, object_id: ObjectArgument) -> None:
    """Give USER at least LEVEL on OBJECT: manage holds write, write holds read. It needs manage on the object.

    To put a user into a role, grant read on the role.
    """
    change = {"op": "grant", "user": user, "level": _checked(level, LINK_LEVELS), "object": object_id}
    ask.change(change, f"{user} can {level} {object_id}")


@asking("fairlead revoke bob read job-1", "fairlead revoke staff write project-1 --dry-run")
def revoke(
    ask: Asking, user: UserArgument, level: LinkLevelArgument, object_id: ObjectArgument, dry_run: DryRunOption = False
) -> None:
    """Take LEVEL on OBJECT, and what is above it, from USER. It needs manage on the object.

    What the user has by another path stays, and is said. When this returns, nothing that comes later reaches who has
    lost the right; what was live has ended.
    """
    change = {"op": "revoke", "user": user, "level": _checked(level, LINK_LEVELS), "object": object_id}
    ask.change(change, f"{user} can no longer {level} {object_id}", dry_run)


@asking("fairlead can bob read job-1 --why")
def can(
    ask: Asking,
    user: UserArgument,
    level: LevelArgument,
    object_id: ObjectArgument,
    why: Annotated[bool, typer.Option("--why", help="Say which path allows it, or what is missing.")] = False,
) -> None:
    """Say yes (status 0) or no (status 1): whether USER has LEVEL on OBJECT. About others it needs manage on it."""
    about = {"user": user, "level": _checked(level, LEVELS), "object": object_id}
    checked = ask.call("check", user, level, object_id)
    if checked["why"].startswith("there is no "):
        raise CommandError(f"{checked['why']}, so it is neither yes nor no")
    word = "yes" if checked["allowed"] else "no"
    ask.answer(f"{word}: {checked['why']}" if why else word, {**about, **checked})
    raise typer.Exit(0 if checked["allowed"] else EXIT_NO)


@asking("fairlead who read job-1")
def who(ask: Asking, level: LevelArgument, object_id: ObjectArgument) -> None:
    """List the users who have LEVEL on OBJECT, each with the path that allows it. It needs manage on the object."""
    ask.table("users", ask.pages("who", "users", _checked(level, LEVELS), object_id), ("user", "via"))


def _checked(level: str, levels: Sequence[str]) -> str:
    if level not in levels:
        raise CommandError(f"level {level!r} must be one of {', '.join(levels)}")
    return level
