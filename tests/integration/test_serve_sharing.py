"""Two `fairlead serve` with one database of logs: a stream that is written through one is read through the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support import postgres
from support.running import Running, refused, serving
from support.wamp import Client

CALL, RESULT = 48, 50


def configured(directory: Path, name: str, url: str, *, shared: bool = True) -> tuple[str, str]:
    path = directory / f"{name}.toml"
    keys = f"database = '{url}'\nshared = {str(shared).lower()}\n"
    path.write_text(f"listen = '127.0.0.1:0'\nopen = true\n[logs]\n{keys}", encoding="utf-8")
    return ("--config", str(path))


async def call(server: Running, procedure: str, *args: Any, **kwargs: Any) -> Any:
    async with await Client.joined(server.port) as client:
        answer = await client.ask([CALL, 1, {}, f"fairlead.log.{procedure}", list(args), kwargs])
        assert answer[0] == RESULT, answer
        return answer[3][0]


async def test_what_is_written_through_one_server_is_read_through_the_other(tmp_path: Path) -> None:
    url = postgres.new_database()
    async with (
        serving(tmp_path / "a", *configured(tmp_path, "a", url)) as first,
        serving(tmp_path / "b", *configured(tmp_path, "b", url)) as second,
    ):
        await call(first, "create", "s", producer="p")
        await call(first, "append", "s", [[1, "stdout", "one", 0]], producer="p", seq=0)
        page = await call(second, "read", "s")
        assert page["records"] == [[1, "stdout", "one", 0]]
        await call(second, "append", "s", [[1, "stdout", "one", 0], [2, "stdout", "two", 0]], producer="p", seq=0)
        assert (await call(first, "read", "s"))["records"] == [[1, "stdout", "one", 0], [2, "stdout", "two", 0]]
    assert sorted(path.name for path in (tmp_path / "a").glob("*.sqlite")) == ["permissions.sqlite", "records.sqlite"]


async def test_a_server_that_wants_the_logs_for_itself_does_not_start_beside_one_that_shares_them(
    tmp_path: Path,
) -> None:
    url = postgres.new_database()
    async with serving(tmp_path / "a", *configured(tmp_path, "a", url)):
        text = await refused(tmp_path / "b", *configured(tmp_path, "b", url, shared=False))
        assert "in use by another Fairlead, for the logs of realm 'realm1'" in text
