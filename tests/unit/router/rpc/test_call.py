"""Arguments of an in-process endpoint, its rights, and writing at the pace of the caller."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import msgspec
import pytest

from fairlead_router.authorization import Principal
from fairlead_router.errors import NotAuthorized
from fairlead_router.limits import Limits
from fairlead_router.rpc.call import PENDING, Call
from fairlead_router.transcode import Codec, StrOrBytes
from support.core import EVERY_FEATURE, Core, Peer, Rights

EACH_CODEC = pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])


class Append(msgspec.Struct):
    """As an endpoint declares its arguments."""

    positional: ClassVar[tuple[str, ...]] = ("stream", "records")

    stream: str
    records: list[tuple[int, StrOrBytes]] = []
    seq: int | None = None
    anything: Any = None


def serve(core: Core, endpoint: Any) -> None:
    member = core.realm1.join(Principal("service", "service"))
    member.register("com.p", endpoint)
    core.host.run()


def ask(caller: Peer, *payload: Any) -> Any:
    """The result's dict, or the ERROR."""
    [answer] = caller.ask([48, 1, {}, "com.p", *payload])
    return answer[3][0] if answer[0] == 50 else answer


def bound(call: Call) -> dict[str, Any]:
    arguments = call.arguments(Append)
    return {
        "stream": arguments.stream,
        "records": [list(record) for record in arguments.records],
        "seq": arguments.seq,
        "anything": arguments.anything,
    }


@EACH_CODEC
@pytest.mark.parametrize(
    "payload",
    [
        (["s", [[1, "x"]]], {"seq": 5}),
        (["s"], {"records": [[1, "x"]], "seq": 5}),
        ([], {"stream": "s", "records": [[1, "x"]], "seq": 5, "unknown": {"ignored": True}}),
    ],
)
async def test_arguments_come_by_position_and_by_name(codec: Codec, payload: tuple[Any, ...]) -> None:
    core = Core()
    serve(core, bound)
    expected = {"stream": "s", "records": [[1, "x"]], "seq": 5, "anything": None}
    assert ask(core.join(codec=codec), *payload) == expected


@EACH_CODEC
async def test_absent_arguments_are_defaults(codec: Codec) -> None:
    core = Core()
    serve(core, bound)
    assert ask(core.join(codec=codec), ["s"]) == {"stream": "s", "records": [], "seq": None, "anything": None}


@EACH_CODEC
async def test_binary_arrives_as_bytes_whatever_the_serializer(codec: Codec) -> None:
    core = Core()
    seen: list[Append] = []

    def endpoint(call: Call) -> dict[str, Any]:
        seen.append(call.arguments(Append))
        return {}

    serve(core, endpoint)
    binary: Any = "\0/wA=" if codec == "json" else b"\xff\x00"
    assert ask(core.join(codec=codec), ["s", [[1, binary], [2, "text"]]], {"anything": binary}) == {}
    assert seen[0].records == [(1, b"\xff\x00"), (2, "text")]
    assert seen[0].anything == b"\xff\x00"


@EACH_CODEC
async def test_argument_that_comes_twice_is_taken_by_name(codec: Codec) -> None:
    core = Core()
    serve(core, bound)
    assert ask(core.join(codec=codec), ["by position"], {"stream": "by name"})["stream"] == "by name"


@EACH_CODEC
@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ([], "com.p: Object missing required field `stream`"),
        ([[]], "com.p: Object missing required field `stream`"),
        ([[5]], "com.p: Expected `str`, got `int` - at `$.stream`"),
        ([["s", [[1]]]], "com.p: Expected `array` of length 2 - at `$.records[0]`"),
        ([["s", [], 3, 4]], "com.p: 4 positional arguments; at most 2 are taken: stream, records"),
        ([["s"], {"seq": "5"}], "com.p: Expected `int | null`, got `str` - at `$.seq`"),
    ],
)
async def test_wrong_argument_is_named(codec: Codec, payload: list[Any], text: str) -> None:
    core = Core()
    serve(core, bound)
    error = ask(core.join(codec=codec), *payload)
    assert error[4] == "wamp.error.invalid_argument"
    assert error[5][0].replace(", got 1", "") == text


@EACH_CODEC
@pytest.mark.parametrize("payload", [[{"stream": "s"}], [["s"], ["seq"]], ["s"], [5], [None]])
async def test_payload_of_the_wrong_shape_is_an_error(
    codec: Codec, payload: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    core = Core()
    serve(core, bound)
    with caplog.at_level(logging.ERROR):
        error = ask(core.join(codec=codec), *payload)
    assert error[4] == "wamp.error.invalid_argument"
    assert caplog.text == ""


async def test_keywords_cannot_be_smuggled_by_what_is_no_map() -> None:
    core = Core()
    serve(core, bound)
    alice = core.join()
    for kwargs in (b'"{\\"stream\\":\\"x\\"}"', b'["stream"]', b"12345", b'"\\"stream\\":1"', b"[{}]"):
        alice.send_bytes(b'[48,1,{},"com.p",["s"],%b]' % kwargs)
        [error] = alice.take()
        assert error[4] == "wamp.error.invalid_argument", kwargs


# ---- rights ----


def pending(core: Core, rights: Rights) -> tuple[Peer, Call, list[str]]:
    calls: list[Call] = []
    ended: list[str] = []

    def endpoint(call: Call) -> Any:
        calls.append(call)
        call.on_end = ended.append
        return PENDING

    serve(core, endpoint)
    alice = core.join("alice", roles=EVERY_FEATURE)
    alice.ask([48, 1, {"receive_progress": True}, "com.p"])
    return alice, calls[0], ended


async def test_caller_can_what_the_authorizer_says() -> None:
    rights = Rights()
    rights.grant("alice", "a")
    core = Core(authorizer=rights)
    _, call, _ = pending(core, rights)
    assert call.caller.can("read", "a")
    assert not call.caller.can("read", "b")
    call.require("read", "a")
    with pytest.raises(NotAuthorized, match="'alice' may not read 'b'"):
        call.require("read", "b")


async def test_held_right_that_is_lost_ends_the_call_and_takes_back_what_is_queued() -> None:
    rights = Rights()
    rights.grant("alice", "a")
    core = Core(authorizer=rights)
    alice, call, ended = pending(core, rights)
    call.hold("read", "a")
    call.send({"first": True})
    core.host.run()
    alice.clog()
    call.send({"secret": True})
    core.host.run()
    rights.take_away("alice", "a")
    core.realm1.gate.revoke(objects=["a"])
    assert not call.is_open
    assert not call.send({"too": "late"})
    alice.read_on()
    first, error = alice.take()
    assert first[3] == [{"first": True}]
    assert error[:5] == [8, 48, 1, {}, "wamp.error.not_authorized"]
    assert ended == ["wamp.error.not_authorized"]
    call.finish({"too": "late"})
    assert alice.take() == []


async def test_held_right_that_stays_changes_nothing() -> None:
    rights = Rights()
    rights.grant("alice", "a")
    core = Core(authorizer=rights)
    alice, call, ended = pending(core, rights)
    call.hold("read", "a")
    core.realm1.gate.revoke(principals=["alice"], objects=["a"])
    call.finish({"ok": True})
    assert [message[3] for message in alice.take()] == [[{"ok": True}]]
    assert ended == []


async def test_right_that_is_not_there_cannot_be_held() -> None:
    core = Core(authorizer=Rights())
    _, call, _ = pending(core, Rights())
    with pytest.raises(NotAuthorized):
        call.hold("read", "a")


# ---- at the pace of the caller ----


async def test_send_says_when_there_is_no_room_and_on_writable_when_there_is() -> None:
    core = Core(Limits(catch_up_bytes=1000))
    alice, call, _ = pending(core, Rights())
    alice.clog()
    sent = 0
    while call.send({"n": sent, "x": "x" * 80}, position=sent):
        sent += 1
    assert 5 < sent < 10
    core.host.run()

    def resume() -> None:
        nonlocal sent
        while sent < 50 and call.send({"n": sent, "x": "x" * 80}, position=sent):
            sent += 1

    call.on_writable = resume
    assert call.on_writable is resume
    core.host.run()
    assert sent < 10
    alice.read_on()
    core.host.run()
    assert sent == 50
    assert [message[3][0]["n"] for message in alice.take()] == list(range(50))


async def test_purge_gives_the_position_of_what_was_not_sent() -> None:
    core = Core()
    alice, call, _ = pending(core, Rights())
    call.send({"n": 0}, position=100)
    core.host.run()
    alice.clog()
    call.send({"n": 1}, position=101)
    call.send({"n": 2}, position=102)
    core.host.run()
    assert call.purge() == 101
    assert call.purge() is None
    call.finish({})
    alice.read_on()
    assert [message[3] for message in alice.take()] == [[{"n": 0}], [{}]]


async def test_call_that_is_over_is_not_woken() -> None:
    core = Core(Limits(catch_up_bytes=500))
    alice, call, _ = pending(core, Rights())
    woken: list[None] = []
    call.on_writable = lambda: woken.append(None)
    alice.clog()
    while call.send({"x": "x" * 80}):
        pass
    alice.send([49, 1, {}])
    alice.read_on()
    core.host.run()
    assert woken == []


async def test_on_writable_that_fails_is_logged_and_the_results_still_come(caplog: pytest.LogCaptureFixture) -> None:
    core = Core(Limits(catch_up_bytes=500))
    alice, call, _ = pending(core, Rights())

    def fail() -> None:
        raise ZeroDivisionError

    call.on_writable = fail
    alice.clog()
    sent = 0
    while call.send({"n": sent, "x": "x" * 80}):
        sent += 1
    alice.read_on()
    core.host.run()
    assert len(alice.take()) == sent
    assert "on_writable of a call of com.p failed" in caplog.text
