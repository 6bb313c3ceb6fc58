"""What signals do to a server: SIGTERM and SIGINT end it, SIGHUP has it read its configuration again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

# Peers have 5 s to answer GOODBYE (the router's close_timeout_s); what takes longer than this has gone wrong.
STOP_LIMIT_S = 20.0

# How soon the end of a parent is noticed: a supervisor that is started again finds the data directory free by then.
PARENT_CHECK_S = 0.25

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_BY_SIGNAL = 128


def stop_signals() -> asyncio.Event:
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


def end_in_order() -> None:
    """As SIGTERM does."""
    signal.raise_signal(signal.SIGTERM)


def end_after(parent: int) -> None:
    """Ends us once the parent is another: ours has ended then, however it did."""
    if os.getppid() == parent:
        asyncio.get_running_loop().call_later(PARENT_CHECK_S, end_after, parent)
    else:
        end_in_order()


def on_hangup(reload: Callable[[], None] | None) -> None:
    """SIGHUP asks for `reload`; it ends a server that has nothing to reload, or whose terminal was closed.

    Who has us ignore it, as nohup does, is obeyed.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    had_terminal = _has_terminal()

    def hung_up() -> None:
        if reload is None or (had_terminal and not _has_terminal()):
            end_in_order()
        else:
            reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
