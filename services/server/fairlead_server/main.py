"""The `fairlead` command: which subcommands there are, and what becomes of their errors.

Only the module of the subcommand that was asked for is imported, by name from the table below: importing all of them
would cost `fairlead logs` the server's second of imports. That is why this module imports so little, and why help is
printed without rich (0.1 s).

Rules: a mistake of the user, of the environment or of the server that we talk to is a `CommandError`, printed as one
line with status 125; wrong options are reported by typer with status 2; anything else is a bug of ours, shown with its
traceback and a request to report it.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, NoReturn

import typer

from fairlead_server import VERSION
from fairlead_server.errors import EXIT_ERROR, EXIT_INTERRUPTED, CommandError


class Subcommand(NamedTuple):
    """A row of the table: where the function is, or the application of several, and the line that describes it."""

    target: str
    summary: str


SUBCOMMANDS = {
    "serve": Subcommand("fairlead_server.serve:serve", "Run the server: WebSocket, page and health on one port."),
    "demo": Subcommand("fairlead_server.demo:demo", "Try it: a server, two users and three commands with live logs."),
    "run": Subcommand("fairlead_server.commands.run:run", "Run a command; its output is a live log."),
    "logs": Subcommand("fairlead_server.commands.logs:logs", "Show a log, or follow it with -f."),
    "streams": Subcommand("fairlead_server.commands.streams:application", "List logs; set what is kept; delete them."),
    "cursor": Subcommand("fairlead_server.commands.cursors:application", "Show and move consumers' places in logs."),
    "submit": Subcommand("fairlead_server.commands.submit:submit", "Have a command run as a container."),
    "ps": Subcommand("fairlead_server.commands.ps:ps", "List containers; follow them with --watch."),
    "cancel": Subcommand("fairlead_server.commands.cancel:cancel", "End containers, or requests for them."),
    "dispatch": Subcommand("fairlead_server.commands.dispatch:dispatch", "Run containers on this machine."),
    "watch": Subcommand("fairlead_server.commands.watch:watch", "Show records, then every change of them."),
    "record": Subcommand("fairlead_server.commands.record:application", "Put, get, list and delete records."),
    "import": Subcommand("fairlead_server.commands.importing:import_files", "Put existing log files into a log."),
    "export": Subcommand("fairlead_server.commands.exporting:export", "Write a log to a file or a directory."),
    "journald": Subcommand("fairlead_server.commands.journald:journald", "Follow the systemd journal into a log."),
    "syslog": Subcommand("fairlead_server.commands.syslog:syslog", "Take syslog messages into a log."),
    "grant": Subcommand("fairlead_server.commands.permissions:grant", "Give a user a level on an object."),
    "revoke": Subcommand("fairlead_server.commands.permissions:revoke", "Take a level on an object from a user."),
    "can": Subcommand("fairlead_server.commands.permissions:can", "Say whether a user has a level on an object."),
    "who": Subcommand("fairlead_server.commands.permissions:who", "List the users who have a level on an object."),
    "token": Subcommand("fairlead_server.commands.tokens:token", "Make, list, change and end tokens."),
    "user": Subcommand("fairlead_server.commands.users:application", "Make, list, merge and end users."),
    "group": Subcommand("fairlead_server.commands.objects:groups", "Make, list and change roles, projects, filters."),
    "object": Subcommand("fairlead_server.commands.objects:objects", "Make, list and change all other things."),
    "apply": Subcommand("fairlead_server.commands.apply:apply", "Make the changes in a file, all or none."),
    "sessions": Subcommand("fairlead_server.commands.watching:sessions", "List who is connected."),
    "audit": Subcommand("fairlead_server.commands.watching:audit", "List who changed what, and when."),
    "outbox": Subcommand("fairlead_server.commands.outbox:application", "Follow a PostgreSQL table as records."),
    "arvados": Subcommand(
        "fairlead_server.commands.arvados:application", "Take over an Arvados cluster's permissions."
    ),
}


_TAKES_A_COMMAND = frozenset({"run", "submit", "dispatch"})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process with its status."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        application(given)(given, prog_name="fairlead")
    except CommandError as error:
        print(f"fairlead: {error}", file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:  # while a subcommand is being imported; later typer or the subcommand takes it
        sys.exit(EXIT_INTERRUPTED)
    except Exception:  # noqa: BLE001 - the edge of the process: shown whole, below
        traceback.print_exc()
        print("fairlead: this is a bug in Fairlead: please report it with the lines above", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    raise AssertionError("typer ends the process itself")


def application(arguments: Sequence[str]) -> typer.Typer:
    """The typer application with the one subcommand loaded that `arguments` ask for."""
    built = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    built.callback()(_options_of_all)
    for name, subcommand in SUBCOMMANDS.items():
        loaded = load(subcommand.target) if arguments[0] == name else _not_loaded
        if isinstance(loaded, typer.Typer):
            built.add_typer(loaded, name=name, short_help=subcommand.summary)
            continue
        # Options end where the command that is to be run begins, so that it keeps its own.
        settings = {"allow_interspersed_args": False} if name in _TAKES_A_COMMAND else None
        built.command(name, short_help=subcommand.summary, context_settings=settings)(loaded)
    return built


def load(target: str) -> Callable[..., Any] | typer.Typer:
    """The function or application that "module:name" means."""
    module, _, name = target.partition(":")
    found: Callable[..., Any] | typer.Typer = getattr(importlib.import_module(module), name)
    return found


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"fairlead {VERSION}")
        raise typer.Exit


def _options_of_all(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show it.")
    ] = False,
) -> None:
    """Live logs that only those see who may: a WAMP router with permissions and durable streams."""


def _not_loaded() -> None:
    raise AssertionError("a subcommand runs only when it was the first argument")
