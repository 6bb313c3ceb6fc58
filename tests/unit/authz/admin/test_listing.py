"""What a list takes of the loop, and what it makes of a graph that changes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from fairlead_authz import Change, Delete, Put
from fairlead_authz.admin import listing as module
from support.permissions import Site


async def test_no_more_ids_are_taken_in_a_turn_than_a_slice() -> None:
    """Who reaches a million objects would hold up everybody by asking for one page of them."""
    taken: list[int] = []

    def ids() -> Iterator[str]:
        for number in range(3 * module.SLICE):
            taken.append(number)
            yield f"{number:06}"

    asking = asyncio.ensure_future(module.first_ids(ids(), "", 2, lambda _id: True))
    await asyncio.sleep(0)
    assert len(taken) <= module.SLICE
    assert await asking == ["000000", "000001"]


async def test_a_list_goes_on_while_things_come_and_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 1)
    names = [f"o{number}" for number in range(50)]
    await site.authz.apply([Put("object", name, owner="p") for name in names])
    asking = asyncio.ensure_future(site.ask("alice", "list", kind="object"))
    for name in names:
        lists: list[Change] = [Delete(name), Put("object", f"new-{name}", owner="p"), Put("role", f"crew-{name}")]
        await site.authz.apply(lists)
    listed = [each["id"] for each in (await asking)["objects"]]
    assert {"x", "y"} <= set(listed)
