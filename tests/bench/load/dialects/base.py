"""What a workload needs of a peer's protocol. One module beside this one per protocol, listed in DIALECTS.

A workload is written once, in these terms, for WAMP routers and for others (NATS, a bare socket loop) alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

OnReply = Callable[[int, bool], None]
"""Gets a call's number (from 0) and whether it was answered with a result."""


class Dialect:
    """Opens connections to one router, with one size of payload. A protocol has what its peers do not lack."""

    marker: bytes
    """What occurs exactly once in each event on the wire, and nowhere else: see load/receivers.py."""

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        """Opens a connection, subscribes it, and from then on gives all its bytes to `receiver`."""
        raise NotImplementedError

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        """Opens a connection; what comes back publishes one payload to the topic."""
        raise NotImplementedError

    async def link(self, topic: str, receiver: asyncio.BufferedProtocol, to: str) -> Callable[[], None]:
        """`subscribe` and `publisher` on one connection: it hears of `topic` and publishes to another one, `to`."""
        raise NotImplementedError

    async def callee(self, procedure: str, on_close: Callable[[], None]) -> None:
        """Opens a connection that answers each invocation at once, with a payload of the same size."""
        raise NotImplementedError

    async def caller(self, procedure: str, on_reply: OnReply, on_close: Callable[[], None]) -> Callable[[], None]:
        """Opens a connection; what comes back makes one call."""
        raise NotImplementedError

    async def visit(self, secret: str | None = None) -> None:
        """Opens a connection, joins, with a WAMP-CRA secret as the user `bench`, and leaves."""
        raise NotImplementedError

    async def hold(self, topics: Sequence[str], patterns: Sequence[str], on_close: Callable[[], None]) -> None:
        """Opens a connection that stays, with these subscriptions (of patterns: by prefix), and does nothing more."""
        raise NotImplementedError
