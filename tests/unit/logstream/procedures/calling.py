"""What the tests of the procedures share: a stream with some lines, and the texts of what came."""

from __future__ import annotations

from typing import Any

from unit.logstream.fakes import NOW_US, Peer, records_of, wire_record


def texts(dicts: Any) -> list[Any]:
    return [record[2] for record in records_of(dicts if isinstance(dicts, list) else [dicts])]


async def fill(peer: Peer, stream: str = "s", count: int = 5) -> int:
    """A stream with the texts 0, 1, 2, ...; returns its epoch."""
    created = await peer.call("create", stream)
    await peer.call("append", stream, [wire_record(str(number), NOW_US + number) for number in range(count)])
    return int(created["epoch"])
