"""Batched WebSocket on a real socket: order, what goes out together, bounded turns, and batches that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import Limits, Listener, Principal, Router
from support.waiting import eventually
from support.wamp import BINARY, CLOSE, TEXT, Client, batch_part, batch_parts, dumps, frame, loads

CODECS: tuple[Any, ...] = ("json", "msgpack", "cbor")


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=0.3, unread_bytes=1 << 14))
    router.add_realm("realm1")
    yield router
    await router.close()


@pytest.fixture
async def listener(router: Router) -> Listener:
    return await router.listen("tcp://127.0.0.1:0")


async def joined(listener: Listener, codec: Any = "json") -> Client:
    client = await Client.connect(listener.port, codec, is_batched=True)
    await client.join()
    return client


@pytest.mark.parametrize("codec", CODECS)
async def test_batch_is_handled_in_order_and_its_answers_are_one_message(listener: Listener, codec: Any) -> None:
    client = await joined(listener, codec)
    client.send(*([48, number, {}, "com.nobody"] for number in range(1, 101)))
    opcode, payload = await client.receive_frame()
    assert opcode == (TEXT if codec == "json" else BINARY)
    answers = [loads(codec, part) for part in batch_parts(codec, payload)]
    assert [answer[2] for answer in answers] == list(range(1, 101))
    await client.close()


async def test_events_are_shared_by_batched_and_plain_subscribers(listener: Listener) -> None:
    batched, plain = await joined(listener), await Client.joined(listener.port)
    for client in (batched, plain):
        await client.subscribe("com.x")
    async with await joined(listener) as publisher:
        publisher.send(*([16, number, {}, "com.x", [number]] for number in range(1, 51)))
        for client in (batched, plain):
            assert [(await client.receive())[4] for _ in range(50)] == [[number] for number in range(1, 51)]
            await client.close()


@pytest.mark.parametrize("codec", CODECS)
async def test_batch_of_one_is_a_batch(listener: Listener, codec: Any) -> None:
    client = await joined(listener, codec)
    client.send([48, 1, {}, "com.nobody"])
    _, payload = await client.receive_frame()
    assert len(batch_parts(codec, payload)) == 1
    await client.close()


@pytest.mark.parametrize(
    ("codec", "opcode", "batch", "code"),
    [
        ("json", TEXT, b"", 1002),
        ("json", TEXT, b'[48,1,{},"com.nobody"]', 1002),
        ("json", TEXT, b'[48,1,{},"com.nobody"]\x1e[48', 1002),
        ("json", TEXT, b'[48,1,{},"com.\xff"]\x1e', 1007),
        ("json", BINARY, b"[]\x1e", 1003),
        ("msgpack", BINARY, b"", 1002),
        ("msgpack", BINARY, b"\0\0\0\5\x93", 1002),
        ("cbor", BINARY, b"\0\0", 1002),
        ("cbor", TEXT, b"", 1003),
    ],
)
async def test_batch_that_is_none_closes(listener: Listener, codec: Any, opcode: int, batch: bytes, code: int) -> None:
    client = await joined(listener, codec)
    client.send_frame(opcode, batch)
    assert (await client.closed()).code == code
    await client.close()


@pytest.mark.parametrize("part", [b"", b"[48]", b"[6,{}"])
async def test_malformed_message_in_a_batch_is_told_in_an_abort(listener: Listener, part: bytes) -> None:
    """What came before it counts, what comes after does not."""
    client = await joined(listener)
    call = b'[48,1,{},"com.nobody"]\x1e'
    client.send_frame(TEXT, call + part + b"\x1e" + call)
    messages = await client.receive_until(3)
    assert messages[-1][2] == "wamp.error.protocol_violation"
    assert (await client.closed()).code == 1008
    await client.close()


async def test_long_batch_leaves_turns_to_others(router: Router, listener: Listener) -> None:
    """And what comes behind it waits for it."""
    realm = router.realm("realm1")
    assert realm is not None
    seen: list[int] = []
    realm.join(Principal("service", "service")).subscribe("com.x", lambda event: seen.append(event.args[0]))
    busy = await joined(listener)
    publications = [[16, number, {}, "com.x", [number]] for number in range(1, 20_001)]
    busy.send(*publications[:-1])
    busy.send(publications[-1])
    while not seen:
        await asyncio.sleep(0)
    assert len(seen) < 10_000, "the first turn did not take all"
    await eventually(lambda: len(seen) == 20_000)
    assert seen == list(range(1, 20_001))
    await busy.close()


async def test_what_came_before_a_close_frame_counts(listener: Listener) -> None:
    busy, reader = await joined(listener), await Client.joined(listener.port)
    await reader.subscribe("com.x")
    batch = b"".join(
        batch_part("json", dumps("json", [16, number, {}, "com.x", [number]])) for number in range(1, 2001)
    )
    busy.writer.write(frame(TEXT, batch) + frame(CLOSE, b"\x03\xe8"))
    assert [(await reader.receive())[4][0] for _ in range(2000)] == list(range(1, 2001))
    for client in (busy, reader):
        await client.close()
