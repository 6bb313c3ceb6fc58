"""`fairlead streams`: the logs that one may read, what is to be kept of them, and their end."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fairlead_client import ClientError
from fairlead_server.commands._asking import LOGS, Asking, aligned, asking
from fairlead_server.commands._entries import HEADINGS, Wanted, row_of
from fairlead_server.commands._pairs import pairs_of
from fairlead_server.commands._sizes import bytes_of, count_of
from fairlead_server.commands._times import duration_s_of
from fairlead_server.commands._watch import changes
from fairlead_server.connect import command_error, hush_autobahn
from fairlead_server.errors import EXIT_INTERRUPTED, CommandError

ALL = "all"
LIST = "list"

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The stream's id.", show_default=False)]
MetaOption = Annotated[
    list[str] | None, typer.Option("--meta", metavar="K=V", help="A value of its metadata; may be repeated.")
]


@asking(
    "fairlead streams",
    "fairlead streams run- --stale",
    "fairlead streams --object project-1 --meta step=align --watch",
    service=LOGS,
)
def list_streams(  # noqa: PLR0913 (one parameter an option)
    ask: Asking,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="What their ids begin with.")] = "",
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="Only those of this object.", show_default=False)
    ] = None,
    sealed: Annotated[
        bool | None,
        typer.Option("--sealed/--open", help="Only those that have ended, or have not.", show_default=False),
    ] = None,
    stale: Annotated[
        bool | None,
        typer.Option("--stale/--live", help="Only those whose writer is silent, or is not.", show_default=False),
    ] = None,
    meta: MetaOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on with each change.")] = False,
) -> None:
    """List the streams that you may read.

    STATE is live, stale (its writer has been silent for longer than it said), or sealed, with the exit status. LAST is
    how long ago the last line was written.
    """
    wanted = Wanted(prefix, object_id, sealed, stale, pairs_of(meta, "--meta") if meta else None)
    if watch:
        raise typer.Exit(_watch(ask, wanted))
    entries = ask.pages("list", "streams", **wanted.arguments())
    ask.listing("streams", entries, [HEADINGS, *map(row_of, entries)] if entries else [])


@asking("fairlead streams delete run-20261126-194622-d527c83e", service=LOGS)
def delete(ask: Asking, stream: IdArgument) -> None:
    """Delete a stream, with all its lines, for good. It needs manage on its object."""
    ask.answer(f"stream {stream} is gone", {"stream": stream, **ask.call("delete", stream)})


@asking(
    "fairlead streams set job-1 --meta step=align --unset owner",
    "fairlead streams set job-1 --keep-for 30d --keep-bytes 1GB",
    "fairlead streams set job-1 --keep-records all",
    service=LOGS,
)
def set_stream(  # noqa: PLR0913 (one parameter an option)
    ask: Asking,
    stream: IdArgument,
    meta: MetaOption = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="K", help="Take this out of its metadata.")
    ] = None,
    keep_for: Annotated[
        str | None, typer.Option("--keep-for", metavar="DURATION", help="Lines are kept so long: 12h, 30d; or all.")
    ] = None,
    keep_bytes: Annotated[
        str | None, typer.Option("--keep-bytes", metavar="SIZE", help="At most so much is kept: 1GB; or all.")
    ] = None,
    keep_records: Annotated[
        str | None, typer.Option("--keep-records", metavar="N", help="At most so many lines are kept; or all.")
    ] = None,
) -> None:
    """Change a stream's metadata, and how much of it is kept. It needs write on its object.

    What is not given stays as it is.
    """
    bounds = {
        "max_age_s": _bound(keep_for, "--keep-for", lambda text, option: int(duration_s_of(text, option))),
        "max_bytes": _bound(keep_bytes, "--keep-bytes", bytes_of),
        "max_records": _bound(keep_records, "--keep-records", count_of),
    }
    bounds = {name: value for name, value in bounds.items() if value is not None}
    if not (meta or unset or bounds):
        raise CommandError("nothing to set: --meta, --unset, --keep-for, --keep-bytes or --keep-records")
    pairs = pairs_of(meta or (), "--meta")
    entry = _entry(ask, stream)
    changed: dict[str, Any] = {}
    if meta or unset:
        metadata = {**entry["metadata"], **pairs}
        changed["metadata"] = {key: value for key, value in metadata.items() if key not in (unset or ())}
    if bounds:
        retention = {**entry["retention"], **bounds}
        changed["retention"] = {name: value for name, value in retention.items() if value != ALL}
    ask.answer(f"stream {stream} is changed", {"stream": stream, **ask.call("update", stream, **changed)})


def _entry(ask: Asking, stream: str) -> dict[str, Any]:
    """What the directory says of a stream. Raises CommandError."""
    found = ask.call("list", prefix=stream, limit=1)["streams"]
    if not found or found[0]["stream"] != stream:
        raise CommandError(f"there is no stream {stream!r} that you may read")
    return dict(found[0])


def _bound(given: str | None, option: str, parse: Any) -> int | str | None:
    """The bound; ALL for none, None where it stays as it is. Raises CommandError."""
    if given is None or given == ALL:
        return given
    value: int = parse(given, option)
    if value < 1:
        raise CommandError(f"{option} {given!r} would keep nothing: at least 1, or all")
    return value


# ---------------------------------------------------------------- --watch


def _watch(ask: Asking, wanted: Wanted) -> int:
    hush_autobahn()
    try:
        asyncio.run(_show_changes(ask, wanted))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ClientError as error:
        raise command_error(error, ask.server.url) from None
    return 0


async def _show_changes(ask: Asking, wanted: Wanted) -> None:
    async with aclosing(changes(ask.server, wanted)) as found:
        async for change, entry in found:
            if ask.as_json:
                print(json.dumps({**entry, "change": change}), flush=True)
            else:
                print(aligned([(f"{change:<8}", *row_of(entry))]), flush=True)


class _ListByDefault(TyperGroup):
    """`fairlead streams PREFIX` lists; a prefix that is also a command's name needs `fairlead streams list PREFIX`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer does, with the command put in where none is named."""
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else [LIST, *args])


application = typer.Typer(
    cls=_ListByDefault,
    help="List streams, which is what it does without a command; set what is kept of them; delete them.",
    rich_markup_mode=None,
    add_completion=False,
)
application.command(LIST)(list_streams)
application.command("set")(set_stream)
application.command("delete")(delete)
