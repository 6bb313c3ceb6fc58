"""`fairlead group ...` and `fairlead object ...`: roles, projects, filters, and all that they and users own."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead_server.commands._asking import Asking, asking
from fairlead_server.commands._nodes import (
    OF_ALL,
    IdArgument,
    NameOption,
    OwnerOption,
    TrashOption,
    added,
    application_of,
)
from fairlead_server.errors import CommandError

GROUPS = ("role", "project", "filter")

RoleOption = Annotated[bool, typer.Option("--role", help="A role: who is in it has what is granted to it.")]
ProjectOption = Annotated[bool, typer.Option("--project", help="A project: a folder that owns things.")]
FilterOption = Annotated[bool, typer.Option("--filter", help="A filter: a saved search.")]


@asking("fairlead group add staff --role", "fairlead group add project-1 --project --owner alice")
def add_group(  # noqa: PLR0913 (one parameter an option)
    ask: Asking,
    id_: IdArgument,
    role: RoleOption = False,
    project: ProjectOption = False,
    filter_: FilterOption = False,
    owner: OwnerOption = None,
    name: NameOption = None,
) -> None:
    """Make a role, a project or a filter: say which."""
    kinds = _kinds(role, project, filter_)
    if len(kinds) != 1:
        raise CommandError(f"say of which kind group {id_!r} is: one of --role, --project, --filter")
    added(ask, {"op": "put", "kind": kinds[0], "id": id_, "owner": owner, "name": name}, f"{id_} is there")


@asking("fairlead group list", "fairlead group list --project --owner alice")
def list_groups(
    ask: Asking,
    role: RoleOption = False,
    project: ProjectOption = False,
    filter_: FilterOption = False,
    owner: OwnerOption = None,
    trash: TrashOption = False,
) -> None:
    """List the groups that you may see, or those of some kinds."""
    kinds = _kinds(role, project, filter_) or list(GROUPS)
    groups = [
        group for kind in kinds for group in ask.pages("list", "objects", kind=kind, owner=owner, include_trash=trash)
    ]
    ask.table("groups", groups, ("id", "kind", "owner", "name"))


@asking("fairlead group members staff")
def members(ask: Asking, role: Annotated[str, typer.Argument(metavar="ROLE", show_default=False)]) -> None:
    """List who is in a role, and with which level. Managers of the role see all, others themselves."""
    ask.table("members", ask.pages("members", "members", role), ("id", "kind", "level", "name"))


@asking("fairlead object add job-1 --owner project-1")
def add_object(
    ask: Asking,
    id_: IdArgument,
    owner: OwnerOption = None,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="As collection, workflow.")] = "object",
    about: Annotated[
        str | None, typer.Option("--about", metavar="ID", help="The container of a request, the object of a log row.")
    ] = None,
    name: NameOption = None,
) -> None:
    """Make an object. It needs write on its owner."""
    change = {"op": "put", "kind": kind, "id": id_, "owner": owner, "about": about, "name": name}
    added(ask, change, f"{id_} is there")


@asking("fairlead object list --owner project-1", "fairlead object list --kind collection")
def list_objects(
    ask: Asking,
    owner: OwnerOption = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="As object, collection.")] = None,
    trash: TrashOption = False,
) -> None:
    """List what you may see: all, of an owner, or of a kind."""
    ask.table(
        "objects",
        ask.pages("list", "objects", kind=kind, owner=owner, include_trash=trash),
        ("id", "kind", "owner", "name"),
    )


def _kinds(*chosen: bool) -> list[str]:
    return [kind for kind, is_chosen in zip(GROUPS, chosen, strict=True) if is_chosen]


groups = application_of(
    "Make, list and change roles, projects and filters.",
    {"add": add_group, "list": list_groups, "members": members, **OF_ALL},
)

objects = application_of(
    "Make, list and change objects.",
    {"add": add_object, "list": list_objects, **OF_ALL},
)
