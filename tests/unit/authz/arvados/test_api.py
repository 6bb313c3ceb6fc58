"""Arvados' API over HTTP, and its websocket, with everything that can go wrong on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_authz.arvados.api import Api, checked_base
from fairlead_authz.arvados.errors import BadSource, Denied, Unavailable
from fairlead_authz.arvados.events import MAX_LINE_BYTES, Event
from fairlead_authz.arvados.feed import GAP, Gap, lines, websocket
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.uuids import LISTS
from support.arvados_api import TOKEN, FakeArvados
from support.arvados_records import LONG_AGO, ROOT, collection, user, uuid
from support.waiting import eventually

COLLECTIONS = LISTS["4zz18"]


@pytest.fixture
async def arvados() -> AsyncIterator[FakeArvados]:
    records = [collection(f"{number:03}", ROOT, is_trashed=number % 2 == 0, trash_at=LONG_AGO) for number in range(30)]
    async with FakeArvados(records) as server:
        yield server


def api_of(arvados: FakeArvados, token: str = TOKEN) -> Api:
    return Api(arvados.url, token, first_pause_s=0.001)


async def test_all_pages_come_in_order_trash_included(arvados: FakeArvados) -> None:
    counts: list[int] = []
    async with api_of(arvados) as api:
        api.on_page = lambda _, count: counts.append(count)
        records = list(await api.records(COLLECTIONS, Report()))
    assert [record.uuid for record in records] == [uuid("4zz18", f"{number:03}") for number in range(30)]
    assert counts == [7, 14, 21, 28, 30]


async def test_what_fails_for_a_moment_is_tried_again(arvados: FakeArvados) -> None:
    arvados.faults = ["503", "reset", "429", "500"]
    async with api_of(arvados) as api:
        assert len(list(await api.records(COLLECTIONS, Report()))) == 30


async def test_each_pause_is_told_with_its_reason(arvados: FakeArvados) -> None:
    arvados.faults = ["503", "429"]
    pauses: list[tuple[str, float]] = []
    async with api_of(arvados) as api:
        api.on_pause = lambda reason, pause_s: pauses.append((reason.rpartition("/")[2], pause_s))
        await api.records(COLLECTIONS, Report())
    assert pauses == [
        ("collections answers with status 503", 0.001),
        ("collections answers with status 429", 0.002),
    ]


async def test_what_fails_for_good_is_said_in_the_end(arvados: FakeArvados) -> None:
    arvados.faults = ["503"] * 100
    async with api_of(arvados) as api:
        with pytest.raises(Unavailable, match="status 503, 8 times"):
            await api.records(COLLECTIONS, Report())


@pytest.mark.parametrize(("fault", "error"), [("302", BadSource), ("404", BadSource), ("403", Denied)])
async def test_what_will_not_pass_is_not_tried_again(arvados: FakeArvados, fault: str, error: type[Exception]) -> None:
    arvados.faults = [fault]
    async with api_of(arvados) as api:
        with pytest.raises(error, match=fault):
            await api.records(COLLECTIONS, Report())
    assert len(arvados.requests) == 1


async def test_a_wrong_token_is_not_in_the_error(arvados: FakeArvados) -> None:
    async with api_of(arvados, "v2/x/secret") as api:
        with pytest.raises(Denied) as caught:
            await api.records(COLLECTIONS, Report())
    assert "secret" not in str(caught.value)


async def test_single_records_are_looked_up_and_what_is_gone_is_left_out(arvados: FakeArvados) -> None:
    uuids = [uuid("4zz18", "002"), uuid("4zz18", "gone")]
    async with api_of(arvados) as api:
        assert [each.uuid for each in await api.look_up(COLLECTIONS, uuids, Report())] == uuids[:1]


async def test_more_than_a_page_is_looked_up_whole(arvados: FakeArvados) -> None:
    uuids = [uuid("4zz18", f"{number:03}") for number in range(30)]
    async with api_of(arvados) as api:
        assert [each.uuid for each in await api.look_up(COLLECTIONS, uuids, Report())] == uuids


async def test_who_is_no_administrator_sees_a_part_only_and_is_refused(arvados: FakeArvados) -> None:
    arvados.is_admin = False
    async with api_of(arvados) as api:
        with pytest.raises(Denied, match="no administrator"):
            await api.types()
        with pytest.raises(Denied, match="no administrator"):
            await api.look_up(COLLECTIONS, [uuid("4zz18", "gone")], Report())


async def test_computed_permissions_come_page_by_page(arvados: FakeArvados) -> None:
    arvados.computed = [
        {"user_uuid": uuid("tpzed", user_), "target_uuid": uuid("j7d0g", str(number)), "perm_level": "can_read"}
        for user_ in ("ann", "ben")
        for number in range(14)
    ]
    async with api_of(arvados) as api:
        rows = [row async for page in api.computed_permissions() for row in page]
    assert len({(row.user_uuid, row.target_uuid) for row in rows}) == len(rows) == 28


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://127.0.0.1", "https://", "https://a/b", "https://u@a", "https://a?token=x"]
)
def test_a_url_that_would_give_the_token_away_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadSource):
        checked_base(url)


async def test_the_websocket_begins_with_a_gap_and_asks_for_the_rest_when_it_is_back(arvados: FakeArvados) -> None:
    reasons: list[str] = []
    feed = websocket(arvados.url.replace("http", "ws") + "/websocket", TOKEN, reasons.append, first_pause_s=0.001)
    assert await anext(feed) is GAP
    await eventually(lambda: arvados.is_listened_to)
    await arvados.put(user("ann"))
    event = await anext(feed)
    assert event is not GAP
    assert event.touched == uuid("tpzed", "ann")
    await arvados.drop_sockets()
    assert await anext(feed) is GAP
    await eventually(lambda: len(arvados.subscriptions) == 2)
    assert arvados.subscriptions[1]["last_log_id"] == 1
    assert reasons == ["it was closed"]
    await feed.aclose()


async def test_lines_are_events_and_go_on_when_the_file_grows(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"id": 1, "event_type": "update"}\nnonsense\n{"event_type": "update", "id": 2')
    feed = lines(str(file))
    assert event_id(await anext(feed)) == 1
    with file.open("a") as more:
        more.write("2}\n")
    assert event_id(await anext(feed)) == 22
    file.write_text("")
    assert await anext(feed) is GAP
    await feed.aclose()


async def test_a_line_without_end_is_a_gap(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"x" * (MAX_LINE_BYTES + 1))
    assert [item async for item in lines(str(file), grows=False)] == [GAP]


async def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="No such file"):
        await anext(lines(str(tmp_path / "none")))


def event_id(item: Event | Gap) -> int | None:
    assert isinstance(item, Event)
    return item.id
