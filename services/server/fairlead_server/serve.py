"""`fairlead serve`: the process around a server, from its options to its end.

SIGTERM and SIGINT end it in order (GOODBYE to all, what is being written is finished) with status 0; a second one ends
it at once, as a kill -9 would, which loses nothing acknowledged either. SIGHUP has it read its configuration again: who
may join, the permissions of `[[realms]]` and `[[rules]]` are those of the file from then on.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from fairlead_server.address import Address
from fairlead_server.composition import Server
from fairlead_server.config import Config, load
from fairlead_server.config.reloading import TAKEN_OVER
from fairlead_server.errors import CommandError, ConfigError
from fairlead_server.http import WEBSOCKET_PATH
from fairlead_server.signals import end_after, on_hangup, stop_signals

# Threads that read and write the stores share the interpreter with the loop. At Python's 5 ms a thread that computes
# keeps the loop, and so every event, waiting for that long each time.
SWITCH_INTERVAL_S = 0.0001

# Objects made, less those freed, before the collector looks at the young ones. Calls that wait for one commit are
# thousands: with Python's 700 a quarter of the CPU of 3 000 appends/s to as many streams went into looking at them.
YOUNG_OBJECTS = 10_000

# Logs and tokens are nobody else's business, whatever the umask of whoever starts the server.
PRIVATE_UMASK = 0o077

LOST = (
    "another Fairlead has taken over the permissions while this one could not reach their database: "
    "what it knew is old, so it ends; it may be started again"
)


def serve(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The configuration, in TOML; deploy/fairlead.toml shows all of it."),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; 127.0.0.1:8080 if nothing says otherwise.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data directory; .fairlead by default.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Let everybody do everything, for trials; on loopback only.")
    ] = False,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="End, in order, when the process that started it has ended.")
    ] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C; SIGHUP has it take over users and rights of a changed file.

    Without a configuration it serves this machine only, and only who has a token: that of the user admin is in the
    data directory, where commands on this machine find it.
    """
    parent = os.getppid() if exit_with_parent else None
    read = partial(load, config, listen=listen, data=data, is_open=open_)
    settings = read()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(PRIVATE_UMASK)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, read, config, parent))


async def _serve(settings: Config, read: Callable[[], Config], file: Path | None, parent: int | None) -> None:
    stopped = stop_signals()
    if parent is not None:
        end_after(parent)
    server = await Server.open(settings)
    try:
        on_hangup(None if file is None else partial(_reload, server, read, file))
        _say_ready(settings, server)
        _spare_collections()
        server.on_taken_over = stopped.set
        if not server.is_taken_over:
            await stopped.wait()
    finally:
        await server.close()
    if server.is_taken_over:
        raise CommandError(LOST)


def _reload(server: Server, read: Callable[[], Config], file: Path) -> None:
    """Takes over what it can of the file; one that is wrong changes nothing."""
    try:
        others = server.reload(read())
    except ConfigError as error:
        _say(f"not reloaded: {error}")
        return
    _say(f"{file}: reloaded {TAKEN_OVER}")
    if others:
        _say(f"{file}: {', '.join(others)}: other changes there take a restart")


def _say(text: str) -> None:
    print(f"fairlead: {text}", file=sys.stderr, flush=True)


def _spare_collections() -> None:
    """Takes what lives as long as the process (modules, tables, the permission graph) out of every later collection.

    A full collection right after the start takes 40 ms, in which no event goes out; afterwards it takes none. Young
    objects are collected more rarely: of what waits for a commit Python's default has each walked again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _say_ready(config: Config, server: Server) -> None:
    """One line for who waits for it; a program that reads it finds the port there."""
    address = Address(config.address.host, server.port)
    text = f"Fairlead is listening on http://{address}/ (WebSocket: ws://{address}{WEBSOCKET_PATH})"
    text = ", ".join((text, *server.other_endpoints))
    try:
        print(text, flush=True)
    except OSError:  # nobody reads, as after `serve | head`: no reason to stop
        sys.stdout = None
    if config.open:
        _say(f"--open: everybody on this machine may do everything in the realm {config.realm!r}")
    if not server.has_page:
        _say("the page is not built; in a checkout, `make web` builds it")
