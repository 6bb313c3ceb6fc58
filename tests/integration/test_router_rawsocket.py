"""RawSocket on real sockets: the handshake, frames right and wrong, pings, messages that the client does not take."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from fairlead_router import Limits, Listener, Router
from support.core import EVERY_FEATURE
from support.waiting import eventually
from support.wamp import (
    RAW_MESSAGE,
    RAW_PING,
    RAW_PONG,
    Client,
    ClosedError,
    HandshakeError,
    RawSocketClient,
    dial,
    dumps,
    raw_frame,
)

LONG = "x" * 3000
SHORT_LENGTH = 2
"""LENGTH for 2048 bytes: the least that is accepted."""


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(message_bytes=1 << 18, close_timeout_s=0.3))
    router.add_realm("realm1")
    yield router
    await router.close()


@pytest.fixture
async def listener(router: Router) -> Listener:
    return await router.listen("tcp://127.0.0.1:0")


@pytest.fixture
async def hasty() -> AsyncIterator[Listener]:
    """A router that waits for nobody."""
    limits = Limits(hello_timeout_s=1, close_timeout_s=0.3, ping_interval_s=0.1, ping_timeout_s=1)
    router = Router(limits)
    router.add_realm("realm1")
    yield await router.listen("tcp://127.0.0.1:0")
    await router.close()


async def joined(listener: Listener, longest: int = 15, receive_buffer: int | None = None) -> Client:
    client = await RawSocketClient.connect(listener.port, longest=longest, receive_buffer=receive_buffer)
    await client.join(EVERY_FEATURE)
    return client


# ---- the handshake ----


@pytest.mark.parametrize(
    ("octets", "error"), [(b"\x7f\xf0\0\0", 1), (b"\x7f\xf4\0\0", 1), (b"\x7f\x01\0\0", 2), (b"\x7f\xf1\0\1", 3)]
)
async def test_handshake_is_refused_with_the_error_of_the_spec(
    listener: Listener, router: Router, octets: bytes, error: int
) -> None:
    reader, writer = await dial(listener.port)
    writer.write(octets + b"whatever comes behind it")
    assert await reader.read() == bytes([0x7F, error << 4, 0, 0])
    writer.close()
    await eventually(lambda: listener.connections == 0)


async def test_everything_may_come_byte_by_byte(listener: Listener) -> None:
    reader, writer = await dial(listener.port)
    hello = dumps("json", [1, "realm1", {"roles": {"caller": {}}}])
    call = dumps("json", [48, 7, {}, "com.nobody"])
    for octet in b"\x7f\xf1\0\0" + raw_frame(RAW_MESSAGE, hello) + raw_frame(RAW_MESSAGE, call):
        writer.write(bytes([octet]))
        await asyncio.sleep(0)
    assert await reader.readexactly(4) == b"\x7f\x91\0\0", "the router takes 2 ** (9 + 9) bytes"
    client = RawSocketClient(reader, writer, "json")
    assert (await client.receive())[0] == 2
    assert (await client.receive())[:3] == [8, 48, 7]
    await client.close()


async def test_messages_may_come_right_behind_the_handshake(listener: Listener) -> None:
    reader, writer = await dial(listener.port)
    hello = dumps("cbor", [1, "realm1", {"roles": {"caller": {}}}])
    writer.write(b"\x7f\xf3\0\0" + raw_frame(RAW_MESSAGE, hello))
    assert await reader.readexactly(4) == b"\x7f\x93\0\0"
    client = RawSocketClient(reader, writer, "cbor")
    assert (await client.receive())[0] == 2
    await client.close()


async def test_handshake_must_come_in_time(hasty: Listener) -> None:
    reader, writer = await dial(hasty.port)
    writer.write(b"\x7f\xf1")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(1)
    writer.close()


async def test_session_must_open_in_time(hasty: Listener) -> None:
    async with await RawSocketClient.connect(hasty.port) as client:
        while (message := await client.receive())[0] != 3:
            pass
        assert message[2] == "fairlead.close.hello_timeout"
        assert (await client.closed()).code == 0


# ---- frames ----


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("reserved bit", raw_frame(0x10, b"[]")),
        ("reserved type", raw_frame(3, b"")),
        ("longer than agreed", struct.pack("!I", (1 << 18) + 1)),
        ("16 MiB", b"\x08\0\0\0"),
        ("the 25th bit and others", b"\x08\0\0\1"),
        ("malformed message", raw_frame(RAW_MESSAGE, b"[48]")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bad_frame_ends_the_session(
    listener: Listener, router: Router, caplog: pytest.LogCaptureFixture, name: str, data: bytes
) -> None:
    """Nothing of the session goes on behind it: no later request, and no event."""
    client, publisher = await joined(listener), await joined(listener)
    await client.subscribe("com.x")
    later = raw_frame(RAW_MESSAGE, dumps("json", [16, 9, {"acknowledge": True, "exclude_me": False}, "com.x"]))
    client.writer.write(data + later)
    for number in range(1, 50):
        publisher.send([16, number, {}, "com.x"])
    messages = await client.receive_until(3)
    assert messages[-1][2] == "wamp.error.protocol_violation"
    assert {message[0] for message in messages[:-1]} <= {36}
    assert (await client.closed()).code == 0
    for each in (client, publisher):
        await each.close()
    await eventually(lambda: listener.connections == 0)
    assert caplog.text == "", "a peer's mistake is no line in the log"


async def test_longest_message_is_taken(listener: Listener) -> None:
    client = await joined(listener)
    empty = len(dumps("json", [16, 1, {"acknowledge": True}, "com.x", [""]]))
    assert (await client.ask([16, 1, {"acknowledge": True}, "com.x", ["x" * ((1 << 18) - empty)]]))[0] == 17
    await client.close()


async def test_goodbye_is_answered_and_another_session_may_follow(listener: Listener) -> None:
    client = await joined(listener)
    assert await client.ask([6, {}, "wamp.close.close_realm"]) == [6, {}, "wamp.close.goodbye_and_out"]
    await client.join()
    await client.close()


# ---- pings ----


async def test_each_ping_is_echoed_exactly(listener: Listener) -> None:
    client = await joined(listener)
    client.writer.write(raw_frame(RAW_PING, b"one") + raw_frame(RAW_PONG, b"ignored") + raw_frame(RAW_PING, b""))
    assert await client.receive_frame() == (RAW_PONG, b"one")
    assert await client.receive_frame() == (RAW_PONG, b"")
    await client.close()


async def test_ping_whose_pong_the_client_would_not_take_breaks_the_protocol(listener: Listener) -> None:
    client = await joined(listener, longest=SHORT_LENGTH)
    client.writer.write(raw_frame(RAW_PING, b"x" * 2049))
    assert (await client.receive())[2] == "wamp.error.protocol_violation"
    await client.close()


async def test_silent_peer_is_pinged_and_one_that_stays_silent_given_up(hasty: Listener) -> None:
    client = await joined(hasty)
    assert await client.receive_frame() == (RAW_PING, b"")
    with pytest.raises(ClosedError):
        await client.receive_frame()
    await client.close()


async def test_peer_that_answers_pings_stays(hasty: Listener) -> None:
    client = await joined(hasty)
    for _ in range(4):
        assert (await client.receive_frame())[0] == RAW_PING
        client.writer.write(raw_frame(RAW_PONG, b""))
    await client.close()


async def test_who_does_not_read_its_pongs_is_not_read_either(listener: Listener) -> None:
    rude = await joined(listener, receive_buffer=4096)
    rude.stop_reading()
    pings = raw_frame(RAW_PING, b"x" * 2000) * 50
    for _ in range(200):
        rude.writer.write(pings)
        if rude.writer.transport.get_write_buffer_size():
            break
        await asyncio.sleep(0)
    else:
        raise AssertionError("20 MB of pings were read from a peer that reads none")
    rude.read_on()
    rude.send([48, 1, {}, "com.nobody"])
    assert (await rude.receive())[0] == 8, "and it is read again when it reads"
    await rude.close()


# ---- messages that are longer than the client takes ----


async def test_event_too_long_for_one_subscriber_comes_without_its_payload(listener: Listener) -> None:
    small, large, publisher = await joined(listener, SHORT_LENGTH), await joined(listener), await joined(listener)
    for client in (small, large):
        await client.subscribe("com.x")
    publisher.send([16, 1, {}, "com.x", [LONG]], [16, 2, {}, "com.x", ["short"]])
    event = await small.receive()
    assert (event[3]["payload_limit_exceeded"], event[4:]) == (True, [])
    assert (await small.receive())[4] == ["short"]
    assert [(await large.receive())[4] for _ in range(2)] == [[LONG], ["short"]]
    for client in (small, large, publisher):
        await client.close()


async def test_result_too_long_for_the_caller_is_an_error(listener: Listener) -> None:
    caller, callee = await joined(listener, SHORT_LENGTH), await RawSocketClient.connect(listener.port)
    await callee.join({"callee": {"features": {"progressive_call_results": True, "call_canceling": True}}})
    assert (await callee.ask([64, 1, {}, "com.p"]))[0] == 65
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    invocation = await callee.receive()
    callee.send([70, invocation[1], {"progress": True}, [LONG]], [70, invocation[1], {}, [LONG]])
    progress, error = await caller.receive(), await caller.receive()
    assert progress == [50, 1, {"progress": True, "payload_limit_exceeded": True}]
    assert error == [8, 48, 1, {"payload_limit_exceeded": True}, "wamp.error.payload_size_exceeded"]
    caller.send([48, 2, {}, "com.p"])
    invocation = await callee.receive()
    callee.send([8, 68, invocation[1], {}, "com.failed", [LONG]])
    assert await caller.receive() == [8, 48, 2, {"payload_limit_exceeded": True}, "com.failed"]
    for client in (caller, callee):
        await client.close()


async def test_call_too_long_for_the_callee_is_an_error_and_leaves_nothing_behind(listener: Listener) -> None:
    caller, callee = await joined(listener), await joined(listener, SHORT_LENGTH)
    assert (await callee.ask([64, 1, {}, "com.p"]))[0] == 65
    error = await caller.ask([48, 1, {}, "com.p", [LONG]])
    assert error[:5] == [8, 48, 1, {}, "wamp.error.payload_size_exceeded"]
    assert "2048" in error[5][0]
    caller.send([48, 1, {}, "com.p", ["short"]])
    invocation = await callee.receive()
    assert invocation[4] == ["short"]
    callee.send([70, invocation[1], {}, ["done"]])
    assert await caller.receive() == [50, 1, {}, ["done"]]
    for client in (caller, callee):
        await client.close()


async def test_connection_count_is_told() -> None:
    router = Router(Limits(connections_per_address=1))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    client = await joined(listener)
    with pytest.raises(HandshakeError) as caught:
        await RawSocketClient.connect(listener.port)
    assert caught.value.number == 4
    await client.close()
    await eventually(lambda: listener.connections == 0)
    await (await joined(listener)).close()
    await router.close()


async def test_a_peer_that_resets_behind_its_last_mistake_is_no_mistake_of_ours(listener: Listener) -> None:
    for _ in range(20):
        client = await RawSocketClient.connect(listener.port)
        client.writer.write(raw_frame(7, b"") * 2)
        linger = struct.pack("ii", 1, 0)
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.writer.transport.abort()
