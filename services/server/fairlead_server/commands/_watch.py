"""`fairlead streams --watch`: the directory as it is, then each change to it, across sessions.

Events wait in a queue with a bound. When it is full, or a session was lost, nobody knows what was missed: the directory
is asked for again and compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from fairlead_client import Unreachable
from fairlead_client.asyncio import Peer
from fairlead_client.merging import Event
from fairlead_server.commands._entries import Entry, Wanted
from fairlead_server.commands._notes import note
from fairlead_server.connect import Server

TOPICS = "fairlead.directory."
LIST = "fairlead.log.list"
WAITING = 10_000
"""Events: some seconds of a busy server."""


class Change(NamedTuple):
    """What has become of a stream: listed, created, changed, sealed, stale, live or deleted."""

    change: str
    entry: Entry


async def changes(server: Server, wanted: Wanted) -> AsyncGenerator[Change, None]:
    """What is there (`listed`), then each change of what is wanted, for ever. Raises ClientError."""
    known: dict[str, Entry] = {}
    events: asyncio.Queue[Entry | None] = asyncio.Queue(WAITING)
    async with Peer(server.url, realm=server.realm, token=server.token, on_change=_say_change) as peer:
        add, list_again = _receiver(events)
        await peer.subscribe(TOPICS, add, match="prefix", fill=False, on_resumed=list_again)
        list_again()
        while True:
            entry = await events.get()
            found = await _compared(peer, wanted, known) if entry is None else [_event(entry)]
            for change in found:
                stream = change.entry["stream"]
                before = known.pop(stream, change.entry)
                if change.change != "deleted":
                    known[stream] = change.entry
                if wanted.has(before) or wanted.has(change.entry):
                    yield change


def _receiver(events: asyncio.Queue[Entry | None]) -> tuple[Callable[[Event], None], Callable[..., None]]:
    """What takes events, and what asks for the directory instead of what waits."""

    def list_again(_: object = None) -> None:
        while not events.empty():
            events.get_nowait()
        events.put_nowait(None)

    def add(event: Event) -> None:
        if events.full():
            list_again()
        elif event.args and isinstance(event.args[0], dict) and "change" in event.args[0]:
            events.put_nowait(event.args[0])

    return add, list_again


async def _compared(peer: Peer, wanted: Wanted, known: dict[str, Entry]) -> list[Change]:
    """What is other than was known; nothing when the session is lost: the next one asks again.

    Not filtered by what a change can make untrue, since that change is to be seen.
    """
    arguments = Wanted(wanted.prefix, wanted.object).arguments()
    there: dict[str, Entry] = {}
    try:
        while "after" not in arguments or arguments["after"] is not None:
            page = await peer.call(LIST, (), arguments)
            there.update((entry["stream"], entry) for entry in page["streams"])
            arguments["after"] = page["after"]
    except Unreachable:
        return []
    gone = [Change("deleted", entry) for name, entry in known.items() if name not in there]
    return gone + [Change("listed", entry) for name, entry in there.items() if known.get(name) != entry]


def _event(entry: Entry) -> Change:
    return Change(entry["change"], {key: value for key, value in entry.items() if key != "change"})


def _say_change(reason: str | None) -> None:
    note("connected again" if reason is None else f"{reason}; trying again")
