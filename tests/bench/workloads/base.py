"""What a workload is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from bench.load.dialects.base import Dialect
from bench.load.tally import Tally

SMALL_BYTES = 100
LARGE_BYTES = 10_050
"""10 kB of payload. Not 10 000: an event's frame would hold the marker byte in its length (notations.py)."""

CALLS = "calls"
LINKS = "connections that publish and subscribe"
MANY_TOPICS = "many topics"
MESSAGE_PACK = "MessagePack"
SESSIONS = "sessions"
WAMP_CRA = "WAMP-CRA"
"""What not every peer has."""


class Drive(Protocol):
    """A workload under way: runs in the load generator, counts into its tally."""

    async def connect(self, dialect: Dialect) -> None: ...

    def start(self) -> None:
        """Sends what may be in flight at once; what arrives makes it send more while `tally.is_sending`."""
        ...


class Workload(msgspec.Struct, frozen=True):
    """One table of the comparison."""

    name: str
    """As on the command line."""
    title: str
    """As above the table."""
    unit: Literal["event", "call", "connect"]
    drive: Callable[[Tally], Drive]
    needs: frozenset[str] = frozenset()
    payload_bytes: int = SMALL_BYTES
    holds: int = 0
    """What of the router's memory is divided by: so many connections or subscriptions that do nothing."""

    @property
    def serializer(self) -> Literal["json", "msgpack"]:
        """How the messages of a WAMP router are written."""
        return "msgpack" if MESSAGE_PACK in self.needs else "json"


def in_another_form(workload: Workload, *, messagepack: bool = False, payload_bytes: int = SMALL_BYTES) -> Workload:
    """The same in MessagePack, or with another payload."""
    name, title = workload.name, workload.title
    if messagepack:
        name, title = f"{name}-messagepack", f"{title}, MessagePack"
    if payload_bytes == LARGE_BYTES:
        name, title = f"{name}-10-kB", f"{title}, 10 kB"
    needs = workload.needs | {MESSAGE_PACK} if messagepack else workload.needs
    return msgspec.structs.replace(workload, name=name, title=title, needs=needs, payload_bytes=payload_bytes)
