"""`fairlead serve` with records: where they are kept, that they come back, and what is told of them beside WAMP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fairlead_client import CallFailed
from fairlead_client.asyncio import call, connect, disconnect
from support import postgres
from support.running import Running, refused, serving


async def ask(server: Running, procedure: str, *args: Any, token: str | None = None, **kwargs: Any) -> dict[str, Any]:
    """One call, as the administrator or with another token; an empty one is nobody's."""
    session = await connect(server.url, token=server.token if token is None else token or None)
    try:
        return dict(await call(session, f"fairlead.record.{procedure}", *args, **kwargs))
    finally:
        await disconnect(session)


def configured(directory: Path, text: str) -> tuple[str, str]:
    path = directory / "fairlead.toml"
    path.write_text(f"listen = '127.0.0.1:0'\n{text}", encoding="utf-8")
    return ("--config", str(path))


@pytest.mark.parametrize("kept", ["in the directory", "in a database"])
async def test_records_come_back_with_the_server(tmp_path: Path, kept: str) -> None:
    is_in_database = kept == "in a database"
    options = configured(tmp_path, f"[records]\ndatabase = '{postgres.new_database()}'" if is_in_database else "")
    async with serving(tmp_path / "data", *options) as server:
        assert (await ask(server, "put", "r1", {"n": 1}, kind="job"))["version"] == 1
        await server.end()
    assert (tmp_path / "data" / "records.sqlite").exists() != is_in_database
    async with serving(tmp_path / "data", *options) as server:
        found = await ask(server, "get", "r1")
        assert (found["record"]["version"], found["record"]["state"]) == (1, {"n": 1})


async def test_strangers_neither_write_nor_read_them(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as server:
        await ask(server, "put", "r1", {"n": 1}, kind="job")
        for procedure, args in (("get", ["r1"]), ("patch", ["r1", {}]), ("put", ["r2", {}])):
            with pytest.raises(CallFailed, match="not_authorized"):
                await ask(server, procedure, *args, token="", **({"kind": "job"} if procedure == "put" else {}))
        assert (await ask(server, "list", token=""))["records"] == []


async def test_metrics_have_the_records(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as server:
        await ask(server, "put", "r1", {"n": 1}, kind="job")
        async with aiohttp.ClientSession() as http, http.get(f"{server.address}metrics") as answer:
            text = await answer.text()
    assert 'fairlead_records_records{realm="realm1"} 1.0' in text


async def test_records_that_are_damaged_are_named_by_a_server_that_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"this is not a database" * 100)
    assert "records.sqlite" in await refused(tmp_path, "--listen", "127.0.0.1:0")
