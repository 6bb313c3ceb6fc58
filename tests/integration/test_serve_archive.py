"""`fairlead serve` with a directory as archive: a log that has ended goes there, and is read and exported as before."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from support.running import Running, serving
from support.wamp import Client

CALL, RESULT = 48, 50


def configured(directory: Path) -> tuple[str, str]:
    path = directory / "fairlead.toml"
    archive = f"[logs.archive]\ndirectory = '{directory}/archive'\nafter_s = 0\n"
    path.write_text(f"listen = '127.0.0.1:0'\nopen = true\n{archive}", encoding="utf-8")
    return ("--config", str(path))


async def call(server: Running, procedure: str, *args: Any, **kwargs: Any) -> Any:
    async with await Client.joined(server.port) as client:
        answer = await client.ask([CALL, 1, {}, f"fairlead.log.{procedure}", list(args), kwargs])
        assert answer[0] == RESULT, answer
        return answer[3][0]


async def test_a_sealed_log_is_read_from_its_directory_also_after_a_restart(tmp_path: Path) -> None:
    records = [[number, "stdout", f"line {number}", 0] for number in range(500)]
    async with serving(tmp_path / "data", *configured(tmp_path)) as server:
        await call(server, "create", "job-1")
        await call(server, "append", "job-1", records)
        await call(server, "seal", "job-1", exit_code=0)
        async with asyncio.timeout(30):
            while not list((tmp_path / "archive").glob("job-1.*/*.log")):
                await asyncio.sleep(0.2)
        assert (await call(server, "read", "job-1"))["records"] == records
    async with serving(tmp_path / "data", *configured(tmp_path)) as server:
        page = await call(server, "read", "job-1")
        assert (page["records"], page["sealed"]["exit_code"]) == (records, 0)
        (entry,) = (await call(server, "list"))["streams"]
        assert (entry["next"], entry["oldest"]) == (500, 0)
    with sqlite3.connect(tmp_path / "data" / "logs.sqlite") as database:
        assert database.execute("SELECT count(*) FROM chunks").fetchone() == (0,)
