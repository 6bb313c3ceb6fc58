"""Plain HTTP: the page's files, health, headers, and who is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from fairlead_router import HttpGuard, Router
from fairlead_server.http import HttpService, bounded, file_below
from support.waiting import eventually


@pytest.fixture
def page(tmp_path: Path) -> Path:
    root = tmp_path / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html><title>Fairlead</title>", encoding="ascii")
    (root / "assets" / "index-1a2b.js").write_text("export {};", encoding="ascii")
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    (root / "link").symlink_to(tmp_path / "secret")
    return root


@asynccontextmanager
async def serving(page: Path | None) -> AsyncIterator[tuple[HttpService, TestClient]]:
    service = HttpService(page, HttpGuard(hosts=["fairlead.example"], origins=["https://workbench.example"]))
    async with TestClient(TestServer(service.application)) as client:
        yield service, client


async def test_the_page_is_served_and_not_kept(page: Path) -> None:
    async with serving(page) as (_, client):
        response = await client.get("/")
        assert response.status == 200
        assert "Fairlead" in await response.text()
        assert response.content_type == "text/html"
        assert response.headers["Cache-Control"] == "no-store"


async def test_named_by_content_means_kept(page: Path) -> None:
    async with serving(page) as (_, client):
        response = await client.get("/assets/index-1a2b.js")
        assert response.status == 200
        assert "javascript" in response.content_type
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/assets/index-1a2b.js"])
async def test_every_answer_has_the_security_headers(page: Path, path: str) -> None:
    async with serving(page) as (_, client):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/nothing", "/assets/", "/assets", "/link", "/a%00b", "/" + "x" * 5000])
async def test_what_is_not_there_is_plain_text_404(page: Path, path: str) -> None:
    async with serving(page) as (_, client):
        response = await client.get(path)
        assert response.status == 404
        assert response.content_type == "text/plain"


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/assets/..%2f..%2fsecret"])
async def test_nothing_above_the_page_is_served(page: Path, path: str) -> None:
    async with serving(page) as (_, client):
        response = await client.get(URL(path, encoded=True))
        assert response.status == 404
        assert "secret" not in await response.text()


def test_a_link_out_of_the_page_is_not_followed(page: Path) -> None:
    assert file_below(page, "link") is None
    assert file_below(page, "assets/index-1a2b.js") == page.resolve() / "assets" / "index-1a2b.js"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "fairlead.example", "Origin": "https://evil.example"},
    ],
)
async def test_a_foreign_host_or_origin_is_refused_on_every_path(page: Path, headers: dict[str, str]) -> None:
    async with serving(page) as (_, client):
        for path in ("/", "/health", "/nothing"):
            response = await client.get(path, headers=headers)
            assert response.status == 403
            assert response.content_type == "text/plain"
            assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "fairlead.example", "Origin": "https://fairlead.example"},
        {"Host": "localhost:8080", "Origin": "http://localhost:8080"},
        {"Origin": "https://workbench.example"},
    ],
)
async def test_our_own_and_the_configured_ones_are_taken(page: Path, headers: dict[str, str]) -> None:
    async with serving(page) as (_, client):
        assert (await client.get("/", headers=headers)).status == 200


async def test_other_methods_are_refused(page: Path) -> None:
    async with serving(page) as (_, client):
        assert (await client.post("/", data=b"x")).status == 405


async def test_a_page_that_is_not_built_says_how_to_build_it() -> None:
    async with serving(None) as (_, client):
        response = await client.get("/")
        assert response.status == 503
        assert "make" in await response.text()
        assert (await client.get("/assets/x.js")).status == 404


async def test_health_and_ready_follow_the_state(page: Path) -> None:
    async with serving(page) as (service, client):
        assert (await client.get("/health")).status == 503
        service.state = "ok"
        response = await client.get("/health")
        assert response.status == 200
        assert (await response.json())["status"] == "ok"
        assert (await client.get("/ready")).status == 200
        service.state = "stopping"
        assert (await client.get("/health")).status == 200
        assert (await client.get("/ready")).status == 503


async def test_strangers_hold_only_so_many_connections(page: Path) -> None:
    runner = web.AppRunner(HttpService(page, HttpGuard()).application)
    await runner.setup()
    server = runner.server
    assert server is not None
    router = Router()
    port = (await router.listen("tcp://127.0.0.1:0", http=bounded(server, most=2))).port
    connections = []

    async def status() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connections.append(writer)
        writer.write(b"GET /assets/index-1a2b.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return (await reader.readline()).decode().split()[1]

    assert [await status() for _ in range(3)] == ["200", "200", "503"]
    connections[0].close()
    await eventually(lambda: len(server.connections) == 1)
    assert await status() == "200"
    for writer in connections:
        writer.close()
    await router.close()
    await runner.cleanup()
