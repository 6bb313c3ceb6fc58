"""`fairlead watch`: records of any kind, then every change of them."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Annotated, Any

import typer

from fairlead_client import Added, Anew, Changed, Removed, Revoked
from fairlead_client.asyncio import watch as watch_records
from fairlead_client.watching import Item
from fairlead_server.commands._asking import RECORDS, Asking, asking
from fairlead_server.commands._conditions import KindOption, OwnerOption, WhereOption, conditions_of
from fairlead_server.commands._lasting import lasting, run_lasting
from fairlead_server.commands._notes import note, printable
from fairlead_server.errors import EXIT_REVOKED


@asking(
    "fairlead watch job-1",
    "fairlead watch --kind container --where 'priority>0' --where 'state in Queued,Locked'",
    "fairlead watch --owner project-1 --json",
    service=RECORDS,
)
def watch(
    ask: Asking,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Only these.", show_default=False)] = None,
    kind: KindOption = None,
    owner: OwnerOption = None,
    where: WhereOption = None,
) -> None:
    """Show the records that you may read, then every change of them, until Ctrl-C.

    A condition is a field of the state, or of the record, an op and a value: priority>0, state=Queued, log exists.
    """
    query: dict[str, Any] = {
        "ids": ids or None,
        "kind": kind,
        "owner": owner,
        "where": conditions_of(where, "--where") if where else None,
    }
    raise typer.Exit(run_lasting(_show(ask, query), ask.server))


async def _show(ask: Asking, query: dict[str, Any]) -> int:
    async with lasting(ask.server) as connection, aclosing(watch_records(connection, **query)) as items:
        async for item in items:
            if isinstance(item, Revoked):
                note(f"there is no right to watch any more: {item.reason}")
                return EXIT_REVOKED
            line = _json(item) if ask.as_json else _line(item)
            if line:
                print(line, flush=True)
    return 0


def _line(item: Item) -> str:
    if isinstance(item, (Added, Changed)):
        entry, what = item.entry, type(item).__name__.lower()
        return printable(f"{what:<8}{entry.id}  {entry.kind} v{entry.version}  {json.dumps(entry.state)}")
    if isinstance(item, Removed):
        return f"{'deleted' if item.is_deleted else 'removed':<8}{item.id}"
    if isinstance(item, Anew):
        note(f"the records are told anew ({item.reason}): what follows is what is different")
    return ""


def _json(item: Item) -> str:
    if isinstance(item, (Added, Changed)):
        return json.dumps({"change": type(item).__name__.lower(), **item.entry._asdict()})
    if isinstance(item, Removed):
        return json.dumps({"change": "removed", "id": item.id, "deleted": item.is_deleted, "state": item.state})
    return ""
