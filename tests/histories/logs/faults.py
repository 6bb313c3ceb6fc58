"""What goes wrong meanwhile: of servers, of the network, of clocks, of clients."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from random import Random

from histories.logs.stage import STREAMS, USERS, Place, Stage
from histories.peer import now_s

Fault = Callable[[Place], Awaitable[None]]

KINDS = (
    "server_killed",
    "server_stopped",
    "clock_stepped",
    "network_black",
    "network_deaf",
    "connections_reset",
    "connections_vanished",
    "client_stopped",
    "client_killed",
)
"""What can go wrong: each is a method of Faults."""

PAUSE_S = (0.3, 0.9)
BETWEEN_S = 0.4


class Faults:
    """One fault after the other, in an order of their own; each as often as any other."""

    def __init__(self, stage: Stage, kinds: tuple[str, ...], between_s: float) -> None:
        self._stage = stage
        self._random: Random = stage.random("faults")

        self._kinds = kinds
        self._between_s = between_s
        self._waiting: list[str] = []

    async def play(self, until_s: float) -> None:
        """Until this time; the last one is ended, too."""
        made = self._stage.history.faults
        while now_s() < until_s:
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * self._between_s)
            self._waiting = self._waiting or self._random.sample(self._kinds, len(self._kinds))
            kind = self._waiting.pop()
            fault: Fault = getattr(self, kind)
            await fault(self._random.choice(self._stage.places))
            made[kind] = made.get(kind, 0) + 1

    async def server_killed(self, place: Place) -> None:
        """`kill -9`, and started again."""
        await place.server.kill()
        await place.server.start()

    async def server_stopped(self, place: Place) -> None:
        """SIGSTOP: its connections are there, and nothing comes."""
        place.server.send_signal(signal.SIGSTOP)
        await self._pause()
        place.server.send_signal(signal.SIGCONT)

    async def clock_stepped(self, place: Place) -> None:
        """Forward, or back: serve.py says how far."""
        place.server.send_signal(signal.SIGUSR1)

    async def network_black(self, place: Place) -> None:
        """Nothing gets through, in either direction."""
        place.network.hold()
        await self._pause()
        place.network.release()

    async def network_deaf(self, place: Place) -> None:
        """Nothing gets to the clients."""
        place.network.to_client.hold()
        await self._pause()
        place.network.release()

    async def connections_reset(self, place: Place) -> None:
        """RST."""
        place.network.reset()

    async def connections_vanished(self, place: Place) -> None:
        """Half open: the clients are gone, and the server hears nothing of it for a while."""
        place.network.vanish()
        await self._pause()
        place.network.release()

    async def client_stopped(self, _place: Place) -> None:
        """SIGSTOP to one of the programs."""
        process = self._program()
        if process is not None:
            process.send_signal(signal.SIGSTOP)
            await self._pause()
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)

    async def client_killed(self, _place: Place) -> None:
        """SIGKILL to one of the programs."""
        process = self._program()
        if process is not None:
            process.send_signal(signal.SIGKILL)

    def _program(self) -> asyncio.subprocess.Process | None:
        running = [each for each in self._stage.processes.values() if each.returncode is None]
        return self._random.choice(running) if running else None

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(*PAUSE_S))


class Administrator:
    """Takes the rights of users, and gives them back; in the end everybody has them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._random = stage.random("administrator")

    async def play(self) -> None:
        held = {(user, stream): True for user in USERS for stream in STREAMS}
        while not self._stage.over.is_set():
            await asyncio.sleep(self._random.uniform(0.05, 0.4))
            pair = self._random.choice(list(held))
            held[pair] = not held[pair]
            await self._stage.change_right("grant" if held[pair] else "revoke", *pair)
        for pair, has in held.items():
            if not has:
                await self._stage.change_right("grant", *pair)
