"""What the composition adds to its parts: the admin's token, and the objects of new streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_authz import Authz, Grant, Put
from fairlead_router import ANONYMOUS, Principal, RequestError
from fairlead_server.composition import ObjectMaker, keep_admin_token
from fairlead_server.datadir import DataDirectory

ALICE = Principal("alice", "user")
BOB = Principal("bob", "user")


@pytest.fixture
async def authz(tmp_path: Path) -> AsyncIterator[Authz]:
    authz = await Authz.open(DataDirectory(tmp_path).permissions_url)
    await authz.apply([Put("user", "alice"), Put("user", "bob"), Put("project", "project", owner="alice")])
    yield authz
    await authz.close()


async def test_a_new_object_belongs_to_the_project(authz: Authz) -> None:
    await ObjectMaker(authz)(ALICE, "job", "project")
    assert authz.graph.nodes["job"].owner == "project"


async def test_without_a_project_it_belongs_to_the_caller(authz: Authz) -> None:
    await ObjectMaker(authz)(ALICE, "job", None)
    assert authz.graph.nodes["job"].owner == "alice"


async def test_a_project_needs_write(authz: Authz) -> None:
    with pytest.raises(RequestError, match="bob"):
        await ObjectMaker(authz)(BOB, "job", "project")
    assert "job" not in authz.graph.nodes
    await authz.apply([Grant("bob", "write", "project")])
    await ObjectMaker(authz)(BOB, "job", "project")
    assert authz.can("alice", "read", "job")


async def test_an_object_that_is_there_is_left_alone(authz: Authz) -> None:
    await ObjectMaker(authz)(ALICE, "job", "project")
    await ObjectMaker(authz)(BOB, "job", None)
    assert authz.graph.nodes["job"].owner == "project"


@pytest.mark.parametrize("project", [None, "project", "anonymous"])
async def test_who_has_no_token_makes_no_object(authz: Authz, project: str | None) -> None:
    with pytest.raises(RequestError):
        await ObjectMaker(authz)(ANONYMOUS, "job", project)
    assert "job" not in authz.graph.nodes


async def test_in_an_open_realm_everybody_makes_objects(tmp_path: Path) -> None:
    authz = await Authz.open(DataDirectory(tmp_path).permissions_url, is_open=True)
    await ObjectMaker(authz)(ANONYMOUS, "job", None)
    assert "job" in authz.graph.nodes
    await authz.close()


async def test_the_admin_token_is_valid_and_kept(tmp_path: Path, authz: Authz) -> None:
    directory = DataDirectory(tmp_path)
    await keep_admin_token(directory, authz)
    token = directory.read_admin_token()
    assert token is not None
    assert authz.authenticator.principal(token).authrole == "admin"
    await keep_admin_token(directory, authz)
    assert directory.read_admin_token() == token


@pytest.mark.parametrize("left", ["nonsense", "v2/a/b", "a user's"])
async def test_a_file_with_another_token_is_replaced(tmp_path: Path, authz: Authz, left: str) -> None:
    directory = DataDirectory(tmp_path)
    token = await authz.create_token("alice") if left == "a user's" else left
    directory.write_admin_token(token)
    await keep_admin_token(directory, authz)
    kept = directory.read_admin_token()
    assert kept is not None
    assert authz.authenticator.principal(kept).authid == "admin"
