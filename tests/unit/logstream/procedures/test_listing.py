"""`list`: the streams that the caller may read, and no trace of the others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fairlead_logstream.procedures import listing
from unit.logstream.fakes import Peer
from unit.logstream.procedures.calling import fill


async def test_list_names_streams_in_order_and_in_pages(alice: Peer) -> None:
    for name in ("b2", "a1", "b1", "c1", "b3"):
        await alice.call("create", name, object="odd" if name.endswith("1") else None)
    await fill(alice, "a2", 3)
    await alice.call("seal", "a2", exit_code=7)

    async def names(**kwargs: Any) -> tuple[list[str], str | None]:
        page = await alice.call("list", **kwargs)
        return [stream["stream"] for stream in page["streams"]], page["after"]

    assert await names() == (["a1", "a2", "b1", "b2", "b3", "c1"], None)
    assert await names(prefix="b") == (["b1", "b2", "b3"], None)
    assert await names(prefix="b", limit=2) == (["b1", "b2"], "b2")
    assert await names(prefix="b", limit=2, after="b2") == (["b3"], None)
    assert await names(object="odd") == (["a1", "b1", "c1"], None)
    assert await names(prefix="z") == ([], None)
    assert await names(after="b") == (["b1", "b2", "b3", "c1"], None)
    assert await names(prefix="b", after="a") == (["b1", "b2", "b3"], None)
    (entry,) = (await alice.call("list", prefix="a2"))["streams"]
    assert (entry["next"], entry["oldest"], entry["attempt"]) == (3, 0, 1)
    assert entry["sealed"] == {"exit_code": 7, "reason": None, "next": 3}


async def test_a_page_of_the_list_is_bounded_in_bytes(alice: Peer) -> None:
    await asyncio.gather(*[alice.call("create", f"{index:04}" + "x" * 120) for index in range(1000)])
    page = await alice.call("list", limit=10_000)
    assert len(json.dumps(page, separators=(",", ":"))) < 256 << 10  # as it is sent
    assert len(page["streams"]) < 1000
    assert page["after"] == page["streams"][-1]["stream"]


async def test_many_lists_at_once_do_not_hold_the_loop(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        await alice.call("create", str(number))
    looked_at = [0]

    def look(*_: Any) -> bool:
        looked_at[-1] += 1
        return False

    monkeypatch.setattr(listing, "SCANNED_PER_TURN", 5)
    monkeypatch.setattr(listing, "_is_wanted", look)
    lists = [asyncio.ensure_future(alice.call("list")) for _ in range(20)]
    while not all(each.done() for each in lists):
        looked_at.append(0)
        await asyncio.sleep(0)
    first_parts, *others = sorted(looked_at, reverse=True)
    assert first_parts == 20 * 4
    assert max(others) <= 10
    assert sum(looked_at) == 20 * 50
