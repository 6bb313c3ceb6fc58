"""`fairlead record`: puts, patches, gets, lists and deletes records."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from fairlead_client.requests import given
from fairlead_server.commands._asking import RECORDS, Asking, asking
from fairlead_server.commands._conditions import KindOption, OwnerOption, WhereOption, conditions_of
from fairlead_server.errors import CommandError

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The record's id.", show_default=False)]
ExpectedOption = Annotated[
    int | None,
    typer.Option("--expected", metavar="VERSION", help="Only if it is at this version; 0: new.", show_default=False),
]


@asking(
    "fairlead record put disk-1 '{\"free\": 12}' --kind disk",
    "df_as_json | fairlead record put disk-1 - --expected 7",
    service=RECORDS,
)
def put(  # noqa: PLR0913 (one parameter an option)
    ask: Asking,
    id_: IdArgument,
    state: Annotated[str, typer.Argument(metavar="JSON", help="The state, an object; -: from stdin.")],
    kind: Annotated[str | None, typer.Option("--kind", metavar="K", help="Of a new one.", show_default=False)] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="O", help="The user or project that it belongs to.", show_default=False),
    ] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="What says who may see it.", show_default=False)
    ] = None,
    expected: ExpectedOption = None,
) -> None:
    """Make a record, or its next version."""
    about = given(kind=kind, owner=owner, object=object_id, expected=expected)
    answer = ask.call("put", id_, _object(state), **about)
    ask.answer(f"{id_} is at version {answer['version']}", answer)


@asking('fairlead record patch disk-1 \'{"free": 11, "note": null}\'', service=RECORDS)
def patch(
    ask: Asking,
    id_: IdArgument,
    changes: Annotated[str, typer.Argument(metavar="JSON", help="What is different; null takes away. -: from stdin.")],
    expected: ExpectedOption = None,
) -> None:
    """Change a part of a record's state (JSON merge patch)."""
    answer = ask.call("patch", id_, _object(changes), **given(expected=expected))
    ask.answer(f"{id_} is at version {answer['version']}", answer)


@asking("fairlead record get disk-1", service=RECORDS)
def get(ask: Asking, id_: IdArgument) -> None:
    """Show a record, as JSON."""
    record = ask.call("get", id_)["record"]
    ask.answer(json.dumps(record, indent=2), record)


@asking("fairlead record list --kind disk --where 'free<10'", service=RECORDS)
def list_records(
    ask: Asking,
    kind: KindOption = None,
    owner: OwnerOption = None,
    where: WhereOption = None,
) -> None:
    """List the records that you may read."""
    query: dict[str, Any] = given(kind=kind, owner=owner)
    if where:
        query["where"] = conditions_of(where, "--where")
    found = ask.pages("list", "records", **query)
    rows = [(each["id"], each["kind"], f"v{each['version']}", json.dumps(each["state"])) for each in found]
    ask.listing("records", found, rows, none="there are no such records that you may see" if query else None)


@asking("fairlead record delete disk-1", service=RECORDS)
def delete(ask: Asking, id_: IdArgument, expected: ExpectedOption = None) -> None:
    """Delete a record. It needs manage on its object."""
    ask.answer(f"{id_} is gone", ask.call("delete", id_, **given(expected=expected)))


def _object(text: str) -> dict[str, Any]:
    """Raises CommandError."""
    source = sys.stdin.read() if text == "-" else text
    try:
        value = json.loads(source)
    except ValueError as error:
        raise CommandError(f"the state {source[:60]!r} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise CommandError(f"the state {source[:60]!r} is no JSON object")
    return value


application = typer.Typer(
    help="Put, patch, get, list and delete records.", rich_markup_mode=None, add_completion=False, no_args_is_help=True
)
application.command("put")(put)
application.command("patch")(patch)
application.command("get")(get)
application.command("list")(list_records)
application.command("delete")(delete)
