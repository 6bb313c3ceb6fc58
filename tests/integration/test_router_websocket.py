"""The router on real sockets: the handshake, frames right and wrong, and the end of connections."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import Limits, Listener, Principal, Router
from fairlead_router.pubsub.broker import Broker
from support.waiting import eventually
from support.wamp import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Client,
    ClosedError,
    RefusedError,
    dial,
    dumps,
    frame,
)

LIMITS = Limits(message_bytes=1 << 20, hello_timeout_s=1, close_timeout_s=0.3, ping_interval_s=0.1, ping_timeout_s=1)


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=0.3))
    router.add_realm("realm1")
    yield router
    await router.close()


@pytest.fixture
async def listener(router: Router) -> Listener:
    return await router.listen("tcp://127.0.0.1:0")


@pytest.fixture
async def hasty() -> AsyncIterator[Listener]:
    """A router that waits for nobody."""
    router = Router(LIMITS)
    router.add_realm("realm1")
    yield await router.listen("tcp://127.0.0.1:0")
    await router.close()


def sessions(router: Router) -> int:
    realm = router.realm("realm1")
    assert realm is not None
    return len(list(realm.sessions()))


# ---- a session ----


@pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])
async def test_session_over_a_real_socket(listener: Listener, codec: Any) -> None:
    async with await Client.joined(listener.port, codec) as alice, await Client.joined(listener.port, codec) as bob:
        subscription = await alice.subscribe("com.x")
        assert (await bob.ask([16, 1, {"acknowledge": True}, "com.x", ["hello"], {"k": 1}]))[0] == 17
        event = await alice.receive()
        assert (event[:2], event[4:]) == ([36, subscription], [["hello"], {"k": 1}])


async def test_goodbye_is_answered_and_another_session_may_follow(listener: Listener, router: Router) -> None:
    async with await Client.joined(listener.port) as client:
        assert await client.ask([6, {}, "wamp.close.close_realm"]) == [6, {}, "wamp.close.goodbye_and_out"]
        assert sessions(router) == 0
        await client.join()
        assert sessions(router) == 1


async def test_serializers_understand_each_other(listener: Listener) -> None:
    """JSON's binary to MessagePack and CBOR subscribers and back."""
    codecs: tuple[Any, ...] = ("json", "msgpack", "cbor")
    clients = [await Client.joined(listener.port, codec) for codec in codecs]
    binary: dict[str, Any] = {"json": "\0AP/+", "msgpack": b"\x00\xff\xfe", "cbor": b"\x00\xff\xfe"}
    for client in clients:
        await client.subscribe("com.x")
    for publisher in clients:
        publisher.send(
            [16, 1, {"exclude_me": False}, "com.x", [binary[publisher.codec], 1.5, None, 2**63], {"é": [True]}]
        )
        for client in clients:
            event = await client.receive()
            assert event[4:] == [[binary[client.codec], 1.5, None, 2**63], {"é": [True]}]
    for client in clients:
        await client.close()


async def test_payload_outside_the_common_model_is_refused_for_all(listener: Listener) -> None:
    async with await Client.joined(listener.port, "cbor") as alice, await Client.joined(listener.port) as bob:
        await bob.subscribe("com.x")
        for value in (float("nan"), 2**70, {1: 2}, "\0x"):
            error = await alice.ask([16, 1, {"acknowledge": True}, "com.x", [value]])
            assert error[4] == "wamp.error.invalid_argument"
        await alice.ask([16, 1, {"acknowledge": True}, "com.x", ["fine"]])
        assert (await bob.receive())[4] == ["fine"]


# ---- the handshake ----


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-WebSocket-Protocol": ""}, 400),
        ({"Sec-WebSocket-Protocol": "wamp.2.flatbuffers"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"X-Long": "x" * 20_000}, 431),
    ],
    ids=str,
)
async def test_handshake_is_refused(listener: Listener, headers: dict[str, str], status: int) -> None:
    with pytest.raises(RefusedError) as caught:
        await Client.connect(listener.port, headers=headers)
    assert caught.value.status == status
    assert caught.value.body


@pytest.mark.parametrize("headers", [{"Host": "localhost:99"}, {"Host": "[::1]:99"}, {"Origin": "http://127.0.0.1:{}"}])
async def test_handshake_is_taken(listener: Listener, headers: dict[str, str]) -> None:
    filled = {name: value.format(listener.port) for name, value in headers.items()}
    async with await Client.connect(listener.port, headers=filled) as client:
        await client.join()


async def test_first_subprotocol_that_the_router_has_is_chosen(listener: Listener) -> None:
    headers = {"Sec-WebSocket-Protocol": "wamp.2.flatbuffers, wamp.2.cbor, wamp.2.json"}
    async with await Client.connect(listener.port, "cbor", headers=headers) as client:
        await client.join()


async def test_other_path_is_not_found(listener: Listener) -> None:
    with pytest.raises(RefusedError) as caught:
        await Client.connect(listener.port, path="/other")
    assert caught.value.status == 404
    async with await Client.connect(listener.port, path="/ws?x=1") as client:
        await client.join()


class Plain(asyncio.Protocol):
    """An HTTP server of the program's own, which says what it was asked for."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        target = data.split(b" ")[1]
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))
        self._transport.close()


async def test_other_http_goes_to_the_server_of_the_program(router: Router) -> None:
    listener = await router.listen(
        "tcp://127.0.0.1:0", path="/wamp", http=Plain, hosts=["logs.example"], origins=["https://app.example"]
    )

    async def ask(host: str, target: str = "/page") -> bytes:
        reader, writer = await dial(listener.port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n".encode())
        await writer.drain()
        writer.write(b"Accept: text/html\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    assert (await ask("logs.example")).endswith(b"/page")
    assert (await ask("localhost", "/ws")).endswith(b"/ws")
    assert (await ask("evil.example")).startswith(b"HTTP/1.1 403 ")
    headers = {"Host": "logs.example", "Origin": "https://app.example"}
    async with await Client.connect(listener.port, path="/wamp", headers=headers) as client:
        await client.join()


@pytest.mark.parametrize("data", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00" + b"\r\n\r\n", b"GET / SPDY/1\r\n\r\n"])
async def test_what_is_no_http_is_told_so(listener: Listener, data: bytes) -> None:
    reader, writer = await dial(listener.port)
    writer.write(data)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_slow_head_is_closed(hasty: Listener) -> None:
    reader, writer = await dial(hasty.port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n")
    assert await reader.read() == b""
    writer.close()


async def test_head_may_come_byte_by_byte_and_messages_right_behind_it(listener: Listener) -> None:
    reader, writer = await dial(listener.port)
    head = (
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{listener.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
    ).encode()
    for index in range(len(head) - 1):
        writer.write(head[index : index + 1])
        await asyncio.sleep(0)
    hello = dumps("json", [1, "realm1", {"roles": {"caller": {}}, "authextra": {"x": "y" * 5000}}])
    calls = b"".join(frame(TEXT, dumps("json", [48, number, {}, "com.nobody"])) for number in range(1, 200))
    writer.write(head[-1:] + frame(TEXT, hello) + calls)
    await reader.readuntil(b"\r\n\r\n")
    client = Client(reader, writer, "json")
    assert (await client.receive())[0] == 2
    assert [(await client.receive())[2] for _ in range(1, 200)] == list(range(1, 200))
    await client.close()


async def test_session_must_open_in_time(hasty: Listener) -> None:
    async with await Client.connect(hasty.port) as client:
        abort = await client.receive()
        assert (abort[0], abort[2]) == (3, "fairlead.close.hello_timeout")
        assert (await client.closed()).code == 1008


# ---- frames ----


async def test_message_may_come_in_fragments_with_a_ping_between(listener: Listener) -> None:
    async with await Client.joined(listener.port) as client:
        message = dumps("json", [48, 7, {}, "com.nobody", ["é" * 100]])
        parts = [message[:30], message[30:31], b"", message[31:]]
        client.send_frame(TEXT, parts[0], fin=False)
        client.send_frame(CONTINUATION, parts[1], fin=False)
        client.send_frame(PING, b"still there?")
        client.send_frame(CONTINUATION, parts[2], fin=False)
        client.send_frame(CONTINUATION, parts[3])
        assert await client.receive_frame() == (PONG, b"still there?")
        assert (await client.receive())[2] == 7


async def test_largest_message_is_taken(listener: Listener) -> None:
    async with await Client.joined(listener.port) as client:
        empty = len(dumps("json", [16, 1, {"acknowledge": True}, "com.x", [""]]))
        largest = [16, 1, {"acknowledge": True}, "com.x", ["x" * ((1 << 20) - empty)]]
        assert (await client.ask(largest))[0] == 17


@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_larger_message_closes_with_1009(
    listener: Listener, router: Router, caplog: pytest.LogCaptureFixture, is_fragmented: bool
) -> None:
    async with await Client.joined(listener.port) as client:
        message = dumps("json", [16, 1, {}, "com.x", ["x" * (1 << 20)]])
        if is_fragmented:
            client.send_frame(TEXT, message[: 1 << 19], fin=False)
            client.send_frame(CONTINUATION, message[1 << 19 :])
        else:
            client.send_frame(TEXT, message)
        assert (await client.closed()).code == 1009
        await eventually(lambda: sessions(router) == 0)
    assert caplog.text == "", "a peer's mistake is no line in the log"


async def test_close_frame_reaches_also_who_sends_all_before_it_reads(listener: Listener) -> None:
    """A connection that is closed with input unread is reset: then sending fails, and nobody looks for the frame."""

    def send_then_read() -> bytes:
        with socket.create_connection(("127.0.0.1", listener.port)) as client:
            client.sendall(
                b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
            )
            while not client.recv(4096).endswith(b"\r\n\r\n"):
                pass
            client.sendall(frame(TEXT, b"x" * (1 << 25)))
            return client.recv(4096)

    answer = await asyncio.to_thread(send_then_read)
    assert answer[0] == 0x80 | CLOSE
    assert int.from_bytes(answer[2:4]) == 1009


BAD_FRAMES: list[tuple[str, list[bytes], int]] = [
    ("invalid UTF-8", [frame(TEXT, b'[48,1,{},"com.x",["\xff"]]')], 1007),
    ("UTF-8 cut off", [frame(TEXT, b'[48,1,{},"com.x",["\xc3"]]')], 1007),
    ("a surrogate", [frame(TEXT, b'[48,1,{},"com.x",["\xed\xa0\x80"]]')], 1007),
    (
        "invalid UTF-8 in fragments",
        [frame(TEXT, b'[48,1,{},"com.x",["\xff', fin=False), frame(CONTINUATION, b'"]]')],
        1007,
    ),
    ("unmasked", [frame(TEXT, b'[48,1,{},"com.x"]', is_masked=False)], 1002),
    ("reserved bit 1", [frame(TEXT, b'[48,1,{},"com.x"]', reserved=4)], 1002),
    ("reserved bit 3", [frame(TEXT, b'[48,1,{},"com.x"]', reserved=1)], 1002),
    ("reserved bit on a ping", [frame(PING, b"", reserved=2)], 1002),
    ("reserved opcode", [frame(3, b"")], 1002),
    ("reserved control opcode", [frame(11, b"")], 1002),
    ("binary in a text protocol", [frame(BINARY, b'[48,1,{},"com.x"]')], 1003),
    ("a continuation of nothing", [frame(CONTINUATION, b"x")], 1002),
    ("a message inside a message", [frame(TEXT, b"[48,", fin=False), frame(TEXT, b'[48,1,{},"com.x"]')], 1002),
    (
        "a code point that never ends, in fragments",
        [frame(TEXT, b'[48,1,{},"com.x",["\xe2\x82', fin=False), frame(CONTINUATION, b'"]]')],
        1007,
    ),
    (
        "a message inside a message, after a ping",
        [frame(TEXT, b"[", fin=False), frame(PING, b""), frame(TEXT, b"")],
        1002,
    ),
    ("a continuation after a whole message", [frame(TEXT, b"[48", fin=False), *[frame(CONTINUATION, b"]")] * 2], 1002),
    *((f"reserved opcode {opcode}", [frame(opcode, b"")], 1002) for opcode in (4, 5, 6, 7, 12, 13, 14, 15)),
    *(
        (f"a fragmented control frame {opcode}", [frame(opcode, b"", fin=False)], 1002)
        for opcode in (CLOSE, PING, PONG)
    ),
    *((f"a long control frame {opcode}", [frame(opcode, b"x" * 126)], 1002) for opcode in (CLOSE, PING, PONG)),
    ("an unmasked ping", [frame(PING, b"", is_masked=False)], 1002),
    ("a 16 bit length that needs 7", [b"\x81\xfe\x00\x7d\0\0\0\0" + b"x" * 125], 1002),
    ("a 64 bit length that needs 16", [b"\x81\xff" + (65_535).to_bytes(8) + b"\0\0\0\0"], 1002),
    ("a length beyond 63 bits", [b"\x81\xff" + (1 << 63).to_bytes(8) + b"\0\0\0\0"], 1002),
    ("a length of 2**62", [b"\x81\xff" + (1 << 62).to_bytes(8) + b"\0\0\0\0"], 1009),
    ("a close frame of one byte", [frame(CLOSE, b"\x03")], 1002),
    ("a close reason that is no UTF-8", [frame(CLOSE, b"\x03\xe8\xff")], 1007),
    *(
        (f"close code {code}", [frame(CLOSE, code.to_bytes(2))], 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    ),
]
"""What breaks RFC 6455, and the code of the close frame that answers it."""


@pytest.mark.parametrize(("name", "frames", "code"), BAD_FRAMES, ids=[each[0] for each in BAD_FRAMES])
async def test_bad_frame_closes_and_ends_the_session(
    listener: Listener, router: Router, caplog: pytest.LogCaptureFixture, name: str, frames: list[bytes], code: int
) -> None:
    """Nothing of the session goes on behind the close frame: no later request, and no event."""
    async with await Client.joined(listener.port) as client, await Client.joined(listener.port) as publisher:
        await client.subscribe("com.x")
        later = frame(TEXT, dumps("json", [16, 9, {"acknowledge": True, "exclude_me": False}, "com.x"]))
        client.writer.write(b"".join(frames) + later)
        for number in range(1, 50):
            publisher.send([16, number, {}, "com.x"])
        assert (await client.closed(only=36)).code == code
        assert await client.frames_left() <= {CLOSE}, "nothing follows a close frame"
        await eventually(lambda: sessions(router) == 1)
    assert caplog.text == "", "a peer's mistake is no line in the log"


async def test_text_in_a_binary_protocol_closes_with_1003(listener: Listener) -> None:
    async with await Client.joined(listener.port, "msgpack") as client:
        client.send_frame(TEXT, b"[]")
        assert (await client.closed()).code == 1003


async def test_binary_protocols_need_no_utf8(listener: Listener) -> None:
    async with await Client.joined(listener.port, "msgpack") as client:
        assert (await client.ask([16, 1, {"acknowledge": True}, "com.x", [b"\xff"]]))[0] == 17


async def test_malformed_message_is_told_in_an_abort(listener: Listener) -> None:
    async with await Client.joined(listener.port) as client:
        client.send_frame(TEXT, b'[16,0,{},"com.x"]')
        abort = await client.receive()
        assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")
        assert "$[1]" in abort[1]["message"]
        end = await client.closed()
        assert (end.code, end.reason) == (1008, "wamp.error.protocol_violation")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1000),
        (b"\x03\xe8bye", 1000),
        (b"\x03\xe8" + "\u00fc".encode() * 61, 1000),
        *(((code).to_bytes(2), code) for code in (1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999)),
    ],
)
async def test_close_frame_is_answered_with_its_code(
    listener: Listener, router: Router, payload: bytes, code: int
) -> None:
    async with await Client.joined(listener.port) as client:
        client.send_frame(CLOSE, payload)
        assert (await client.closed()).code == code
        assert await client.frames_left() == set()
        await eventually(lambda: sessions(router) == 0)


async def test_code_point_may_be_split_over_fragments(listener: Listener) -> None:
    async with await Client.joined(listener.port) as client:
        first, *octets = dumps("json", [48, 7, {}, "com.nobody", ["\u20ac \U0001f6a2"]])
        client.send_frame(TEXT, bytes([first]), fin=False)
        for octet in octets:
            client.send_frame(CONTINUATION, bytes([octet]), fin=False)
        client.send_frame(CONTINUATION, b"")
        assert (await client.receive())[2] == 7


async def test_empty_fragments_are_fragments(listener: Listener) -> None:
    async with await Client.joined(listener.port) as client:
        client.send_frame(TEXT, b"", fin=False)
        client.send_frame(CONTINUATION, dumps("json", [48, 7, {}, "com.nobody"]), fin=False)
        client.send_frame(CONTINUATION, b"")
        assert (await client.receive())[2] == 7


async def test_compression_is_offered_in_vain(listener: Listener) -> None:
    headers = {
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Connection": "keep-alive, Upgrade",
    }
    async with await Client.connect(listener.port, headers=headers) as client:
        assert "extensions" not in client.answer.lower()
        await client.join()


# ---- connections that end, or seem to live ----


@pytest.mark.parametrize("way", ["close", "reset", "half close"])
async def test_connection_that_ends_ends_the_session(listener: Listener, router: Router, way: str) -> None:
    async with await Client.joined(listener.port) as client:
        if way == "close":
            client.writer.close()
        elif way == "reset":
            client.reset()
        else:
            client.writer.write_eof()
        await eventually(lambda: sessions(router) == 0)


async def test_peer_that_went_silent_is_given_up(hasty: Listener) -> None:
    async with await Client.joined(hasty.port) as client:
        assert (await client.receive_frame())[0] == PING
        with pytest.raises(ClosedError):
            await client.receive_frame()


async def test_peer_that_answers_pings_stays(hasty: Listener) -> None:
    async with await Client.joined(hasty.port) as client:
        for _ in range(4):
            assert (await client.receive_frame())[0] == PING
            client.send_frame(PONG, b"")


async def test_protocol_error_of_a_peer_that_does_not_read_ends_all_the_same(hasty: Listener) -> None:
    async with await Client.joined(hasty.port, receive_buffer=4096) as client, await Client.joined(hasty.port) as other:
        await client.subscribe("com.x")
        client.stop_reading()
        for number in range(1, 30):
            other.send([16, number, {}, "com.x", ["x" * 50_000]])
        client.send_frame(TEXT, b"\xff")
        await eventually(lambda: hasty.connections == 1)


# ---- closing the router ----


async def test_close_says_goodbye_and_leaves_nothing() -> None:
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks(loop)
    router = Router(Limits(close_timeout_s=5))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    client = await Client.joined(listener.port)
    closing = asyncio.ensure_future(router.close())
    goodbye = await client.receive()
    assert (goodbye[0], goodbye[2]) == (6, "wamp.close.system_shutdown")
    client.send([6, {}, "wamp.close.goodbye_and_out"])
    assert (await client.closed()).code == 1000
    await client.close()
    await closing
    assert listener.connections == 0
    assert asyncio.all_tasks(loop) == tasks
    with pytest.raises(ConnectionRefusedError):
        await dial(listener.port)


async def test_close_waits_for_nobody_who_has_no_session() -> None:
    loop = asyncio.get_running_loop()
    router = Router(Limits(close_timeout_s=5))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    waiting = await dial(listener.port)
    client = await Client.connect(listener.port)
    begin_s = loop.time()
    closing = asyncio.ensure_future(router.close())
    abort = await client.receive()
    assert (abort[0], abort[2]) == (3, "wamp.close.system_shutdown")
    client.send_frame(CLOSE, b"\x03\xe8")
    await closing
    assert loop.time() - begin_s < 2
    await client.close()
    waiting[1].close()


async def test_close_resets_who_does_not_answer() -> None:
    router = Router(Limits(close_timeout_s=0.1))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    client = await Client.joined(listener.port)
    closing = asyncio.ensure_future(router.close())
    assert (await client.receive())[0] == 6
    await closing
    assert listener.connections == 0
    assert (await client.closed()).code == 0
    await client.close()


async def test_close_ends_the_tasks_of_members() -> None:
    router = Router(Limits(close_timeout_s=0.1))
    realm = router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    ended: list[bool] = []

    async def endpoint(call: Any) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return {}

    realm.join(Principal("s", "service")).register("com.p", endpoint)
    client = await Client.joined(listener.port)
    client.send([48, 1, {}, "com.p"])
    tasks = asyncio.all_tasks()
    await eventually(lambda: len(asyncio.all_tasks()) > len(tasks))
    await router.close()
    assert ended == [True]
    await client.close()


async def test_several_routers_live_side_by_side() -> None:
    routers = [Router(), Router()]
    ports = []
    for router in routers:
        router.add_realm("realm1")
        ports.append((await router.listen("tcp://127.0.0.1:0")).port)
    clients = [await Client.joined(port) for port in ports]
    for client in clients:
        await client.subscribe("com.x")
    clients[0].send([16, 1, {"exclude_me": False}, "com.x", ["only here"]])
    assert (await clients[0].receive())[4] == ["only here"]
    assert (await clients[1].ask([48, 1, {}, "com.nobody"]))[0] == 8
    for client in clients:
        await client.close()
    for router in routers:
        await router.close()


async def test_endpoint_that_is_taken_is_an_os_error(listener: Listener, router: Router) -> None:
    with pytest.raises(OSError, match="in use"):
        await router.listen(f"tcp://127.0.0.1:{listener.port}")


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1", "127.0.0.1:", "tcp://:80", "tcp://h:99999", "tcp://h:x", ""])
async def test_bad_endpoint_is_a_value_error(router: Router, endpoint: str) -> None:
    with pytest.raises(ValueError, match="must be tcp://HOST:PORT"):
        await router.listen(endpoint)


async def test_realm_exists_once(router: Router) -> None:
    with pytest.raises(ValueError, match="exists already"):
        router.add_realm("realm1")


async def test_failure_of_ours_is_logged_and_ends_one_session(
    listener: Listener, router: Router, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    async with await Client.joined(listener.port) as client, await Client.joined(listener.port) as other:
        monkeypatch.setattr(Broker, "subscribe", fail)
        with caplog.at_level(logging.ERROR):
            client.send([32, 1, {}, "com.x"])
            assert (await client.closed()).code == 1011
        assert "ZeroDivisionError" in caplog.text
        await eventually(lambda: sessions(router) == 1)
        assert (await other.ask([49, 1, {}], [34, 1, 1]))[0] == 8
