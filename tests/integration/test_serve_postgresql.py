"""`fairlead serve` with its permissions in PostgreSQL: as it is started, loses the database, and gets it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from fairlead_authz import Authz
from support import postgres
from support.running import Running, refused, serving
from support.wamp import Client

CALL, CHALLENGE, AUTHENTICATE, ERROR, RESULT = 48, 4, 5, 8, 50


@pytest.fixture
def url() -> str:
    return postgres.new_database()


def configured(directory: Path, url: str, more: str = "") -> tuple[str, str]:
    path = directory / "fairlead.toml"
    path.write_text(f"listen = '127.0.0.1:0'\n[permissions]\ndatabase = '{url}'\n{more}", encoding="utf-8")
    return ("--config", str(path))


async def put_object(server: Running, object_id: str) -> list[Any]:
    """What is answered to a change."""
    async with await Client.connect(server.port) as client:
        challenge = await client.ask([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"]}])
        assert challenge[0] == CHALLENGE
        await client.ask([AUTHENTICATE, server.token, {}])
        change = {"op": "put", "kind": "object", "id": object_id}
        answer: list[Any] = await client.ask([CALL, 1, {}, "fairlead.authz.apply", [[change]]])
        return answer


async def test_permissions_are_in_the_database_and_none_in_the_directory(tmp_path: Path, url: str) -> None:
    async with serving(tmp_path / "data", *configured(tmp_path, url)) as server:
        assert (await put_object(server, "o"))[0] == RESULT
        await server.end()
    authz = await Authz.open(url)
    assert "o" in authz.graph.nodes
    await authz.close()
    assert sorted(path.name for path in (tmp_path / "data").glob("*.sqlite")) == ["logs.sqlite", "records.sqlite"]


async def test_a_database_that_comes_back_is_used_without_a_restart(tmp_path: Path, url: str) -> None:
    async with serving(tmp_path / "data", *configured(tmp_path, url)) as server:
        postgres.take_away(url)
        answer = await put_object(server, "o1")
        assert (answer[0], answer[4]) == (ERROR, "fairlead.error.store_failed")
        postgres.give_back(url)
        assert (await put_object(server, "o2"))[0] == RESULT
        done = await server.end()
        assert "Traceback" not in done.stderr


async def test_a_second_server_does_not_start(tmp_path: Path, url: str) -> None:
    options = configured(tmp_path, url)
    async with serving(tmp_path / "data", *options):
        assert "in use by another Fairlead, for the permissions of realm 'realm1'" in await refused(
            tmp_path / "other", *options
        )


async def test_a_wrong_password_is_one_line_that_does_not_show_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "password").write_text("wr0ng", encoding="utf-8")
    database = make_url(url).database
    assert database is not None
    guarded = postgres.server().url(database, postgres.PASSWORD_USER)
    password_file = f"database_password_file = '{tmp_path}/password'"
    text = await refused(tmp_path / "data", *configured(tmp_path, guarded, password_file))
    assert "refuses user or password" in text
    assert "wr0ng" not in text


async def test_a_password_from_a_file_opens(tmp_path: Path, url: str) -> None:
    (tmp_path / "password").write_text(f"{postgres.PASSWORD}\n", encoding="utf-8")
    database = make_url(url).database
    assert database is not None
    guarded = postgres.server().url(database, postgres.PASSWORD_USER)
    password_file = f"database_password_file = '{tmp_path}/password'"
    async with serving(tmp_path / "data", *configured(tmp_path, guarded, password_file)) as server:
        assert (await put_object(server, "o"))[0] == RESULT
