"""`fairlead ps`: the containers that one may see, as a table that can be watched."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from typing import Annotated, Any

import typer

from fairlead_client import Added, Changed, Entry, Removed
from fairlead_client.asyncio import View
from fairlead_client.watching import Item
from fairlead_server.commands._asking import RECORDS, Asking, aligned, asking
from fairlead_server.commands._containers import FINAL, HEADINGS, State, order_of, row_of
from fairlead_server.commands._lasting import lasting, run_lasting
from fairlead_server.connect import Server

REDRAW_S = 0.2
"""Between two drawings of the table: nobody reads faster."""

_HOME_AND_CLEAR = "\x1b[H\x1b[J"


@asking("fairlead ps", "fairlead ps --all", "fairlead ps --state Running --watch", service=RECORDS)
def ps(
    ask: Asking,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Those that have ended too.")] = False,
    state: Annotated[
        list[State] | None,
        typer.Option("--state", metavar="STATE", help="Only in this state; may be repeated.", show_default=False),
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="P", help="Only of this user or project.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on with each change.")] = False,
) -> None:
    """List the containers that you may see: what runs, then what waits as it will be taken.

    TIME is how long it has waited, has been running, or ran. With --watch the table stays current on a terminal; into
    a pipe, and with --json, each change is a line.
    """
    query = _query(state, owner, everything=everything)
    if watch:
        raise typer.Exit(_watch(ask, query))
    found = sorted(ask.pages("list", "records", **query), key=order_of)
    none = None if everything or state else "nothing that you may see waits or runs; --all shows what has ended"
    ask.listing("containers", found, [HEADINGS, *map(row_of, found)] if found else [], none=none)


def _query(states: list[State] | None, owner: str | None, *, everything: bool) -> dict[str, Any]:
    query: dict[str, Any] = {"kind": "container"}
    if owner is not None:
        query["owner"] = owner
    if states:
        query["where"] = [["state", "in", [each.value for each in states]]]
    elif not everything:
        query["where"] = [["state", "not in", list(FINAL)]]
    return query


def _watch(ask: Asking, query: dict[str, Any]) -> int:
    draws = sys.stdout.isatty() and not ask.as_json
    return run_lasting(_drawn(ask.server, query) if draws else _listed(ask, query), ask.server)


async def _drawn(server: Server, query: dict[str, Any]) -> int:
    """The table, drawn again when something in it has changed, or a second has gone by."""
    async with lasting(server) as connection, View(connection, **query) as view:
        while True:
            print(_HOME_AND_CLEAR + _table(list(view.entries.values())), end="", flush=True)
            await asyncio.sleep(REDRAW_S)
            await view.wait_change(1.0)


def _table(entries: list[Entry]) -> str:
    """As much of it as the terminal has room for."""
    columns, lines = shutil.get_terminal_size()
    records = sorted((entry._asdict() for entry in entries), key=order_of)
    shown = records[: max(1, lines - 3)]
    text = aligned([HEADINGS, *map(row_of, shown)])
    left = len(records) - len(shown)
    cut = [line[:columns] for line in text.splitlines()]
    return "\n".join([*cut, *([f"and {left} more"] if left else [])])


async def _listed(ask: Asking, query: dict[str, Any]) -> int:
    """A line for each change."""

    def show(item: Item) -> None:
        if isinstance(item, (Added, Changed)):
            record = item.entry._asdict()
            print(json.dumps(record) if ask.as_json else aligned([row_of(record)]), flush=True)
        elif isinstance(item, Removed):
            gone = {"id": item.id, "removed": True}
            print(json.dumps(gone) if ask.as_json else f"{item.id}  gone from this list", flush=True)

    async with lasting(ask.server) as connection, View(connection, show, **query) as view:
        while True:
            await view.wait_change()
