"""Downloads: what is written, what is asked for, who may, and how a body ends."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from fairlead_logstream import LogService, MemoryStreamStore
from fairlead_router import HttpGuard, Level, Principal, Realm, Router, TicketAuthenticator
from fairlead_server.download import handler
from fairlead_server.http import HttpService
from support.waiting import eventually


class Rights:
    """Who may read what; `service` writes."""

    def __init__(self) -> None:
        self.readers: set[tuple[str, str]] = {("alice", "s")}

    def object_of(self, action: str, uri: str) -> str | None:
        return None

    def authorize(self, *_: object) -> bool:
        return True

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        return (principal.authid, object_id) in self.readers


class Served:
    """A log service behind HTTP."""

    def __init__(self) -> None:
        self.rights = Rights()
        self.router = Router()
        tickets = TicketAuthenticator({f"{name}-token": Principal(name, "user") for name in ("alice", "bob")})
        self.realm: Realm = self.router.add_realm("realm1", authorizer=self.rights, authenticator=tickets)
        self.client: TestClient[Any, Any]
        self.logs: LogService

    async def open(self) -> None:
        self.logs = await LogService.over(MemoryStreamStore())
        self.logs.bind(self.realm)
        self.writer = self.realm.join(Principal("writer", "service"))
        service = HttpService(None, HttpGuard(hosts=[], origins=[]), realm=self.realm)
        self.client = TestClient(TestServer(service.application))
        await self.client.start_server()

    async def close(self) -> None:
        await self.client.close()
        await self.logs.close()
        await self.router.close()

    async def append(self, *records: tuple[str | bytes, str, int]) -> None:
        """Records as (text, source, flags), a second apart."""
        wire = [[1_000_000 * number, source, text, flags] for number, (text, source, flags) in enumerate(records)]
        await self.writer.call("fairlead.log.append", ["s", wire])

    async def get(
        self, query: str = "", token: str | None = "alice-token", stream: str = "s"
    ) -> aiohttp.ClientResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.get(f"/logs/{stream}{query}", headers=headers)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.open()
    yield served
    await served.close()


@pytest.fixture
async def filled(served: Served) -> Served:
    """A stream of five records."""
    await served.writer.call("fairlead.log.create", ["s"])
    lines: list[tuple[str | bytes, str, int]] = [("one", "out", 0), ("two", "err", 0), (b"\xff\x00", "out", 0)]
    await served.append(*lines, ("four", "out", 0), ("five", "err", 0))
    return served


# ---- what is written


async def test_text_is_the_bytes_that_were_logged(filled: Served) -> None:
    response = await filled.get()
    assert response.status == 200
    assert await response.read() == b"one\ntwo\n\xff\x00\nfour\nfive\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="s.log"'
    assert response.headers["Cache-Control"] == "no-store"


async def test_ndjson_is_an_object_a_record(filled: Served) -> None:
    response = await filled.get("?format=ndjson&tail=3")
    assert response.headers["Content-Disposition"] == 'attachment; filename="s.ndjson"'
    assert response.content_type == "application/x-ndjson"
    found = [json.loads(line) for line in (await response.text()).splitlines()]
    assert found[0] == {
        "seq": 2,
        "time_us": 2_000_000,
        "source": "out",
        "base64": base64.b64encode(b"\xff\x00").decode(),
        "flags": 0,
    }
    assert found[1] == {"seq": 3, "time_us": 3_000_000, "source": "out", "text": "four", "flags": 0}


async def test_a_line_in_parts_is_one_line_whatever_comes_between(served: Served) -> None:
    await served.writer.call("fairlead.log.create", ["s"])
    await served.append(("a", "out", 1), ("x", "err", 0), ("b", "out", 1), ("y", "err", 1), ("c", "out", 0))
    assert await (await served.get()).read() == b"x\nabc\ny"


async def test_a_long_log_comes_page_by_page(served: Served) -> None:
    await served.writer.call("fairlead.log.create", ["s"])
    for number in range(30):
        await served.append((str(number).ljust(60_000), "out", 0))
    lines = (await (await served.get()).text()).splitlines()
    assert [int(line) for line in lines] == list(range(30))


async def test_what_is_missing_is_told(filled: Served) -> None:
    live: Any = filled.logs._directory.get("s")
    live.stream.oldest = 3
    assert (await (await filled.get()).text()).startswith("four")
    assert json.loads((await (await filled.get("?format=ndjson")).text()).splitlines()[0])["seq"] == 3


# ---- what is asked for


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("?tail=2", "four\nfive\n"),
        ("?tail=0", ""),
        ("?tail_bytes=30", "five\n"),
        ("?since=3000000", "four\nfive\n"),
        ("?since=1970-01-01T00:00:03Z", "four\nfive\n"),
        ("?until=1000000", "one\n"),
        ("?since=3000000&until=1970-01-01T00:00:04%2B00:00", "four\n"),
        ("?source=err", "two\nfive\n"),
        ("?source=err&source=nobody&tail=2", "five\n"),
        ("?follow=0&format=text&tail=1", "five\n"),
    ],
)
async def test_what_is_asked_for(filled: Served, query: str, text: str) -> None:
    response = await filled.get(query)
    assert (response.status, await response.text()) == (200, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("?token=alice-token", "Authorization: Bearer"),
        ("?access_token=x", "Authorization: Bearer"),
        ("?format=xml", "format is 'xml': it is one of text, ndjson"),
        ("?tail=-1", "tail is '-1'"),
        ("?tail=1e3", "tail is '1e3'"),
        (f"?tail={'9' * 5000}", "from 0 to 2^53"),
        (f"?tail={'0' * 5000}", "from 0 to 2^53"),
        ("?since=yesterday", "since is 'yesterday'"),
        ("?since=2026-11-26T12:00:00", "since is '2026-11-26T12:00:00'"),
        ("?until=1960-01-01T00:00:00Z", "until is"),
        ("?tail=1&since=1", "tail and since exclude each other"),
        ("?tail=1&tail=2", "tail is given 2 times"),
        ("?follow=yes", "follow is 'yes': it is 0 or 1"),
        ("?follow=1&until=5", "until and follow exclude each other"),
        ("?lines=5", "there is no parameter 'lines'"),
        ("?attempt=0", "attempt"),
        ("?attempt=1&tail=1", "tail and attempt exclude each other"),
        ("?source=", "sources"),
        (f"?source={'x' * 65}", "sources"),
    ],
)
async def test_a_wrong_request_is_told_the_value_and_the_rule(filled: Served, query: str, text: str) -> None:
    response = await filled.get(query)
    assert response.status == 400
    assert text in await response.text()


# ---- attempts


@pytest.fixture
async def tried(filled: Served) -> Served:
    """The five records, and a second attempt of one."""
    await filled.writer.call("fairlead.log.seal", ["s"], {"exit_code": 3})
    await filled.writer.call("fairlead.log.create", ["s"], {"attempt": 2})
    await filled.append(("six", "err", 0))
    return filled


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("?attempt=1", "one\ntwo\n\ufffd\0\nfour\nfive\n"),
        ("?attempt=1&follow=1", "one\ntwo\n\ufffd\0\nfour\nfive\n"),
        ("?attempt=1&source=err", "two\nfive\n"),
        ("?attempt=2", '[fairlead] {"attempt":2}\nsix\n'),
        ("?attempt=2&source=err", "six\n"),
    ],
)
async def test_an_attempt_is_written_alone(tried: Served, query: str, text: str) -> None:
    response = await tried.get(query)
    assert (response.status, await response.text(errors="replace")) == (200, text)


async def test_an_attempt_that_is_followed_ends_when_the_next_one_begins(tried: Served) -> None:
    response = await tried.get("?attempt=2&follow=1&source=err")
    assert await response.content.readline() == b"six\n"
    await tried.append(("seven", "err", 0))
    await tried.writer.call("fairlead.log.create", ["s"], {"attempt": 3})
    await tried.append(("eight", "err", 0))
    assert await response.text() == "seven\n"


async def test_an_attempt_that_is_not_there_is_404(tried: Served) -> None:
    response = await tried.get("?attempt=3")
    assert response.status == 404
    assert "knows of no attempt 3, but of 1 to 2" in await response.text()


# ---- who may


async def test_a_stream_that_may_not_be_read_and_one_that_is_not_there_are_one_answer(filled: Served) -> None:
    answers = [await filled.get(token="bob-token", stream=stream) for stream in ("s", "nothing")]
    assert [answer.status for answer in answers] == [403, 403]
    hidden, absent = [await answer.text() for answer in answers]
    assert hidden.replace("'s'", "") == absent.replace("'nothing'", "")


async def test_who_could_read_it_is_told_that_it_is_not_there(filled: Served) -> None:
    filled.rights.readers.add(("alice", "nothing"))
    assert (await filled.get(stream="nothing")).status == 404


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer ", "Basic YTpi", ""])
async def test_a_wrong_login_is_401(filled: Served, header: str) -> None:
    response = await filled.client.get("/logs/s", headers={"Authorization": header})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "wrong" not in await response.text()


async def test_without_a_token_one_is_asked_for(filled: Served) -> None:
    assert (await filled.get(token=None)).status == 401


async def test_another_host_or_origin_is_refused_before_all(filled: Served) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        response = await filled.client.get("/logs/s", headers={**headers, "Authorization": "Bearer alice-token"})
        assert response.status == 403
        assert "one" not in await response.text()


@pytest.mark.parametrize(("stream", "status"), [("a b", 400), ("x" * 129, 400), ("a.b", 400), ("a/b", 404)])
async def test_what_is_no_id_is_refused(filled: Served, stream: str, status: int) -> None:
    assert (await filled.get(stream=stream)).status == status


# ---- how a body ends


async def test_a_followed_log_comes_line_by_line_and_ends_at_its_seal(filled: Served) -> None:
    response = await filled.get("?follow=1&tail=1")
    assert await response.content.readline() == b"five\n"
    await filled.append(("six", "out", 0))
    assert await response.content.readline() == b"six\n"
    await filled.append(("prompt>", "out", 1))
    assert await response.content.readexactly(7) == b"prompt>"
    await filled.append((" seven", "out", 0))
    await filled.writer.call("fairlead.log.seal", ["s"], {"exit_code": 0})
    assert await response.read() == b" seven\n"


async def test_a_lost_right_cuts_the_body(filled: Served) -> None:
    response = await filled.get("?follow=1")
    assert await response.content.readline() == b"one\n"
    filled.rights.readers.clear()
    filled.realm.gate.revoke(principals=["alice"])
    with pytest.raises(aiohttp.ClientError):
        await response.read()
    assert all(principal.authid != "alice" for _, principal in filled.realm.sessions())


async def test_the_end_of_the_session_cuts_the_body(filled: Served) -> None:
    response = await filled.get("?follow=1")
    assert await response.content.readline() == b"one\n"
    for session_id, principal in filled.realm.sessions():
        session = filled.realm.session(session_id)
        if principal.authid == "alice" and session is not None:
            filled.realm.end_session(session, "wamp.close.normal", "the token was revoked")
    with pytest.raises(aiohttp.ClientError):
        await response.read()


async def test_a_peer_that_goes_leaves_no_session(filled: Served) -> None:
    response = await filled.get("?follow=1")
    assert await response.content.readline() == b"one\n"
    response.close()
    await eventually(lambda: all(principal.authid != "alice" for _, principal in filled.realm.sessions()))


async def test_another_log_under_the_name_is_not_written_behind_the_first(filled: Served) -> None:
    response = await filled.get("?follow=1&tail=1")
    assert await response.content.readline() == b"five\n"
    live: Any = filled.logs._directory.get("s")
    live.stream.epoch += 1
    await filled.append(("of another", "out", 0))
    await filled.append(("log", "out", 0))
    with pytest.raises(aiohttp.ClientError):
        await response.read()


async def test_so_many_at_once(filled: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "DOWNLOADS_LIMIT", 1)
    following = await filled.get("?follow=1")
    answer = await filled.get()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    following.close()
    await eventually(lambda: all(principal.authid != "alice" for _, principal in filled.realm.sessions()))
    assert (await filled.get()).status == 200


async def test_a_peer_that_does_not_read_is_not_read_for_and_reset_at_last(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "STALLED_S", 0.2)
    await served.writer.call("fairlead.log.create", ["s"])
    for _ in range(600):
        await served.append(("x" * 60_000, "out", 0))
    response = await served.get()
    await eventually(lambda: all(principal.authid != "alice" for _, principal in served.realm.sessions()))
    with pytest.raises(aiohttp.ClientError):
        await response.read()
