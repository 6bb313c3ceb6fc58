"""Records keep their bytes exactly, whatever serializer they come in and go out with: over real sockets."""

from __future__ import annotations

import base64
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_logstream import LogService
from fairlead_router import Router
from integration.logstream_peer import ERROR, RESULT, WirePeer, wire_peer

CODECS = ["json", "msgpack", "cbor"]
NOW_US = 1_700_000_000_000_000
PARTIAL, CARRIAGE_RETURN = 1, 4
ABORT = 3

# What a program may print: text and no text, with everything that means something to a serializer or to WAMP.
pieces_printed = st.sampled_from([b"a", b"\0", b"\r", b"\xff", b"\xed\xa0\x80", b'"\\', "ü€😀".encode(), b"\x1b[1m"])
texts_printed = st.lists(pieces_printed, max_size=6).map(b"".join) | st.binary(max_size=40)

streams = (f"s{number}" for number in count())


@pytest.fixture
async def url(tmp_path: Path) -> Any:
    router = Router()
    logs = await LogService.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    logs.bind(router.add_realm("realm1"))
    listener = await router.listen("tcp://127.0.0.1:0")
    yield f"ws://127.0.0.1:{listener.port}/ws"
    await logs.close()
    await router.close()


def sent(codec: str, content: bytes, is_text: bool) -> Any:
    """A text as a client with this serializer sends it: as a string where it can be one and `is_text`, or as binary."""
    if is_text and not content.startswith(b"\0"):
        try:
            return content.decode()
        except UnicodeDecodeError:
            pass
    return "\0" + base64.b64encode(content).decode() if codec == "json" else content


def received(codec: str, text: Any) -> bytes:
    """Its bytes, by what the client gets."""
    if isinstance(text, bytes):
        return text
    is_binary = codec == "json" and text.startswith("\0")
    return base64.b64decode(text[1:]) if is_binary else text.encode()


async def answer(peer: WirePeer, name: str, *args: Any, **kwargs: Any) -> Any:
    """The result's dict."""
    message = await peer.call(name, *args, **kwargs)
    assert message[0] == RESULT, message
    return message[3][0]


async def stored(peer: WirePeer, stream: str) -> list[list[Any]]:
    """All records of a stream, page by page."""
    page = await answer(peer, "read", stream, limit=10_000)
    records = list(page["records"])
    while page["next"] < page["head"]:
        page = await answer(peer, "read", stream, start=page["next"], epoch=page["epoch"], limit=10_000)
        records += page["records"]
    return records


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts_printed, st.booleans(), st.sampled_from([0, PARTIAL])), max_size=20), st.data())
async def test_what_goes_in_comes_out_of_every_serializer(
    url: str, contents: list[tuple[bytes, bool, int]], data: st.DataObject
) -> None:
    writing, stream = data.draw(st.sampled_from(CODECS)), next(streams)
    records = [
        [NOW_US + number, "stdout", sent(writing, content, is_text), flags]
        for number, (content, is_text, flags) in enumerate(contents)
    ]
    async with wire_peer(url, writing) as writer:
        await answer(writer, "create", stream)
        await answer(writer, "append", stream, records)
    for reading in CODECS:
        async with wire_peer(url, reading) as reader:
            found = await stored(reader, stream)
        assert [received(reading, record[2]) for record in found] == [content for content, _, _ in contents]
        assert [record[3] & PARTIAL for record in found] == [flags for _, _, flags in contents]
        assert [bool(record[3] & CARRIAGE_RETURN) for record in found] == [
            b"\r" in content for content, _, _ in contents
        ]
        assert [record[0] for record in found] == [record[0] for record in records]


@pytest.mark.parametrize("codec", CODECS)
async def test_ten_thousand_records_in_one_append(url: str, codec: str) -> None:
    records = [[NOW_US, "o", str(number), 0] for number in range(10_000)]
    async with wire_peer(url, codec) as peer:
        await answer(peer, "create", "s")
        assert (await answer(peer, "append", "s", records))["next"] == 10_000
        assert await stored(peer, "s") == records


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("character", ["x", "\x01", "€", "\\"])
async def test_lines_of_64_kib_in_their_parts(url: str, codec: str, character: str) -> None:
    part = character * ((64 << 10) // len(character.encode()))
    records = [[NOW_US, "stdout", part, PARTIAL], [NOW_US, "stdout", "end", 0]]
    async with wire_peer(url, codec) as peer:
        await answer(peer, "create", "s")
        await answer(peer, "append", "s", records)
        assert [received(codec, record[2]) for record in await stored(peer, "s")] == [part.encode(), b"end"]
        refused = await peer.call("append", "s", [[NOW_US, "stdout", part + character, 0]])
        assert (refused[0], refused[4]) == (ERROR, "wamp.error.invalid_argument")
        assert "a longer line goes in partial records" in refused[5][0]


async def test_a_lone_surrogate_is_no_text_and_ends_the_session(url: str) -> None:
    """Nothing but JSON can write it: it must not become something else on the way."""
    async with wire_peer(url, "json") as peer, wire_peer(url, "msgpack") as other:
        await answer(peer, "create", "s")
        await peer.send_text('[48, 99, {}, "fairlead.log.append", ["s", [[1, "o", "\\ud800", 0]]]]')
        abort = await peer.first(lambda message: message[0] == ABORT)
        assert abort[2] == "wamp.error.protocol_violation"
        assert await stored(other, "s") == []
