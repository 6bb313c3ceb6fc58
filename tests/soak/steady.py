"""Steady peers: they stay for the whole soak, and everything that they are promised is checked."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from support.attending import Attended, join

PACE_S = 0.02
ANSWER_S = 5.0
"""No answer may take so long, whatever others do."""
TOPIC, PROCEDURE = "steady.topic", "steady.procedure"


class Steady:
    """A publisher that numbers its events and calls a procedure; a subscriber and callee on another transport."""

    def __init__(self, port: int) -> None:
        self.rounds = 0
        self.longest_s = 0.0
        self._port = port

    async def run(self, over: asyncio.Event) -> None:
        """Until `over` is set. Raises AssertionError when a promise is broken."""
        async with await join(self._port) as near, await _Answering.join(self._port, "rawsocket") as far:
            assert (await far.ask(32, {}, TOPIC))[0] == 33
            assert (await far.ask(64, {"force_reregister": True}, PROCEDURE))[0] == 65
            while not over.is_set():
                before_s = time.monotonic()
                async with asyncio.timeout(ANSWER_S):
                    await self._round(near)
                self.longest_s = max(self.longest_s, time.monotonic() - before_s)
                assert far.numbers == self.rounds, f"event {self.rounds} was lost, doubled or late: {far.numbers}"
                await asyncio.sleep(PACE_S)

    async def _round(self, near: Attended) -> None:
        """The event comes before the invocation, since both have one publisher, and one receiver (R1)."""
        self.rounds += 1
        published = near.start(16, {"acknowledge": True}, TOPIC, [self.rounds])
        result = await near.ask(48, {}, PROCEDURE, [self.rounds])
        assert result[0] == 50, result
        assert result[3] == [self.rounds], result
        assert (await published)[0] == 17


class _Answering(Attended):
    """Counts the events that come in their order, and answers with what it was given."""

    numbers = 0

    def hear(self, message: list[Any]) -> None:
        if message[0] == 36:
            self.numbers += message[4] == [self.numbers + 1]
        elif message[0] == 68:
            self.client.send([70, message[1], {}, message[4]])
