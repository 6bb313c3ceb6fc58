"""The procedures of docs/reference.md as a stranger writes to them: bytes on a socket, in every serializer.

Each shape is compared whole: a key more or less is another contract. That a right that is lost ends what rests on it is
shown for all of them in test_revocation_everywhere.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead_logstream import LogService
from fairlead_router import Router
from integration.logstream_peer import ERROR, EVENT, RESULT, SUBSCRIBED, WirePeer, wire_peer
from support.rights import Rights

T = 1_700_000_000_000_000
CALL, CANCEL, SUBSCRIBE = 48, 49, 32
HIDDEN = "hidden"

CODECS = pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])


class AllButHidden(Rights):
    """Everybody may do everything, but nobody anything with one object."""

    def can(self, principal: Any, level: Any, object_id: str) -> bool:
        return object_id != HIDDEN


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    router = Router()
    logs = await LogService.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    logs.bind(router.add_realm("realm1", authorizer=AllButHidden()))
    listener = await router.listen("tcp://127.0.0.1:0")
    yield f"ws://127.0.0.1:{listener.port}/ws"
    await logs.close()
    await router.close()


def record(number: int, source: str = "stdout") -> list[Any]:
    return [T + number, source, str(number), 0]


async def result(peer: WirePeer, name: str, *args: Any, **kwargs: Any) -> Any:
    """The one dict of a RESULT, which has nothing else in it."""
    answer = await peer.call(name, *args, **kwargs)
    assert answer[0] == RESULT, answer
    assert (answer[2], len(answer[3]), answer[4:]) == ({}, 1, [{}])
    return answer[3][0]


async def filled(peer: WirePeer, stream: str = "s", count: int = 5) -> int:
    """A stream with the texts 0, 1, 2, ... of two sources; its epoch."""
    epoch = (await result(peer, "create", stream))["epoch"]
    records = [record(number, "stderr" if number % 2 else "stdout") for number in range(count)]
    await result(peer, "append", stream, records)
    return int(epoch)


# ---- shapes


@CODECS
async def test_what_writes(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        created = await result(peer, "create", "s", producer="p", metadata={"a": [1, None]}, unit="records")
        epoch = created["epoch"]
        stands = {"producer_term": 0, "producer_unit": "records", "attempt": 1, "sealed": None}
        assert created == {"epoch": epoch, "next": 0, "producer_seq": 0, **stands}
        appended = await result(peer, "append", "s", [record(0), record(1)], producer="p", seq=0)
        assert appended == {"first": 0, "next": 2, "epoch": epoch}
        again = await result(peer, "append", "s", [record(1), record(2)], producer="p", seq=1)
        assert again == {"first": 2, "next": 3, "epoch": epoch}
        assert await result(peer, "append", "s", [], producer="p") == {"first": 3, "next": 3, "epoch": epoch}
        assert await result(peer, "create", "s", producer="p") == {
            "epoch": epoch,
            "next": 3,
            "producer_seq": 3,
            **stands,
        }
        updated = await result(peer, "update", "s", metadata={"b": "x"}, retention={"max_records": 10})
        assert updated == {"metadata": {"b": "x"}, "retention": {"max_records": 10}}
        assert await result(peer, "seal", "s", exit_code=3, reason="done") == {"next": 3}
        assert await result(peer, "seal", "s", exit_code=3, reason="done") == {"next": 3}
        assert await result(peer, "delete", "s") == {"stream": "s"}


@CODECS
async def test_what_reads(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        epoch = await filled(peer)
        about = {"head": 5, "oldest": 0, "epoch": epoch, "sealed": None}
        records = [record(number, "stderr" if number % 2 else "stdout") for number in range(5)]
        assert await result(peer, "read", "s") == {"first": 0, "records": records, "next": 5, **about}
        page = await result(peer, "read", "s", start=1, epoch=epoch, sources=["stderr"])
        assert page == {"first": 1, "records": records[1::2], "seqs": [1, 3], "next": 5, **about}
        found = await result(peer, "search", "s", "3")
        assert found == {"first": 0, "records": [records[3]], "seqs": [3], "next": 5, **about}
        found = await result(peer, "search", "s", sources=["stdout"], backwards=True, limit=2)
        assert found == {"first": 5, "records": [records[4], records[2]], "seqs": [4, 2], "next": 1, **about}, (
            "1 is passed over"
        )


@CODECS
async def test_a_sealed_log_is_read_by_the_same_request_as_a_running_one(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        await filled(peer)
        running = await result(peer, "read", "s")
        await result(peer, "seal", "s", exit_code=0)
        sealed = {"exit_code": 0, "reason": None, "next": 5}
        assert await result(peer, "read", "s") == {**running, "sealed": sealed}
        request = await peer.request(CALL, {"receive_progress": True}, "fairlead.log.follow", ["s"], {})
        last = await peer.first(lambda message: message[:3] == [RESULT, request, {}])
        assert last[3:] == [[{"sealed": sealed}], {}]
        (progress,) = [message for message in peer.messages if message[:3] == [RESULT, request, {"progress": True}]]
        whole = {key: running[key] for key in ("first", "records", "next", "epoch")}
        assert progress[3:] == [[whole], {}]


@CODECS
async def test_what_lists(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        epoch = await filled(peer)
        await result(
            peer, "create", "t", object="o", metadata={"job": "x"}, retention={"max_age_s": 60}, heartbeat_s=60
        )
        page = await result(peer, "list", limit=1)
        (entry,) = page["streams"]
        assert set(page) == {"streams", "after"}
        assert page["after"] == "s"
        begun_us = entry["created_us"]
        size = entry["bytes"]
        assert size >= sum(len(msgspec.json.encode(record(number))) for number in range(5))
        assert entry == {
            "stream": "s",
            "object": "s",
            "next": 5,
            "head": 5,
            "oldest": 0,
            "bytes": size,
            "epoch": epoch,
            "created_us": begun_us,
            "last_us": T + 4,
            "attempt": 1,
            "attempts": entry["attempts"],
            "metadata": {},
            "retention": {},
            "heartbeat_s": None,
            "stale": None,
            "sealed": None,
        }
        page = await result(peer, "list", metadata={"job": "x"}, sealed=False, stale=False, object="o", after="s")
        assert [each["stream"] for each in page["streams"]] == ["t"]
        assert page["after"] is None
        assert (await result(peer, "list", prefix="u"))["streams"] == []


@CODECS
async def test_what_keeps_positions(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        epoch = await filled(peer)
        assert await result(peer, "commit", "s", "c", 2, epoch) == {"next": 2}
        cursor = await result(peer, "cursor", "s", "c")
        stands = {key: cursor[key] for key in ("owner", "committed_us")}
        known = {"cursor": "c", "next": 2, "epoch": epoch, "lag_records": 3, **stands}
        assert cursor == {**known, "head": 5, "lag_bytes": cursor["lag_bytes"]}
        assert await result(peer, "cursors", "s") == {"cursors": [known], "head": 5, "epoch": epoch}
        assert await result(peer, "commit", "s", "c", 1, epoch, back=True) == {"next": 1}
        for _ in range(2):
            assert await result(peer, "delete_cursor", "s", "c") == {}


@CODECS
async def test_arguments_go_by_position_or_by_name_and_unknown_ones_are_ignored(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        epoch = (await result(peer, "create", stream="s", colour="red"))["epoch"]
        assert (await result(peer, "append", stream="s", records=[record(0)], colour="red"))["next"] == 1
        for name, args, about in (
            ("read", ["s"], {}),
            ("search", ["s", "0"], {"stream": "s", "text": "0"}),
            ("commit", ["s", "c", 1, epoch], {"stream": "s", "cursor": "c", "next": 1, "epoch": epoch}),
            ("cursor", ["s", "c"], {"stream": "s", "cursor": "c"}),
            ("cursors", ["s"], {}),
            ("delete_cursor", ["s", "c"], {"stream": "s", "cursor": "c"}),
            ("update", ["s"], {}),
            ("seal", ["s"], {}),
            ("delete", ["s"], {}),
        ):
            if name != "delete":
                by_position = await result(peer, name, *args, colour="red")
                assert await result(peer, name, **{"stream": "s", **about}, colour="red") == by_position, name
        assert await result(peer, "delete", stream="s", colour="red") == {"stream": "s"}


# ---- errors

NO = "fairlead.error.no_such_stream"
INVALID = "wamp.error.invalid_argument"
REFUSED: list[tuple[str, list[Any], dict[str, Any], str, dict[str, Any]]] = [
    *[(name, ["no"], {}, NO, {"stream": "no"}) for name in ("read", "search", "seal", "update", "delete", "cursors")],
    ("append", ["no", []], {}, NO, {"stream": "no"}),
    ("cursor", ["no", "c"], {}, NO, {"stream": "no"}),
    ("commit", ["no", "c", 0, 0], {}, NO, {"stream": "no"}),
    ("delete_cursor", ["no", "c"], {}, NO, {"stream": "no"}),
    *[(name, [HIDDEN], {}, "wamp.error.not_authorized", {}) for name in ("read", "search", "seal", "update", "delete")],
    ("create", ["new"], {"object": HIDDEN}, "wamp.error.not_authorized", {}),
    ("append", [HIDDEN, []], {}, "wamp.error.not_authorized", {}),
    (
        "append",
        ["s", [[1, "a", "x", 0]]],
        {"producer": "p", "seq": 9, "term": 3},
        "fairlead.error.gap",
        {"expected": 1, "term": 3},
    ),
    (
        "append",
        ["s", [[1, "a", "x", 0]]],
        {"producer": "p", "seq": 1},
        "fairlead.error.fenced",
        {"expected": 1, "term": 3},
    ),
    ("append", ["ended", [[1, "a", "x", 0]]], {}, "fairlead.error.sealed", {"exit_code": 2, "reason": "r", "next": 0}),
    ("seal", ["ended"], {"exit_code": 3}, "fairlead.error.sealed", {"exit_code": 2, "reason": "r", "next": 0}),
    ("create", ["s"], {"attempt": 5}, "fairlead.error.attempt", {"expected": 2}),
    ("cursor", ["s", "none"], {}, "fairlead.error.no_such_cursor", {"cursor": "none"}),
    ("follow", ["s"], {}, "fairlead.error.no_progress", {}),
    ("read", ["s"], {"start": 1}, INVALID, {}),
    ("search", ["s"], {"start": 1}, INVALID, {}),
    *[("read", ["s"], {"tail": 1, key: 1}, INVALID, {}) for key in ("since", "tail_bytes")],
    ("read", ["s"], {"since": 1, "tail_bytes": 1}, INVALID, {}),
    ("read", ["s"], {"tail": 1, "start": 0}, INVALID, {}),
    *[(name, ["s"], {"limit": limit}, INVALID, {}) for name in ("read", "search") for limit in (0, 10_001, "1", 1.5)],
    ("list", [], {"limit": 10_001}, INVALID, {}),
    ("read", ["s"], {"wait_s": -1}, INVALID, {}),
    ("read", ["s"], {"sources": []}, INVALID, {}),
    ("read", ["s", 1], {}, INVALID, {}),
    ("read", [], {}, INVALID, {}),
    ("read", [7], {}, INVALID, {}),
    ("read", ["a.b"], {}, INVALID, {}),
    ("read", ["x" * 129], {}, INVALID, {}),
    ("append", ["s"], {}, INVALID, {}),
    ("append", ["s", "text"], {}, INVALID, {}),
    ("append", ["s", [[1, "a", "x"]]], {}, INVALID, {}),
    ("append", ["s", [[1, "a", None, 0]]], {}, INVALID, {}),
    ("append", ["s", []], {"seq": 1}, INVALID, {}),
    ("append", ["s", []], {"producer": "p", "seq": 1, "offset": 1}, INVALID, {}),
    ("append", ["s", [[1, "a", "x", 0]]], {"producer": "p", "offset": 1, "term": 3}, INVALID, {}),
    ("create", ["s"], {"heartbeat_s": 0}, INVALID, {}),
    ("create", ["s"], {"unit": "lines"}, INVALID, {}),
    ("create", ["s"], {"object": "another"}, INVALID, {}),
    ("create", ["new"], {"retention": {"max_lines": 3}}, INVALID, {}),
    ("create", ["new"], {"metadata": {"a": "x" * 4096}}, INVALID, {}),
    ("search", ["s", ""], {}, INVALID, {}),
    ("search", ["s", "x" * 1025], {}, INVALID, {}),
    ("commit", ["s", "c"], {}, INVALID, {}),
    ("commit", ["s", "a.b", 0, 0], {}, INVALID, {}),
]


@CODECS
async def test_what_is_refused_says_why_and_what_to_do(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        await result(peer, "create", "s")
        await result(peer, "append", "s", [record(0)], producer="p", seq=0, term=3)
        await result(peer, "create", "ended")
        await result(peer, "seal", "ended", exit_code=2, reason="r")
        for name, args, kwargs, uri, about in REFUSED:
            answer = await peer.call(name, *args, **kwargs)
            assert answer[0] == ERROR, (name, args, kwargs)
            assert (answer[1], answer[3], answer[4]) == (CALL, {}, uri), (name, args, kwargs, answer)
            (text,) = answer[5]
            assert isinstance(text, str)
            assert (answer[6] if len(answer) > 6 else {}) == about, (name, args, kwargs)
        assert (await result(peer, "read", "s"))["next"] == 1


@CODECS
async def test_a_cursor_of_elsewhere(url: str, codec: str) -> None:
    async with wire_peer(url, codec) as peer:
        epoch = await filled(peer)
        ahead = await peer.call("read", "s", start=6, epoch=epoch)
        assert (ahead[4], ahead[6]) == ("fairlead.error.ahead", {"head": 5, "epoch": epoch})
        for name in ("read", "search"):
            page = await result(peer, name, "s", start=6, epoch=epoch + 1)
            assert page["reset"] == {"epoch": epoch, "oldest": 0, "next": 0}
            assert (page["first"], page["next"], len(page["records"])) == (0, 5, 5)
        request = await peer.request(
            CALL, {"receive_progress": True}, "fairlead.log.follow", ["s"], {"start": 6, "epoch": 1}
        )
        await peer.until(lambda: len(progress(peer, request)) == 2)
        assert progress(peer, request)[0] == {"reset": {"epoch": epoch, "oldest": 0, "next": 0}}
        await result(peer, "commit", "s", "c", 4, epoch)
        other = await peer.call("commit", "s", "c", 4, epoch + 1)
        assert (other[4], other[6]) == ("fairlead.error.other_epoch", {"epoch": epoch, "oldest": 0})
        back = await peer.call("commit", "s", "c", 3, epoch)
        assert (back[4], back[6]) == ("fairlead.error.backwards", {"next": 4, "epoch": epoch})
        beyond = await peer.call("commit", "s", "c", 6, epoch)
        assert (beyond[4], beyond[6]) == ("fairlead.error.ahead", {"head": 5, "epoch": epoch})


def progress(peer: WirePeer, request: int) -> list[Any]:
    return [message[3][0] for message in peer.messages if message[:3] == [RESULT, request, {"progress": True}]]


# ---- limits


async def test_a_page_has_a_thousand_records_unless_asked_for_more_and_stays_below_256_kib(url: str) -> None:
    async with wire_peer(url) as peer:
        await result(peer, "create", "s")
        for first in range(0, 12_000, 4_000):
            await result(peer, "append", "s", [[1, "a", "", 0] for _ in range(first, first + 4_000)])
        assert len((await result(peer, "read", "s"))["records"]) == 1_000
        assert len((await result(peer, "search", "s"))["records"]) == 1_000
        assert len((await result(peer, "read", "s", limit=10_000))["records"]) == 10_000
        await result(peer, "create", "wide")
        for _ in range(4):
            await result(peer, "append", "wide", [[1, "a", "x" * 60_000, 0] for _ in range(10)])
        for name in ("read", "search"):
            answer = await peer.call(name, "wide", limit=10_000)
            assert 0 < len(answer[3][0]["records"]) < 10
            assert len(msgspec.json.encode(answer)) < 256 << 10


async def test_an_append_has_a_mebibyte_of_records_at_most(url: str) -> None:
    async with wire_peer(url) as peer:
        await result(peer, "create", "s")
        line = [1, "a", "x" * 60_000, 0]
        assert (await result(peer, "append", "s", [line] * 17))["next"] == 17
    async with wire_peer(url, "msgpack") as peer:  # as a message it is less than a MiB, its records are more in JSON
        quotes = [1, "a", '"' * 60_000, 0]
        answer = await peer.call("append", "s", [quotes] * 10)
        assert (answer[0], answer[4]) == (ERROR, INVALID)
        assert (await result(peer, "read", "s", tail=0))["head"] == 17


# ---- the ends of calls


@pytest.mark.parametrize("mode", [None, "skip", "kill", "killnowait"])
@pytest.mark.parametrize("name", ["follow", "read"])
async def test_a_cancelled_call_ends_once_and_nothing_comes_after(url: str, name: str, mode: str | None) -> None:
    async with wire_peer(url) as writer, wire_peer(url) as peer:
        epoch = await filled(writer)
        about = {"start": 5, "epoch": epoch, **({"wait_s": 30} if name == "read" else {})}
        request = await peer.request(CALL, {"receive_progress": True}, f"fairlead.log.{name}", ["s"], about)
        await result(peer, "read", "s", tail=0)  # it has begun: calls arrive in order
        await peer.send(CANCEL, request, {} if mode is None else {"mode": mode})
        ended = await peer.first(lambda message: message[0] == ERROR)
        assert ended[:3] == [ERROR, CALL, request]
        assert ended[4] == "wamp.error.canceled"
        await result(writer, "append", "s", [record(5)])
        await result(peer, "read", "s", tail=0)
        assert [message for message in peer.messages if request in message[1:3]] == [ended]


async def test_a_read_that_waits_is_answered_by_the_first_record_or_the_end_or_the_time(url: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url) as peer:
        epoch = await filled(writer)
        at_head = await result(peer, "read", "s", start=5, epoch=epoch, wait_s=0.05)
        assert (at_head["records"], at_head["next"], at_head["sealed"]) == ([], 5, None)
        waiting = asyncio.ensure_future(result(peer, "read", "s", start=5, epoch=epoch, wait_s=30))
        await result(writer, "append", "s", [record(5)])
        assert (await waiting)["records"] == [record(5)]
        waiting = asyncio.ensure_future(result(peer, "read", "s", start=6, epoch=epoch, wait_s=30))
        await result(writer, "seal", "s", exit_code=1)
        ended = await waiting
        assert (ended["records"], ended["sealed"]) == ([], {"exit_code": 1, "reason": None, "next": 6})


# ---- the topic


@CODECS
async def test_the_recent_history_comes_in_order_and_once_for_a_session(url: str, codec: str) -> None:
    async with wire_peer(url) as writer, wire_peer(url, codec) as peer:
        epoch = await filled(writer)
        await result(writer, "append", "s", [record(5)])
        first = await peer.request(SUBSCRIBE, {"get_retained": True}, "fairlead.stream.s")
        subscription = (await peer.first(lambda message: message[:2] == [SUBSCRIBED, first]))[2]
        await peer.until(lambda: len(peer.dicts) == 2)
        again = await peer.request(SUBSCRIBE, {"get_retained": True}, "fairlead.stream.s")
        assert (await peer.first(lambda message: message[:2] == [SUBSCRIBED, again]))[2] == subscription
        await result(writer, "append", "s", [record(6)])
        await result(writer, "seal", "s")
        await peer.until(lambda: "sealed" in peer.dicts[-1])
        events = [message for message in peer.messages if message[0] == EVENT]
        assert [message[1] for message in events] == [subscription] * 4
        assert all(len(message[4]) == 1 and not any(message[5:]) for message in events)
        assert peer.dicts[1:] == [
            {"first": 5, "records": [record(5)], "next": 6, "epoch": epoch},
            {"first": 6, "records": [record(6)], "next": 7, "epoch": epoch},
            {"sealed": {"exit_code": None, "reason": None, "next": 7}},
        ]
        assert (peer.dicts[0]["first"], peer.dicts[0]["next"]) == (0, 5)
