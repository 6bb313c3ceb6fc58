"""Viewers of one log, who see that each has every line once, and how long the last of them waits for it."""

from __future__ import annotations

import time
from collections import Counter

from bench.load.dialects.wamp import SUBSCRIBED, TEXT, Session, UnexpectedMessageError

_HEAD_BYTES = 160
"""Where the first number of a batch is found: behind ids and details."""


class Audience:
    """All viewers of one log, and where they stand."""

    def __init__(self, viewers: int) -> None:
        self.received = 0
        """Lines, over all viewers."""
        self.disordered = 0
        """Batches that did not begin where the one before ended."""
        self.closed = 0
        self.lags_s: list[float] = []
        """From sending an append to the last viewer that has it."""
        self._sent: dict[int, float] = {}
        self._standing: Counter[int] = Counter({0: viewers})
        self._slowest = 0

    def sent(self, following: int) -> None:
        """The lines before `following` are on their way."""
        self._sent[following] = time.perf_counter()

    def advanced(self, before: int, after: int) -> None:
        """A viewer had the lines below `before`, and has those below `after` now."""
        self.received += after - before
        standing = self._standing
        standing[after] += 1
        standing[before] -= 1
        if not standing[before]:
            del standing[before]
            if before == self._slowest:
                self._last_advanced()

    def _last_advanced(self) -> None:
        self._slowest = min(self._standing)
        now_s = time.perf_counter()
        while self._sent and (following := next(iter(self._sent))) <= self._slowest:
            self.lags_s.append(now_s - self._sent.pop(following))

    def lost(self) -> None:
        """A viewer's connection has ended."""
        self.closed += 1


class Viewer(Session):
    """One of them: subscribed to the topic, or calling `follow`."""

    def __init__(self, audience: Audience) -> None:
        super().__init__(audience.lost)
        self._audience = audience
        self._position = 0

    async def subscribe(self, stream: bytes) -> None:
        await self.request(b'[32,1,{},"fairlead.stream.%b"]' % stream, SUBSCRIBED)

    async def follow(self, stream: bytes) -> None:
        options = b'{"receive_progress":true}'
        self.transport.send(TEXT, b'[48,1,%b,"fairlead.log.follow",["%b"]]' % (options, stream))

    def received(self, message: bytes) -> None:
        first, following = span(message)
        before, self._position = self._position, following
        self._audience.disordered += first != before
        self._audience.advanced(before, following)


def span(message: bytes) -> tuple[int, int]:
    """The numbers `[first, next)` of a batch, in an EVENT or a progressive RESULT.

    >>> span(b'[36,1,2,{},[{"first":7,"records":[[1,"stdout","x",0]],"next":8,"epoch":5}]]')
    (7, 8)
    """
    begin = message.find(b'"first":', 0, _HEAD_BYTES)
    end = message.rfind(b'"next":')
    if begin < 0 or end < 0:
        raise UnexpectedMessageError(f"{message[:200].decode(errors='replace')} is no batch")
    return int(message[begin + 8 : message.index(b",", begin)]), int(message[end + 7 : message.index(b",", end)])
