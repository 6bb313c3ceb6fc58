"""`fairlead dispatch`: takes containers off the queue and runs them on this machine, each with a live log.

Any number of them may be on one queue. Each has a name, under which it finds again what it had when it is started anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import typer

from fairlead_client.asyncio import Dispatcher
from fairlead_common.ids import check_id
from fairlead_router import InvalidArgument
from fairlead_server.commands._lasting import lasting, run_lasting
from fairlead_server.commands._notes import note, printable
from fairlead_server.commands._processes import Processes
from fairlead_server.commands._sizes import bytes_of
from fairlead_server.connect import (
    DEFAULT_URL,
    Server,
    TokenFileOption,
    UrlOption,
    server_of,
)
from fairlead_server.errors import EXIT_INTERRUPTED, CommandError

GRACE_S = 10.0
LEASE_S = 30.0

_WORDS = {
    "taken": "{id}: taken: {command}",
    "started": "{id}: running",
    "killing": "{id}: ending it",
    "ended": "{id}: ended with status {exit_code}",
    "reported": "{id}: {state}",
    "given back": "{id}: given back",
    "lost": "{id}: not ours any more: {reason}",
    "refused": "{id}: {reason}",
    "anew": "the queue is told anew: {reason}",
}


def dispatch(  # noqa: PLR0913 (one parameter an option)
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="Put before each container's command: a wrapper."),
    ] = None,
    slots: Annotated[int, typer.Option("--slots", metavar="N", min=1, help="So many containers at once.")] = 1,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name; this machine's if not given.")
    ] = None,
    vcpus: Annotated[
        float | None, typer.Option("--vcpus", metavar="N", min=0, help="Take what fits into so many.")
    ] = None,
    ram: Annotated[str | None, typer.Option("--ram", metavar="SIZE", help="And into so much: 16GB.")] = None,
    grace: Annotated[
        float, typer.Option("--grace", metavar="S", min=0, help="Seconds between SIGTERM and SIGKILL.")
    ] = GRACE_S,
    lease: Annotated[
        float, typer.Option("--lease", metavar="S", min=1, max=3600, help="Unheard for so long, it has nothing.")
    ] = LEASE_S,
    drain: Annotated[bool, typer.Option("--drain", help="On Ctrl-C wait for what runs instead of ending it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say what happens as JSON, on stdout.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Take containers off the queue and run their commands here.

    Ctrl-C, or SIGTERM: it takes no more, ends what runs and reports it; a second one ends it at once.
    """
    own_name = _own_name() if name is None else _checked_name(name)
    plan = _Plan(command or [], slots, own_name, _resources(vcpus, ram), grace, lease, drain)
    server = server_of(url, token_file)
    raise typer.Exit(run_lasting(_dispatch(server, plan, as_json=as_json), server))


class _Plan(NamedTuple):
    """What the options come to."""

    prefix: list[str]
    slots: int
    name: str
    resources: Mapping[str, float] | None
    grace_s: float
    lease_s: float
    drains: bool


def _resources(vcpus: float | None, ram: str | None) -> dict[str, float] | None:
    """None: whatever it is, it fits."""
    if vcpus is None and ram is None:
        return None
    given = {"vcpus": vcpus, "ram": None if ram is None else float(bytes_of(ram, "--ram"))}
    return {name: float("1e18") if amount is None else amount for name, amount in given.items()}


def _checked_name(name: str) -> str:
    """Raises CommandError."""
    try:
        return check_id("--name", name)
    except InvalidArgument as error:
        raise CommandError(str(error)) from None


def _own_name() -> str:
    """The machine's, with what no id has put aside."""
    return (
        "".join(each if each.isalnum() or each in "_-" else "-" for each in socket.gethostname())[:100] or "dispatcher"
    )


async def _dispatch(server: Server, plan: _Plan, *, as_json: bool) -> int:
    connection = lasting(server, "what runs goes on until its lease ends")
    processes = Processes(connection, plan.prefix, plan.grace_s)
    dispatcher = Dispatcher(
        connection,
        plan.name,
        processes,
        slots=plan.slots,
        resources=plan.resources,
        lease_s=plan.lease_s,
        on_event=_say_as_json if as_json else _say,
    )
    stops = _Stops(dispatcher, drains=plan.drains)
    stops.listen()
    what = "1 container" if plan.slots == 1 else f"{plan.slots} containers"
    note(f"dispatcher {plan.name} takes up to {what} at once from {server.url}")
    try:
        await dispatcher.run()
        await processes.close()
    finally:
        await connection.close()
    return EXIT_INTERRUPTED if stops.is_interrupted else 0


class _Stops:
    """What signals mean."""

    def __init__(self, dispatcher: Dispatcher, *, drains: bool) -> None:
        self._dispatcher = dispatcher
        self._drains = drains
        self._count = 0
        self.is_interrupted = False

    def listen(self) -> None:
        """From now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop, number)

    def _stop(self, number: int) -> None:
        self._count += 1
        self.is_interrupted = self.is_interrupted or number == signal.SIGINT
        running = len(self._dispatcher.mind.jobs)
        if self._count > 1:
            self._dispatcher.kill()
            os._exit(EXIT_INTERRUPTED)
        if self._drains:
            note(f"it takes no more, and waits for what runs ({running}); once more ends that at once")
            self._dispatcher.drain()
        else:
            note(f"it takes no more, and ends what runs ({running}); once more ends it at once")
            self._dispatcher.stop()


def _say(what: str, id_: str, about: Mapping[str, Any]) -> None:
    values = {**about, "id": id_}
    if "command" in values:
        values["command"] = " ".join(values["command"])
    note(printable(_WORDS[what].format_map(values)))


def _say_as_json(what: str, id_: str, about: Mapping[str, Any]) -> None:
    print(json.dumps({"event": what, "id": id_, **about}), flush=True)
