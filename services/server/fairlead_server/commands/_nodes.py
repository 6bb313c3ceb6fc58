"""What `fairlead user`, `group` and `object` share: users, groups and objects are all nodes of one graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from fairlead_server.commands._asking import Asking, Change, DryRunOption, aligned, asking
from fairlead_server.commands._times import coming_time_us_of, utc
from fairlead_server.errors import CommandError

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id.", show_default=False)]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What people call it.")]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", metavar="OWNER", help="A user or a project; else you are.", show_default=False)
]

TrashOption = Annotated[bool, typer.Option("--trash", help="Look into the trash too.")]


def application_of(summary: str, commands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """The commands of `fairlead user` and its like, by name."""
    application = typer.Typer(help=summary, no_args_is_help=True, rich_markup_mode=None, add_completion=False)
    for name, command in commands.items():
        application.command(name)(command)
    return application


def added(ask: Asking, change: Change, done: str) -> None:
    """Make a node; what is not given (None) is left to the server, and stays as it is where the node is there."""
    ask.change({key: value for key, value in change.items() if value is not None}, done)


def kind_of(ask: Asking, id_: str) -> str:
    """What it is, for a slip in an id must neither make a thing nor change another. Raises CommandError."""
    return str(ask.call("get", id_, include_trash=True)["kind"])


@asking("fairlead object show job-1")
def show(ask: Asking, id_: IdArgument, trash: TrashOption = False) -> None:
    """Show what is known of it. It needs read."""
    node = ask.call("get", id_, include_trash=trash)
    ask.answer(aligned([(key, shown(key, value)) for key, value in node.items() if value not in (None, "")]), node)


@asking("fairlead object move job-1 archive --dry-run")
def move(
    ask: Asking,
    id_: IdArgument,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="A user or a project.", show_default=False)],
    dry_run: DryRunOption = False,
) -> None:
    """Give it another owner. It needs write on both. Who could see it through the old one may lose it."""
    ask.change({"op": "put", "kind": kind_of(ask, id_), "id": id_, "owner": owner}, f"{owner} owns {id_}", dry_run)


@asking("fairlead object trash job-1", "fairlead group trash project-1 --at 30d")
def trash(
    ask: Asking,
    id_: IdArgument,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="A time, or 2h, 30d from now on.")] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Hide it, and what it owns, at once or from a time on.

    Nobody sees it then, but who looks into the trash. Trashing a role takes what was granted to it for good.
    """
    change: Change = {"op": "trash", "id": id_}
    when = "is in the trash"
    if at is not None:
        change["at_us"] = coming_time_us_of(at, "--at", datetime.now().astimezone())
        when = f"goes to the trash at {utc(change['at_us'])}"
    ask.change(change, f"{id_} {when}", dry_run)


@asking("fairlead object untrash job-1")
def untrash(ask: Asking, id_: IdArgument) -> None:
    """Take it out of the trash."""
    ask.change({"op": "untrash", "id": id_}, f"{id_} is not in the trash")


@asking("fairlead group freeze project-1")
def freeze(ask: Asking, id_: IdArgument, dry_run: DryRunOption = False) -> None:
    """Let nobody write to a project and what it owns.

    That holds for administrators too. Reading goes on.
    """
    ask.change({"op": "freeze", "id": id_}, f"{id_} is frozen", dry_run)


@asking("fairlead group unfreeze project-1")
def unfreeze(ask: Asking, id_: IdArgument) -> None:
    """Let a frozen project be written to again."""
    ask.change({"op": "unfreeze", "id": id_}, f"{id_} is not frozen")


@asking("fairlead object delete job-1 --dry-run")
def delete(ask: Asking, id_: IdArgument, dry_run: DryRunOption = False) -> None:
    """Remove it for good; it must own nothing."""
    if kind_of(ask, id_) == "user":
        raise CommandError(f"{id_!r} is a user: `fairlead user delete` removes users")
    ask.change({"op": "delete", "id": id_}, f"{id_} is gone", dry_run)


OF_ALL: Mapping[str, Callable[..., None]] = {
    "show": show,
    "move": move,
    "trash": trash,
    "untrash": untrash,
    "freeze": freeze,
    "unfreeze": unfreeze,
    "delete": delete,
}
"""The commands that groups and objects have in common."""


def shown(key: str, value: Any) -> str:
    """A fact about a node for people: times and booleans are words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return utc(value) if key.endswith("_us") else str(value)
