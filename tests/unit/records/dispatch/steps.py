"""What the tests of containers ask, in short."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router import CallError
from unit.records.fakes import Peer


async def create(peer: Peer, id_: str, **options: Any) -> None:
    await peer.call("container.create", ["true"], id=id_, **options)


async def state_of(peer: Peer, id_: str) -> Any:
    return (await peer.call("record.get", id_))["record"]["state"]


async def take(peer: Peer, number: int = 1, dispatcher: str = "d1", **options: Any) -> list[tuple[str, int]]:
    """(id, term) of what it got."""
    taken = await peer.call("container.take", number, dispatcher, **options)
    return [(container["id"], container["state"]["term"]) for container in taken["containers"]]


async def run(peer: Peer, id_: str) -> int:
    """Locked and started; gives the term."""
    locked = await peer.call("container.lock", id_, "d1")
    term = int(locked["container"]["state"]["term"])
    await peer.call("container.start", id_, term)
    return term


async def refused(peer: Peer, name: str, /, *args: Any, **kwargs: Any) -> str:
    """The last part of the error's URI."""
    with pytest.raises(CallError) as caught:
        await peer.call(f"container.{name}", *args, **kwargs)
    return caught.value.uri.rpartition(".")[2]


async def is_in(peer: Peer, id_: str, state: str) -> bool:
    return bool((await state_of(peer, id_))["state"] == state)


async def request(peer: Peer, id_: str, **options: Any) -> Any:
    return await peer.call("container.request", options.pop("command", ["true"]), id=id_, **options)


class Trash:
    """Which objects are in it, as the permission service knows it."""

    def __init__(self) -> None:
        self.objects: set[str] = set()

    def is_hidden(self, object_id: str) -> bool:
        return object_id in self.objects
