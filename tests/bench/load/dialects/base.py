"""What a workload needs of a peer's protocol. One module beside this one per protocol, listed in DIALECTS.

A workload is written once, in these terms, for WAMP routers and for others (NATS, a bare socket loop) alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Dialect(Protocol):
    """Opens connections to one router, with one size of payload."""

    marker: int
    """A byte that occurs exactly once in each event on the wire, and nowhere else: see load/group.py."""

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        """Opens a connection, subscribes it, and from then on gives all its bytes to `receiver`."""
        ...

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        """Opens a connection; what comes back publishes one payload to the topic."""
        ...

    async def callee(self, procedure: str, on_close: Callable[[], None]) -> None:
        """Opens a connection that answers each invocation at once, with a payload of the same size."""
        ...

    async def caller(self, procedure: str, on_reply: OnReply, on_close: Callable[[], None]) -> Callable[[], None]:
        """Opens a connection; what comes back makes one call. `on_reply` gets the call's number (from 0) and
        whether it was answered with a result.
        """
        ...


OnReply = Callable[[int, bool], None]
