"""Attending the command of `fairlead run`: from its start until everything that it wrote has been read.

Signals that we get go to the command; afterwards, while the log is being delivered, they mean that nobody wants to
wait any longer.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from fairlead_client.writer import LogWriter
from fairlead_server.commands._child import Child
from fairlead_server.commands._echo import Echo, in_loop
from fairlead_server.commands._keyboard import Keyboard
from fairlead_server.commands._notes import note
from fairlead_server.commands._pump import Pipe, Pump

# How long its pipes are read after the command has ended while something that it started holds them open, silently.
LEFT_OPEN_S = 2.0

_ECHO_TO = {"stdout": 1, "stderr": 2}

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGTSTP,
)
# A resized window is no wish to stop.
_STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


class Attendant:
    """Runs one command into one log, and takes signals until its `signals` block ends."""

    def __init__(self, linger_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._linger_s = linger_s
        self._child: Child | None = None
        self._child_ended = asyncio.Event()
        self._pump: Pump | None = None
        self._echo: Echo | None = None
        self._keyboard: Keyboard | None = None
        self.is_echo_finished = asyncio.Event()
        self.is_interrupted = asyncio.Event()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Takes the signals that concern the command. One that was ignored when we were started stays so (nohup)."""
        passed_on = [number for number in _PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
        for number in passed_on:
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._loop.add_signal_handler(signal.SIGCHLD, self._on_child)
        self._loop.add_signal_handler(signal.SIGCONT, self._on_continue)
        try:
            yield
        finally:
            for number in (*passed_on, signal.SIGCHLD, signal.SIGCONT):
                self._loop.remove_signal_handler(number)

    async def run(self, command: Sequence[str], writer: LogWriter, *, is_quiet: bool, has_terminal: bool) -> int:
        """Starts the command and reads it to its end; its exit status. Raises CommandError when it cannot start."""
        child = self._child = Child.start_on_terminal(command) if has_terminal else Child.start(command)
        if not is_quiet:
            self._echo = Echo(in_loop(self._loop, self.on_room))
        pipes = [Pipe(descriptor, source, _ECHO_TO[source]) for source, descriptor in child.outputs.items()]
        self._pump = Pump(pipes, writer, self._echo)
        with self._typing(child.outputs["stdout"]) if has_terminal else nullcontext():
            self._on_child()
            await self._child_ended.wait()
            await self._read_to_end(self._pump)
        self._finish_echo()
        assert child.status is not None, "it has ended"
        return child.status

    @contextmanager
    def _typing(self, master: int) -> Iterator[None]:
        self._keyboard = Keyboard(master)
        try:
            self._keyboard.start()
            yield
        finally:
            self._keyboard.close()
            self._keyboard = None

    def on_room(self) -> None:
        """Log or echo may have room again."""
        if self._pump is not None:
            self._pump.resume()

    async def _read_to_end(self, pump: Pump) -> None:
        """What the command wrote is in the pipes still; what it started may keep them open for ever."""
        ended_s = self._loop.time()
        while not pump.ended.is_set():
            patient_until_s = ended_s + self._linger_s
            if pump.is_reading:
                patient_until_s = max(ended_s, pump.last_read_s) + LEFT_OPEN_S
            left_s = patient_until_s - self._loop.time()
            if left_s <= 0:
                note("the command has ended, but something that it started has not: its further output is not read")
                pump.stop()
            else:
                await _wait(pump.ended, left_s)

    def _finish_echo(self) -> None:
        if self._echo is None:
            self.is_echo_finished.set()
        else:
            self._echo.finish(in_loop(self._loop, self.is_echo_finished.set))

    def _on_child(self) -> None:
        if self._child is not None and self._child.look() is not None:
            self._child_ended.set()

    def _on_continue(self) -> None:
        if self._child is not None:
            self._child.woken()
        if self._keyboard is not None:
            self._keyboard.start()

    def _on_signal(self, number: int) -> None:
        if self._keyboard is not None and number == signal.SIGWINCH:
            self._keyboard.resize()
        elif self._keyboard is not None and number == signal.SIGTSTP:
            self._keyboard.pause()
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self._child is not None and self._child.status is None:
            self._child.send(number)
        elif number in _STOPPING:
            self.is_interrupted.set()
        elif number == signal.SIGTSTP:
            os.kill(os.getpid(), signal.SIGSTOP)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
