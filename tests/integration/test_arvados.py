"""`fairlead arvados` against a small Arvados API server and a real `fairlead serve`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.arvados_api import TOKEN, TYPES, FakeArvados
from support.arvados_records import FIRST, Listed, collection, link, project, role, user, uuid
from support.serving import Serving, line_with
from support.wamp import Client

ANN, BEN, EVE = (uuid("tpzed", name) for name in ("ann", "ben", "eve"))
STAFF, LAB = uuid("j7d0g", "staff"), uuid("j7d0g", "lab")
DATA = uuid("4zz18", "data")
MEMBERSHIP, SHARING = uuid("o0j2j", "1"), uuid("o0j2j", "2")


def cluster() -> list[Listed]:
    """Ann's project lab is shared with the role staff, which ben is in."""
    return [
        *(user(name, username=name) for name in ("ann", "ben", "eve")),
        project("lab", ANN),
        collection("data", LAB),
        *(collection(f"more{number}", LAB) for number in range(20)),
        role("staff"),
        link(1, BEN, "can_write", STAFF),
        link(2, STAFF, "can_write", LAB),
        link(3, ANN, "can_read", uuid("j7d0g", "gone")),
    ]


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    monkeypatch.setenv("ARVADOS_API_TOKEN", TOKEN)
    config = tmp_path / "fairlead.toml"
    config.write_text('[[rules]]\nuri = "com.lab.{object}"\nsubscribe = "read"\n')
    async with Serving(tmp_path, "--config", str(config)) as serving:
        yield serving


async def arvados(server: Serving, *arguments: str, status: int = 0, stdin: bytes = b"") -> dict[str, Any]:
    """`fairlead arvados ... --json`, to its end."""
    command, *others = arguments
    done = await server.fairlead("arvados", command, *others, "--json", stdin=stdin)
    assert done.status == status, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@asynccontextmanager
async def following(server: Serving, api: FakeArvados, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`fairlead arvados follow`, after its first comparison."""
    async with server.running("arvados", "follow", api.url, "--json", *options) as process:
        assert process.stdout is not None
        await line_with(process.stdout, '"compared": true')
        yield process


@asynccontextmanager
async def subscriber(server: Serving, user_: str) -> AsyncIterator[tuple[Client, int]]:
    """A session of a user, subscribed to the events of DATA."""
    token = (await server.fairlead("token", user_)).stdout.decode().strip()
    async with await Client.connect(server.port) as client:
        features = {"subscriber": {"features": {"subscription_revocation": True}}}
        await client.ask([1, "realm1", {"roles": features, "authmethods": ["ticket"]}])
        welcome = await client.ask([5, token, {}])
        assert welcome[0] == 2, welcome
        yield client, await client.subscribe(f"com.lab.{DATA}")


async def can(server: Serving, user_: str, level: str, object_id: str) -> bool:
    return (await server.fairlead("can", user_, level, object_id)).status == 0


# --- load -------------------------------------------------------------------------------------


async def test_a_cluster_is_loaded_page_by_page_through_faults_and_the_second_time_nothing_changes(
    server: Serving,
) -> None:
    async with FakeArvados(cluster()) as api:
        api.faults = ["503", "reset", "502"]
        loaded = await arvados(server, "load", api.url)
        assert loaded["cluster"] == "zzzzz"
        assert loaded["changes"]["put"] == 26
        assert loaded["problems"]["no_head"]["count"] == 1
        assert await can(server, BEN, "write", uuid("4zz18", "more19"))
        assert not await can(server, EVE, "read", DATA)

        again = await arvados(server, "load", api.url)
        assert again["changes"] == {}


async def test_a_dry_run_says_what_would_change_and_end_and_changes_nothing(server: Serving) -> None:
    async with FakeArvados(cluster()) as api:
        await arvados(server, "load", api.url)
        async with subscriber(server, BEN):
            await api.remove(SHARING)
            rehearsed = await arvados(server, "load", api.url, "--dry-run")
            assert rehearsed["changes"] == {"revoke": 1}
            assert rehearsed["would_end"]["subscriptions"] == 1
        assert await can(server, BEN, "write", DATA)


async def test_a_directory_is_loaded_with_the_events_since(server: Serving, tmp_path: Path) -> None:
    directory = listed(tmp_path / "lists", cluster())
    deleted = {"id": 7, "object_uuid": SHARING, "event_type": "delete", "properties": {}}
    cut = {"id": 8, "object_uuid": LAB, "event_type": "update", "properties": {"new_attributes": {"name": "x"}}}
    events = tmp_path / "events.ndjson"
    events.write_text(f"{json.dumps(deleted)}\nnonsense\n{json.dumps(cut)}\n")
    loaded = await arvados(server, "load", str(directory), "--events", str(events))
    assert loaded["problems"]["cut_event"]["examples"] == [LAB]
    assert await can(server, ANN, "manage", DATA)
    assert not await can(server, BEN, "read", DATA)


async def test_half_a_list_is_refused_lest_the_rest_be_taken_for_deleted(server: Serving, tmp_path: Path) -> None:
    directory = listed(tmp_path / "lists", cluster(), items_available=100)
    done = await server.fairlead("arvados", "load", str(directory))
    assert done.status == 125
    assert "collections are not whole: 21 of 100" in done.stderr


async def test_a_token_that_is_not_taken_is_said_and_never_shown(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARVADOS_API_TOKEN", "v2/zzzzz-gj3su-000000000000001/wrong")
    async with FakeArvados() as api:
        done = await server.fairlead("arvados", "load", api.url)
        assert done.status == 125
        assert "does not take the token (401)" in done.stderr
        assert "wrong" not in done.stderr


# --- follow -----------------------------------------------------------------------------------


async def test_a_live_subscription_ends_when_the_link_goes_at_arvados(server: Serving) -> None:
    async with FakeArvados(cluster()) as api, following(server, api):
        async with subscriber(server, BEN) as (ben, subscription):
            await api.remove(SHARING)
            notice = await ben.receive()
            assert notice[:2] == [35, 0]
            assert notice[2]["subscription"] == subscription
        assert await can(server, ANN, "read", DATA)


async def test_what_no_event_tells_is_found_by_the_next_comparison(server: Serving) -> None:
    async with (
        FakeArvados(cluster()) as api,
        following(server, api, "--resync", "1"),
        subscriber(server, BEN) as (ben, _),
    ):
        await api.remove(MEMBERSHIP, silently=True)
        assert (await ben.receive())[:2] == [35, 0]


async def test_after_a_gap_in_the_feed_everything_is_compared(server: Serving) -> None:
    async with FakeArvados(cluster()) as api, following(server, api), subscriber(server, BEN) as (ben, _):
        await api.remove(MEMBERSHIP, silently=True)
        await api.drop_sockets()
        assert (await ben.receive())[:2] == [35, 0]


async def test_following_goes_on_when_the_server_was_away(server: Serving) -> None:
    async with FakeArvados(cluster()) as api, following(server, api) as process:
        await server.kill()
        await api.remove(SHARING)
        await server.start()
        assert process.stdout is not None
        assert json.loads(await line_with(process.stdout, '"revoke"'))["changes"] == {"revoke": 1}
        assert not await can(server, BEN, "read", DATA)


async def test_events_come_from_stdin_too_and_its_end_is_the_end(server: Serving) -> None:
    async with FakeArvados(cluster()) as api:
        await arvados(server, "load", api.url)
        await api.put(link(2, STAFF, "can_read", LAB))
        event = {"id": 1, "object_uuid": SHARING, "event_type": "update", "properties": {}}
        done = await server.fairlead(
            "arvados", "follow", api.url, "--events", "-", "--json", stdin=json.dumps(event).encode() + b"\n"
        )
        assert done.status == 0, done.stderr
        assert await can(server, BEN, "read", DATA)
        assert not await can(server, BEN, "write", DATA)


# --- verify -----------------------------------------------------------------------------------


async def test_verify_names_what_differs(server: Serving) -> None:
    async with FakeArvados(cluster()) as api:
        await arvados(server, "load", api.url)
        api.computed = [
            *(row(each, each, "can_manage") for each in (ANN, BEN, EVE)),
            row(ANN, LAB, "can_manage"),
            row(BEN, STAFF, "can_write"),
            row(BEN, LAB, "can_write"),
        ]
        assert (await arvados(server, "verify", api.url))["differences"] == []
        api.computed[-1] = row(EVE, LAB, "can_read")
        verdict = await arvados(server, "verify", api.url, status=1)
        assert [(each["user"], each["arvados"], each["here"]) for each in verdict["differences"]] == [
            (BEN, 0, 2),
            (EVE, 1, 0),
        ]


def row(user_: str, target: str, level: str) -> Listed:
    return {"user_uuid": user_, "target_uuid": target, "perm_level": level}


def listed(directory: Path, records: Iterable[Listed], **more: Any) -> Path:
    """The records as files."""
    directory.mkdir()
    for name, type_ in TYPES.items():
        items = [each for each in [*FIRST, *records] if each["uuid"][6:11] == type_]
        if items:
            (directory / f"{name}.json").write_text(json.dumps({"items": items, **more}))
    return directory
