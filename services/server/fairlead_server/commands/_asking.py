"""What the commands share that ask the server and print its answer: their options, how they ask, how they answer.

    @asking("fairlead grant bob read job-1")
    def grant(ask: Asking, user: UserArgument, ...) -> None:

`asking` adds the options `--json`, `--url` and `--token-file`, and hands the command an `Asking`. With `--json` it
prints one JSON document, an error too: {"error": {"uri", "text"}}, where the URI is empty if it was not the server that
refused.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer

from fairlead_client import CallFailed
from fairlead_client.errors import NOT_AUTHORIZED
from fairlead_server.commands._notes import note, plural, printable
from fairlead_server.connect import (
    DEFAULT_URL,
    TOKEN_VARIABLE,
    Server,
    TokenFileOption,
    UrlOption,
    request,
    server_of,
    with_session,
)
from fairlead_server.errors import CommandError

if TYPE_CHECKING:
    from fairlead_client.autobahn_session import AutobahnSession

P = ParamSpec("P")
T = TypeVar("T")

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would end of what is live now, and change nothing.")
]

Change = dict[str, Any]

PERMISSIONS, LOGS, RECORDS, CONTAINERS = "fairlead.authz", "fairlead.log", "fairlead.record", "fairlead.container"
"""The services, as their procedures begin."""

_NO_TOKEN = f"you have given no token: {TOKEN_VARIABLE}, --token-file, or .fairlead/admin.token here"


class Refusal(CommandError):
    """The server has answered with this error."""

    def __init__(self, uri: str, text: str) -> None:
        super().__init__(text)
        self.uri = uri


class Asking:
    """One run of a command."""

    def __init__(self, server: Server, as_json: bool, service: str) -> None:
        self.server = server
        self.as_json = as_json
        self._service = service

    # --- asking -------------------------------------------------------------------------------

    def call(self, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What the service's procedure of this name answers. Raises CommandError."""
        return self.calls(name, [(args, kwargs)])[0]

    def calls(
        self,
        name: str,
        calls: Sequence[tuple[Sequence[Any], dict[str, Any]]],
        on_answer: Callable[[dict[str, Any]], None] = lambda answer: None,
    ) -> list[dict[str, Any]]:
        """The answers to several calls of one procedure, one after the other in one session. Raises CommandError."""

        async def job(session: AutobahnSession) -> list[dict[str, Any]]:
            answers: list[dict[str, Any]] = []
            for args, kwargs in calls:
                answers.append(await self.request(session, name, *args, **kwargs))
                on_answer(answers[-1])
            return answers

        return with_session(self.server, job)

    def pages(self, name: str, key: str, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """All entries of a list that comes in pages, under this key of the answers. Raises CommandError."""

        async def job(session: AutobahnSession) -> list[dict[str, Any]]:
            entries: list[dict[str, Any]] = []
            while True:
                page = await self.request(session, name, *args, **kwargs)
                entries += page[key]
                if page["after"] is None:
                    return entries
                kwargs["after"] = page["after"]

        return with_session(self.server, job)

    def work(self, job: Callable[[AutobahnSession], Awaitable[T]]) -> T:
        """Do a job with a session of its own. Raises CommandError."""
        return with_session(self.server, job)

    async def request(self, session: AutobahnSession, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """One call of a procedure of the service. Raises Refusal, and what ends the session."""
        try:
            return await request(session, f"{self._service}.{name}", *args, **kwargs)
        except CallFailed as error:
            raise Refusal(error.uri, _line(error, self.server)) from None

    # --- answering ----------------------------------------------------------------------------

    def answer(self, text: str, facts: dict[str, Any]) -> None:
        """The answer for people, or the facts as JSON."""
        if self.as_json:
            print(json.dumps(facts))
        elif text:
            print(text)

    def table(self, key: str, entries: list[dict[str, Any]], columns: Sequence[str]) -> None:
        """Entries, a line each; as JSON one document with all that is known of them under this key."""
        self.listing(key, entries, ([_cell(entry.get(column)) for column in columns] for entry in entries))

    def listing(
        self, key: str, entries: list[dict[str, Any]], rows: Iterable[Sequence[str]], *, none: str | None = None
    ) -> None:
        """The same, with rows that are made of the entries. Beside it, why it may be shorter than expected."""
        self.answer(aligned(rows), {key: entries})
        if self.as_json:
            return
        if not entries:
            note(none or f"there are no {key} that you may see")
        if self.server.token is None:
            note(f"these are the {key} that everybody may see; {_NO_TOKEN}")

    def change(self, change: Change, done: str, dry_run: bool = False) -> None:
        """Make a change and say so, or what it would end; also who keeps a right that was revoked."""
        applied = self.call("apply", [change], dry_run=dry_run)
        lines = [*kept(applied), would_end(applied)] if dry_run else kept(applied) or [done]
        self.answer("\n".join(lines), {**change, **applied})


def asking(
    *examples: str, service: str = PERMISSIONS
) -> Callable[[Callable[Concatenate[Asking, P], None]], Callable[..., None]]:
    """Make it a command with the options that all of these commands have, and these examples in its help."""

    def make(command: Callable[Concatenate[Asking, P], None]) -> Callable[..., None]:
        def run(as_json: bool, url: str, token_file: Path | None, **given: Any) -> None:
            try:
                command(Asking(server_of(url, token_file), as_json, service), **given)  # type: ignore[call-arg]
            except CommandError as error:
                if as_json:
                    print(json.dumps({"error": {"uri": getattr(error, "uri", ""), "text": str(error)}}))
                raise

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        shared = inspect.signature(_options, eval_str=True).parameters.values()
        parameters = [*own, *shared]
        run.__name__ = command.__name__
        run.__doc__ = "\n".join([inspect.getdoc(command) or "", "", _UNWRAPPED, "Examples:", *examples])
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run

    return make


_UNWRAPPED = "\b"
"""Tells the printer of the help that the lines behind it are lines."""


def _options(
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """The options that `asking` adds."""


# ---------------------------------------------------------------- the server's answers in words


def kept(applied: dict[str, Any]) -> list[str]:
    """A line for everybody who keeps a right that was revoked, though it may have left the role."""
    return [
        f"{each['user']} is no longer in {each['object']}, but can still {each['level']} it: {each['why']}"
        if each.get("left")
        else f"{each['user']} can still {each['level']} {each['object']}: {each['why']}"
        for each in applied["still"]
    ]


def would_end(rehearsed: dict[str, Any]) -> str:
    """What a dry run has counted: "would end 312 subscriptions of 9 users, 3 registrations"."""
    counts = rehearsed["would_end"]
    kinds = ("subscription", "registration", "call", "session")
    parts = [plural(counts[f"{kind}s"], kind) for kind in kinds if counts[f"{kind}s"]]
    if not parts:
        return "would end nothing that is live"
    return ", ".join([f"would end {parts[0]} of {plural(counts['users'], 'user')}", *parts[1:]])


def aligned(cells: Iterable[Sequence[str]]) -> str:
    """Rows of cells as lines, the columns below each other. What moves a cursor is escaped: names are anybody's."""
    rows = [[printable(cell) for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _line(error: CallFailed, server: Server) -> str:
    """The error, and what to do about it where that is one thing."""
    if error.uri == "fairlead.error.no_such_user":
        return f"{error}; `fairlead user add USER` makes a user, and so does `fairlead token USER --create`"
    if error.uri == NOT_AUTHORIZED and server.token is None:
        return f"{error}; {_NO_TOKEN}"
    return str(error)
