"""`fairlead grant`, `revoke`, `can` and `token` against a real server."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_client.asyncio import call, connect, disconnect
from support.serving import COMMAND_S, FAIRLEAD, Done, Serving, line_with


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """With alice, who owns `project` with `job` and `other` in it, bob and carol; carol is in the role `readers`."""
    async with Serving(tmp_path_factory.mktemp("cli")) as serving:
        session = await connect(serving.url, token=serving.environment()["FAIRLEAD_TOKEN"])
        users = [{"op": "put", "kind": "user", "id": user} for user in ("alice", "bob", "carol")]
        things = [
            {"op": "put", "kind": "project", "id": "project", "owner": "alice"},
            {"op": "put", "kind": "object", "id": "job", "owner": "project"},
            {"op": "put", "kind": "object", "id": "other", "owner": "project"},
            {"op": "put", "kind": "role", "id": "readers"},
            {"op": "grant", "user": "carol", "level": "read", "object": "readers"},
            {"op": "grant", "user": "readers", "level": "read", "object": "job"},
        ]
        await call(session, "fairlead.authz.apply", [*users, *things])
        await disconnect(session)
        yield serving


async def error_of(server: Serving, *arguments: str, token: str | None = None) -> str:
    """The one line of a command that fails."""
    done = await server.fairlead(*arguments, token=token)
    assert (done.status, done.stdout) == (125, b"")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("fairlead: ").rstrip("\n")


async def token_of(server: Serving, user: str) -> str:
    return (await server.fairlead("token", user)).lines[0]


async def test_grant_can_revoke_can(server: Serving) -> None:
    assert (await server.fairlead("can", "bob", "read", "job")).lines == ["no"]
    assert (await server.fairlead("grant", "bob", "write", "job")).lines == ["bob can write job"]
    for level, status in (("read", 0), ("write", 0), ("manage", 1)):
        done = await server.fairlead("can", "bob", level, "job")
        assert (done.status, done.lines) == (status, [("yes", "no")[status]])
    assert (await server.fairlead("revoke", "bob", "write", "job")).lines == ["bob can no longer write job"]
    assert (await server.fairlead("can", "bob", "read", "job")).status == 0
    assert (await server.fairlead("revoke", "bob", "read", "job")).lines == ["bob can no longer read job"]
    assert (await server.fairlead("can", "bob", "read", "job")).status == 1


async def test_revoke_says_who_keeps_the_right_and_why(server: Serving) -> None:
    await server.fairlead("grant", "carol", "read", "job")
    done = await server.fairlead("revoke", "carol", "read", "job")
    assert done.status == 0
    assert done.lines[0].startswith("carol can still read job: ")
    assert "readers" in done.lines[0]


async def test_why_explains_both_answers(server: Serving) -> None:
    allowed = await server.fairlead("can", "carol", "read", "job", "--why")
    assert allowed.status == 0
    assert allowed.lines[0].startswith("yes: ")
    assert "readers" in allowed.lines[0]
    denied = await server.fairlead("can", "bob", "manage", "other", "--why")
    assert denied.status == 1
    assert denied.lines[0].startswith("no: ")


async def test_json_is_one_document_for_each(server: Serving) -> None:
    granted = json.loads((await server.fairlead("grant", "bob", "read", "other", "--json")).stdout)
    assert (granted["op"], granted["user"], granted["level"], granted["object"]) == ("grant", "bob", "read", "other")
    checked = json.loads((await server.fairlead("can", "bob", "read", "other", "--json")).stdout)
    assert checked["allowed"] is True
    assert checked["why"]
    revoked = json.loads((await server.fairlead("revoke", "bob", "read", "other", "--json")).stdout)
    assert revoked["still"] == []
    assert revoked["revision"] > granted["revision"]
    assert json.loads((await server.fairlead("token", "bob", "--json")).stdout)["token"].startswith("v2/")
    failed = await server.fairlead("grant", "nobody", "read", "other", "--json")
    assert failed.status == 125
    assert json.loads(failed.stdout)["error"]["uri"] == "fairlead.error.no_such_user"


async def test_a_token_is_all_that_is_printed_and_opens_a_session(server: Serving) -> None:
    done = await server.fairlead("token", "dave", "--create")
    assert (done.status, len(done.lines), done.stderr) == (0, 1, "")
    checked = await server.fairlead("can", "dave", "manage", "dave", token=done.lines[0])
    assert checked.lines == ["yes"]


async def test_what_does_not_exist_is_named(server: Serving) -> None:
    assert "'nobody'" in await error_of(server, "grant", "nobody", "read", "job")
    assert "--create" in await error_of(server, "token", "nobody")
    assert "'nothing'" in await error_of(server, "grant", "bob", "read", "nothing")
    assert "'nothing'" in await error_of(server, "revoke", "bob", "read", "nothing")
    assert "'nobody'" in await error_of(server, "can", "nobody", "read", "job")
    assert "'nothing'" in await error_of(server, "can", "bob", "read", "nothing")
    assert await error_of(server, "can", "bob", "own", "job") == "level 'own' must be one of read, write, manage"
    for command in ("grant", "revoke"):
        text = await error_of(server, command, "bob", "own", "job")
        assert text == "level 'own' must be one of read, write, manage, login"
    assert "'b b'" in await error_of(server, "token", "b b", "--create")


async def test_who_may_not_is_told_so(server: Serving) -> None:
    bob = await token_of(server, "bob")
    assert "'bob'" in await error_of(server, "grant", "bob", "manage", "job", token=bob)
    assert "'bob'" in await error_of(server, "revoke", "alice", "read", "job", token=bob)
    assert "'bob'" in await error_of(server, "token", "alice", token=bob)
    assert "'alice'" in await error_of(server, "can", "alice", "read", "job", token=bob)
    assert "not valid" in await error_of(server, "can", "bob", "read", "job", token="v2/no/such")


async def test_the_owner_grants_and_revokes_too(server: Serving) -> None:
    alice = await token_of(server, "alice")
    assert (await server.fairlead("grant", "bob", "read", "other", token=alice)).status == 0
    assert (await server.fairlead("revoke", "bob", "read", "other", token=alice)).status == 0


async def test_a_revocation_ends_the_follower_who_lost_and_no_other(server: Serving) -> None:
    alice, bob = await token_of(server, "alice"), await token_of(server, "bob")
    await server.fairlead("grant", "bob", "read", "other")
    async with server.running("run", "-q", "--object", "other", "--", "cat") as run:
        await line_with(run.stderr, "the log is")
        assert run.stdin is not None
        run.stdin.write(b"before\n")
        follow = ("logs", "-f", "other")
        async with server.running(*follow, token=alice) as hers, server.running(*follow, token=bob) as his:
            assert await line_with(hers.stdout, "") == await line_with(his.stdout, "") == "before\n"
            assert (await server.fairlead("revoke", "bob", "read", "other")).status == 0
            run.stdin.write(b"after\n")
            assert await line_with(hers.stdout, "") == "after\n"
            stdout, stderr = await asyncio.wait_for(his.communicate(), COMMAND_S)
            assert (his.returncode, stdout) == (124, b"")
            assert b"revoked" in stderr
            run.stdin.close()
            assert await asyncio.wait_for(hers.wait(), COMMAND_S) == 0


async def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = await plain(tmp_path, "can", "bob", "read", "job", "--url", "ws://127.0.0.1:1/ws")
    assert (done.status, done.stderr) == (125, "fairlead: cannot reach ws://127.0.0.1:1/ws: connection refused\n")


async def test_commands_find_the_admin_token_of_the_server_beside_them(tmp_path: Path) -> None:
    server = Serving(tmp_path)
    server.data = tmp_path / ".fairlead"
    async with server:
        assert (await plain(tmp_path, "can", "admin", "manage", "admin", "--url", server.url)).lines == ["yes"]
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        done = await plain(elsewhere, "grant", "bob", "read", "job", "--url", server.url)
        assert (done.status, done.stdout) == (125, b"")
        assert "you have given no token" in done.stderr


async def plain(directory: Path, *arguments: str) -> Done:
    """A command as somebody types it in a directory, with nothing in the environment."""
    environment = {name: value for name, value in os.environ.items() if name != "FAIRLEAD_TOKEN"}
    process = await asyncio.create_subprocess_exec(
        *FAIRLEAD,
        *arguments,
        cwd=directory,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert process.returncode is not None
    return Done(process.returncode, stdout, stderr.decode())
