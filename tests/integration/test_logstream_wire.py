"""The log service over real sockets and a real database: what every reader gets, and who is slow.

The shapes of what is asked and answered are in test_log_contract.py.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_logstream import LogService
from fairlead_router import Router
from integration.logstream_peer import ERROR, EVENT, RESULT, SUBSCRIBED, WirePeer, wire_peer

CODECS = pytest.mark.parametrize("codec", ["json", "msgpack"])


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    router = Router()
    logs = await LogService.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    logs.bind(router.add_realm("realm1"))
    listener = await router.listen("tcp://127.0.0.1:0")
    yield f"ws://127.0.0.1:{listener.port}/ws"
    await logs.close()
    await router.close()


def record(text: Any, number: int = 0) -> list[Any]:
    return [1_700_000_000_000_000 + number, "stdout", text, 0]


def binary(codec: str, content: bytes) -> Any:
    return content if codec == "msgpack" else "\0" + base64.b64encode(content).decode()


def texts(dicts: list[Any]) -> list[Any]:
    return [each[2] for value in dicts for each in value.get("records", [])]


async def append_numbers(peer: WirePeer, stream: str, first: int, last: int, width: int = 0) -> None:
    for start in range(first, last, 100):
        records = [record(str(number).zfill(width), number) for number in range(start, min(start + 100, last))]
        assert (await peer.call("append", stream, records, producer="p", seq=start))[0] == RESULT


@pytest.mark.parametrize("reading", ["json", "msgpack"])
@pytest.mark.parametrize("writing", ["json", "msgpack"])
async def test_every_reader_gets_the_same_bytes(url: str, writing: str, reading: str) -> None:
    contents = [b"plain", b"\xff\xfe", b"\0nul", b"a\0b", "zwölf".encode(), b"10%\r20%", b""]
    async with wire_peer(url, writing) as writer, wire_peer(url, reading) as reader:
        await writer.call("create", "s")
        await reader.request(32, {}, "fairlead.stream.s")
        await reader.first(lambda message: message[0] == SUBSCRIBED)
        await reader.request(48, {"receive_progress": True}, "fairlead.log.follow", ["s"])
        records = [record(binary(writing, content)) for content in contents]
        assert (await writer.call("append", "s", records))[0] == RESULT
        await reader.until(lambda: len(texts(reader.dicts)) == 2 * len(contents))
        page = (await reader.call("read", "s"))[3][0]
    expected = ["plain", binary(reading, b"\xff\xfe"), binary(reading, b"\0nul"), "a\0b", "zwölf", "10%\r20%", ""]
    assert texts(reader.dicts) == 2 * expected
    assert texts([page]) == expected


@CODECS
async def test_follow_and_topic_bring_everything_once_from_the_middle_of_a_stream(url: str, codec: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url, codec) as follower, wire_peer(url, codec) as subscriber:
        await writer.call("create", "s")
        await append_numbers(writer, "s", 0, 3000)
        await follower.request(48, {"receive_progress": True}, "fairlead.log.follow", ["s"])
        await subscriber.request(32, {"get_retained": True}, "fairlead.stream.s")
        await append_numbers(writer, "s", 3000, 6000)
        await writer.call("seal", "s", exit_code=0)
        await follower.until(lambda: follower.messages[-1][0] == RESULT and follower.messages[-1][2] == {})
        await subscriber.until(lambda: "sealed" in subscriber.dicts[-1])
    assert [int(text) for text in texts(follower.dicts)] == list(range(6000))
    numbers = [int(text) for text in texts(subscriber.dicts)]
    assert numbers == list(range(numbers[0], 6000))
    assert 2000 <= numbers[0] < 6000


@pytest.mark.limit_s(60)
async def test_a_reader_that_stops_costs_nobody_anything_and_catches_up(url: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url) as slow, wire_peer(url) as quick:
        await writer.call("create", "s")
        for peer in (slow, quick):
            await peer.request(32, {"get_retained": True}, "fairlead.stream.s")
            await peer.first(lambda message: message[0] == SUBSCRIBED)
        slow.stop_reading()
        await append_numbers(writer, "s", 0, 10_000, width=1000)
        await quick.until(lambda: len(texts(quick.dicts)) == 10_000)
        assert len(texts(slow.dicts)) < 10_000
        slow.go_on()
        await slow.until(lambda: len(texts(slow.dicts)) == 10_000)
    assert [int(text) for text in texts(slow.dicts)] == list(range(10_000))


async def test_a_waiting_read_is_the_portable_way_to_follow(url: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url) as reader:
        epoch = (await writer.call("create", "s"))[3][0]["epoch"]

        async def follow() -> list[Any]:
            pages = []
            start = 0
            while True:
                page = (await reader.call("read", "s", start=start, epoch=epoch, wait_s=10))[3][0]
                pages.append(page)
                start = page["next"]
                if page["sealed"] is not None and start == page["sealed"]["next"]:
                    return pages

        following = asyncio.ensure_future(follow())
        await append_numbers(writer, "s", 0, 1000)
        await writer.call("seal", "s", exit_code=4)
        pages = await following
    assert [int(text) for text in texts(pages)] == list(range(1000))
    assert pages[-1]["sealed"]["exit_code"] == 4


async def test_events_of_one_batch_have_one_publication_for_all(url: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url) as first, wire_peer(url, "msgpack") as second:
        await writer.call("create", "s")
        for peer in (first, second):
            await peer.request(32, {}, "fairlead.stream.s")
            await peer.first(lambda message: message[0] == SUBSCRIBED)
        await append_numbers(writer, "s", 0, 10)
        events = [await peer.first(lambda message: message[0] == EVENT) for peer in (first, second)]
    assert events[0][2] == events[1][2]


@CODECS
async def test_the_event_history_brings_the_events_that_were_published(url: str, codec: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url, codec) as reader:
        await writer.call("create", "s")
        await reader.request(32, {}, "fairlead.stream.s")
        subscription = (await reader.first(lambda message: message[0] == SUBSCRIBED))[2]
        await append_numbers(writer, "s", 0, 10)
        event = await reader.first(lambda message: message[0] == EVENT)
        await reader.request(48, {}, "wamp.subscription.get_events", [subscription], {"reverse": True, "limit": 1})
        answer = await reader.first(lambda message: message[0] in (RESULT, ERROR))
        assert answer[0] == RESULT, answer
        (past,) = answer[3]
        assert (past["subscription"], past["publication"], past["args"]) == (subscription, event[2], event[4])
        assert answer[4] == {"is_limit_reached": False}


@CODECS
async def test_a_filter_and_a_search_bring_bytes_as_they_were_logged(url: str, codec: str) -> None:
    content = b"\xff\x00 needle"
    async with wire_peer(url, codec) as peer:
        await peer.call("create", "s")
        await peer.call("append", "s", [record("a"), [1, "stderr", binary(codec, content), 0], record("needle")])
        for name, about, seqs in (("read", {"sources": ["stderr"]}, [1]), ("search", {"text": "needle"}, [1, 2])):
            (page,) = (await peer.call(name, "s", **about))[3]
            assert (page["seqs"], page["next"]) == (seqs, 3)
            assert page["records"][0][2] == binary(codec, content)
