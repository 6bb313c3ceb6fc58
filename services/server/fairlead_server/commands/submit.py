"""`fairlead submit`: has a command run as a container, by whatever dispatcher takes it."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead_client import Added, Changed, Removed, Revoked
from fairlead_client.asyncio import Connection, watch
from fairlead_client.calling import ask
from fairlead_client.requests import given
from fairlead_server.commands._containers import FINAL, state_text
from fairlead_server.commands._lasting import lasting, run_lasting
from fairlead_server.commands._notes import note
from fairlead_server.commands._pairs import pairs_of
from fairlead_server.commands._sizes import bytes_of
from fairlead_server.connect import (
    DEFAULT_URL,
    Server,
    TokenFileOption,
    UrlOption,
    server_of,
)
from fairlead_server.errors import EXIT_ERROR, CommandError

CANCELLED = EXIT_ERROR
"""The status of a wait for a container that was cancelled before it had one."""


def submit(  # noqa: PLR0913 (one parameter an option)
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command to run.")],
    id_: Annotated[str | None, typer.Option("--id", metavar="ID", help="Its id; a new one if not given.")] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What people call it.")] = "",
    priority: Annotated[int, typer.Option("--priority", metavar="N", min=0, help="Higher ones first; 0: held.")] = 1,
    project: Annotated[
        str | None, typer.Option("--project", metavar="P", help="The project that it belongs to.")
    ] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="What says who may see it; its own if not given.")
    ] = None,
    vcpus: Annotated[float | None, typer.Option("--vcpus", metavar="N", min=0, help="It needs so many.")] = None,
    ram: Annotated[str | None, typer.Option("--ram", metavar="SIZE", help="And so much: 4GB.")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="K=V", help="For its environment; may be repeated.")
    ] = None,
    cwd: Annotated[Path | None, typer.Option("--cwd", metavar="DIR", help="Where it runs.")] = None,
    attempts: Annotated[
        int | None, typer.Option("--attempts", metavar="N", min=1, max=100, help="Tried so often if it gets lost.")
    ] = None,
    reuse: Annotated[bool, typer.Option("--reuse", help="One that runs or ran the same will do.")] = False,
    parent: Annotated[
        str | None, typer.Option("--parent", metavar="ID", help="The container that asks: its end ends this.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended, and end as it did.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Have COMMAND run as a container; its id is printed. `fairlead logs -f ID` shows its output.

    With --attempts, --reuse or --parent it is a request, whose container is printed; other containers may follow it.
    """
    constraints = given(vcpus=vcpus, ram=None if ram is None else float(bytes_of(ram, "--ram")))
    about = given(
        id=id_,
        name=name or None,
        priority=priority,
        project=project,
        object=object_id,
        constraints=constraints or None,
        environment=pairs_of(env, "--env") if env else None,
        cwd=None if cwd is None else str(cwd.resolve()),
        attempts=attempts,
        reuse=reuse or None,
        parent=parent,
    )
    is_request = attempts is not None or reuse or parent is not None
    if is_request and priority == 0:
        raise CommandError("--priority 0 holds a container, and with --attempts, --reuse or --parent nobody wants one")
    server = server_of(url, token_file)
    raise typer.Exit(
        run_lasting(_submit(server, command, about, is_request=is_request, waits=wait, as_json=as_json), server)
    )


async def _submit(
    server: Server, command: list[str], about: dict[str, Any], *, is_request: bool, waits: bool, as_json: bool
) -> int:
    connection = lasting(server)
    try:
        procedure = "fairlead.container.request" if is_request else "fairlead.container.create"
        answer = dict(await ask(connection, procedure, command, **about))
        container = str(answer["container"] if is_request else answer["id"])
        if as_json:
            print(json.dumps(answer), flush=True)
        else:
            print(container, flush=True)
            if is_request:
                note(f"request {answer['request']}: container {container} is {answer['state']}")
        return await _wait(connection, str(answer["request"]) if is_request else container) if waits else 0
    finally:
        await connection.close()


async def _wait(connection: Connection, id_: str) -> int:
    """Until a container or request has ended; its status."""
    async with aclosing(watch(connection, id=id_)) as items:
        async for item in items:
            if isinstance(item, (Removed, Revoked)):
                raise CommandError(f"{id_} is gone, or may not be read any more")
            if isinstance(item, (Added, Changed)):
                state = item.entry.state
                if state["state"] in (*FINAL, "Final"):
                    note(f"{id_} is {state_text(state)}" + (f": {state['reason']}" if state.get("reason") else ""))
                    exit_code = state.get("exit_code")
                    return CANCELLED if exit_code is None else int(exit_code)
    raise AssertionError("a watch has no end of its own")
