"""`fairlead cursor`: how far the consumers of a log have come."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairlead_server.commands._asking import LOGS, Asking, asking
from fairlead_server.commands._nodes import application_of
from fairlead_server.commands._notes import plural
from fairlead_server.commands._sizes import count_of, size_text
from fairlead_server.commands._times import utc

HEAD = "head"

StreamArgument = Annotated[str, typer.Argument(metavar="ID", help="The log's id.", show_default=False)]
CursorArgument = Annotated[str, typer.Argument(metavar="CURSOR", help="The consumer's name.", show_default=False)]


@asking("fairlead cursor list job-1", service=LOGS)
def list_cursors(ask: Asking, stream: StreamArgument) -> None:
    """List the cursors of a log: where each stands, whose it is, and since when."""
    found = ask.call("cursors", stream)["cursors"]
    rows = [(each["cursor"], str(each["next"]), each["owner"], utc(each["committed_us"])) for each in found]
    ask.listing("cursors", found, rows)


@asking("fairlead cursor get job-1 indexer", service=LOGS)
def get(ask: Asking, stream: StreamArgument, cursor: CursorArgument) -> None:
    """Say where a cursor stands, and how much is before it."""
    found = ask.call("cursor", stream, cursor)
    lag = f"{plural(found['lag_records'], 'line')}, {size_text(found['lag_bytes'])} behind"
    ask.answer(f"{cursor} is at {found['next']} of {found['head']}: {lag}", found)


@asking("fairlead cursor set job-1 indexer head", "fairlead cursor set job-1 indexer 0 --back", service=LOGS)
def set_cursor(
    ask: Asking,
    stream: StreamArgument,
    cursor: CursorArgument,
    position: Annotated[
        str, typer.Argument(metavar="N|head", help="The number of the next line to process.", show_default=False)
    ],
    back: Annotated[bool, typer.Option("--back", help="Also to before where it is.")] = False,
) -> None:
    """Move a cursor, or make it. Somebody else's needs manage on the log's object."""
    wanted = None if position == HEAD else count_of(position, "the place")
    stand: dict[str, Any] = ask.call("cursors", stream)
    following = stand["head"] if wanted is None else wanted
    done = ask.call("commit", stream, cursor, following, stand["epoch"], back=back)
    ask.answer(f"{cursor} is at {done['next']}", {"stream": stream, "cursor": cursor, **done})


@asking("fairlead cursor delete job-1 indexer", service=LOGS)
def delete(ask: Asking, stream: StreamArgument, cursor: CursorArgument) -> None:
    """Forget a cursor. Somebody else's needs manage on the log's object."""
    ask.call("delete_cursor", stream, cursor)
    ask.answer(f"cursor {cursor} is gone", {"stream": stream, "cursor": cursor})


application = application_of(
    "Show and move how far the consumers of a log have come.",
    {"list": list_cursors, "get": get, "set": set_cursor, "delete": delete},
)
