"""`fairlead serve`: the process around a server, from its options to its end.

SIGTERM and SIGINT end it in order (GOODBYE to all, what is being written is finished) with status 0; a second one ends
it at once, as a kill -9 would, which loses nothing acknowledged either.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from fairlead_server.address import Address
from fairlead_server.composition import Server
from fairlead_server.config import Config, load
from fairlead_server.http import WEBSOCKET_PATH

# Threads that read and write the stores share the interpreter with the loop. At Python's 5 ms a thread that computes
# keeps the loop, and so every event, waiting for that long each time.
SWITCH_INTERVAL_S = 0.0001

# Logs and tokens are nobody else's business, whatever the umask of whoever starts the server.
PRIVATE_UMASK = 0o077

# Peers have 5 s to answer GOODBYE (the router's close_timeout_s); what takes longer than this has gone wrong.
STOP_LIMIT_S = 20.0

# How soon the end of a parent is noticed: a supervisor that is started again finds the data directory free by then.
PARENT_CHECK_S = 0.25

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_BY_SIGNAL = 128


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
    """Run the server until SIGTERM or Ctrl-C.

    Without a configuration it serves this machine only, and only who has a token: that of the user admin is in the
    data directory, where commands on this machine find it.
    """
    parent = os.getppid() if exit_with_parent else None
    settings = load(config, listen=listen, data=data, is_open=open_)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(PRIVATE_UMASK)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, parent))


async def _serve(config: Config, parent: int | None) -> None:
    stopped = _stop_signals()
    if parent is not None:
        _end_after(parent)
    server = await Server.open(config)
    try:
        _say_ready(config, server)
        _freeze()
        await stopped.wait()
    finally:
        await server.close()


def _stop_signals() -> asyncio.Event:
    """The event that the first signal sets; the second one ends the process."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def end_now(number: int, why: str) -> None:
        print(f"fairlead: stopped at once: {why}", file=sys.stderr, flush=True)
        os._exit(EXIT_BY_SIGNAL + number)

    def on_signal(number: int) -> None:
        if stopped.is_set():
            end_now(number, "a second signal")
        stopped.set()
        loop.call_later(STOP_LIMIT_S, end_now, number, f"an orderly end took more than {STOP_LIMIT_S:g} s")

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    return stopped


def _end_after(parent: int) -> None:
    """Ends us as SIGTERM does once the parent is another: ours has ended then, however it did."""
    if os.getppid() == parent:
        asyncio.get_running_loop().call_later(PARENT_CHECK_S, _end_after, parent)
    else:
        signal.raise_signal(signal.SIGTERM)


def _freeze() -> None:
    """Takes what lives as long as the process (modules, tables, the permission graph) out of every later collection.

    A full collection right after the start takes 40 ms, in which no event goes out; afterwards it takes none.
    """
    gc.collect()
    gc.freeze()


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
        print("fairlead: --open: everybody on this machine may do everything", file=sys.stderr, flush=True)
    if not server.has_page:
        print("fairlead: the page is not built; in a checkout, `make web` builds it", file=sys.stderr, flush=True)
