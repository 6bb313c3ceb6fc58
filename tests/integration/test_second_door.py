"""HTTP is no second front door: it shows nothing of what WAMP guards, and nobody logs in there (monster-mq#176)."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import aiohttp

from support.serving import Serving
from support.wamp import Client

SECRET = "the-secret"
OBJECT = "hidden-object"
PATHS = [
    "/",
    "/ws",
    "/health",
    "/ready",
    "/metrics",
    f"/{OBJECT}",
    f"/stream/{OBJECT}",
    f"/fairlead.stream.{OBJECT}",
    "/fairlead.log.read",
    "/wamp.subscription.list",
    "/../data/logs.sqlite",
    "/%2e%2e/data/logs.sqlite",
    "/data/admin.token",
]


async def test_monster_mq_176_http_shows_nothing_of_what_wamp_guards(tmp_path: Path) -> None:
    async with Serving(tmp_path) as server:
        assert (await server.fairlead("run", "--object", OBJECT, "--", "echo", SECRET)).status == 0
        token = (server.data / "admin.token").read_text().strip()
        async with aiohttp.ClientSession() as http:
            for path, method in product(PATHS, ("GET", "POST", "PUT")):
                async with http.request(method, f"http://127.0.0.1:{server.port}{path}") as answer:
                    shown = str(answer.headers) + (await answer.content.read(1 << 20)).decode(errors="replace")
                found = [guarded for guarded in (SECRET, OBJECT, token) if guarded in shown.replace(path, "")]
                assert found == [], (method, path)


async def test_monster_mq_176_a_token_beside_wamp_is_no_login(tmp_path: Path) -> None:
    async with Serving(tmp_path) as server:
        token = (server.data / "admin.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Cookie": f"token={token}"}
        async with await Client.connect(server.port, path=f"/ws?token={token}", headers=headers) as client:
            welcome = await client.join()
            assert welcome[2]["authrole"] == "anonymous"
