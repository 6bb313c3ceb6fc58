"""`fairlead user`, `group`, `object`, `apply`, `sessions` and dry runs against a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_client.asyncio import call, connect, disconnect
from support.serving import Serving, line_with

pytestmark = pytest.mark.limit_s(90)
"""Each command is a process of its own."""


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """With alice, who owns `project` with `job` in it, and bob."""
    async with Serving(tmp_path_factory.mktemp("permissions")) as serving:
        session = await connect(serving.url, token=serving.environment()["FAIRLEAD_TOKEN"])
        users = [{"op": "put", "kind": "user", "id": user} for user in ("alice", "bob")]
        things = [
            {"op": "put", "kind": "project", "id": "project", "owner": "alice"},
            {"op": "put", "kind": "object", "id": "job", "owner": "project"},
        ]
        await call(session, "fairlead.authz.apply", [*users, *things])
        await disconnect(session)
        yield serving


async def lines(server: Serving, *arguments: str, token: str | None = None) -> list[str]:
    """What a command that succeeds prints."""
    done = await server.fairlead(*arguments, token=token)
    assert (done.status, done.stderr) == (0, "")
    return done.lines


async def document(server: Serving, *arguments: str, token: str | None = None) -> dict[str, Any]:
    """The one JSON document that a command prints."""
    [line] = await lines(server, *arguments, "--json", token=token)
    answer: dict[str, Any] = json.loads(line)
    return answer


async def test_users_are_made_listed_ended_and_merged(server: Serving) -> None:
    assert await lines(server, "user", "add", "erin", "--name", "Erin E.") == ["user erin is there"]
    assert await lines(server, "user", "admin", "erin") == ["user erin is an administrator"]
    users = {each["id"]: each for each in (await document(server, "user", "list"))["users"]}
    assert (users["erin"]["name"], users["erin"]["is_admin"]) == ("Erin E.", True)
    assert await lines(server, "user", "admin", "erin", "--off") == ["user erin is no administrator"]
    assert await lines(server, "user", "deactivate", "erin") == ["user erin is not active"]
    assert (await document(server, "user", "show", "erin"))["is_active"] is False
    assert await lines(server, "user", "activate", "erin") == ["user erin is active"]
    await lines(server, "object", "add", "of-erin", "--owner", "erin")
    assert await lines(server, "user", "merge", "erin", "alice") == ["user erin is merged into alice"]
    assert (await document(server, "object", "show", "of-erin"))["owner"] == "alice"
    assert await lines(server, "user", "delete", "erin") == ["user erin is gone"]


async def test_making_a_user_that_is_there_changes_only_what_is_given(server: Serving) -> None:
    await lines(server, "user", "add", "frank", "--admin", "--name", "F.")
    await lines(server, "user", "add", "frank", "--name", "Frank")
    frank = await document(server, "user", "show", "frank")
    assert (frank["is_admin"], frank["name"]) == (True, "Frank")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user", "admin", "alcie"), "'alcie' does not exist"),
        (("user", "admin", "job"), "'job' is no user: its kind is object"),
        (("user", "delete", "job"), "'job' is no user: its kind is object"),
        (("object", "delete", "alice"), "'alice' is a user: `fairlead user delete` removes users"),
    ],
)
async def test_a_slip_in_an_id_makes_nobody_and_removes_nothing_else(
    server: Serving, words: tuple[str, ...], said: str
) -> None:
    done = await server.fairlead(*words)
    assert (done.status, done.lines) == (125, [])
    assert said in done.stderr
    assert (await document(server, "object", "show", "job"))["kind"] == "object"


async def test_who_leaves_a_role_hears_that_and_why_it_still_sees_the_role(server: Serving) -> None:
    await lines(server, "group", "add", "watch", "--role")
    await lines(server, "grant", "bob", "read", "watch")
    assert await lines(server, "revoke", "bob", "read", "watch") == [
        "bob is no longer in watch, but can still read it: watch is a role, and every active user reads every role"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--list", "--expires", "3h"], "--list takes no --expires"),
        (["--list", "--delete", "x"], "--list and --delete exclude each other"),
        (["--delete", "x", "--scope", "all"], "--delete takes no --scope"),
        (["--change", "x", "--container", "c"], "--change takes no --container"),
        (["--change", "x"], "--change takes --scope, --expires, or both"),
    ],
)
async def test_token_refuses_options_that_it_would_ignore(server: Serving, options: list[str], said: str) -> None:
    done = await server.fairlead("token", "bob", *options)
    assert (done.status, done.lines, done.stderr) == (125, [], f"fairlead: {said}\n")


async def test_an_unknown_user_is_an_error_and_no_answer_with_json_too(server: Serving) -> None:
    done = await server.fairlead("can", "nobody", "read", "job", "--json")
    assert done.status == 125
    assert "there is no user 'nobody'" in json.loads(done.stdout)["error"]["text"]


async def test_groups_are_made_listed_and_have_members(server: Serving) -> None:
    assert await lines(server, "group", "add", "crew", "--role") == ["crew is there"]
    assert await lines(server, "group", "add", "archive", "--project", "--owner", "alice") == ["archive is there"]
    await lines(server, "grant", "bob", "read", "crew")
    members = (await document(server, "group", "members", "crew"))["members"]
    assert [(each["id"], each["level"]) for each in members] == [("admin", "manage"), ("bob", "read")]
    projects = (await document(server, "group", "list", "--project"))["groups"]
    assert {each["id"] for each in projects} == {"archive", "project"}
    done = await server.fairlead("group", "add", "neither")
    assert (done.status, done.lines) == (125, [])
    assert "--role, --project, --filter" in done.stderr


async def test_an_object_lives_from_add_to_delete(server: Serving) -> None:
    await lines(server, "group", "add", "shelf", "--project", "--owner", "alice")
    assert await lines(server, "object", "add", "thing", "--owner", "project") == ["thing is there"]
    assert await lines(server, "object", "move", "thing", "shelf") == ["shelf owns thing"]
    assert (await lines(server, "object", "list", "--owner", "shelf"))[0].split() == ["thing", "object", "shelf"]
    assert await lines(server, "object", "trash", "thing") == ["thing is in the trash"]
    [alice] = await lines(server, "token", "alice")
    nothing = await server.fairlead("object", "list", "--owner", "shelf", token=alice)
    assert (nothing.status, nothing.lines) == (0, [])
    assert nothing.stderr == "fairlead: there are no objects that you may see\n"
    assert (await document(server, "object", "list", "--owner", "shelf", "--trash"))["objects"][0]["id"] == "thing"
    assert await lines(server, "object", "untrash", "thing") == ["thing is not in the trash"]
    [said] = await lines(server, "object", "trash", "thing", "--at", "2h")
    assert said.startswith("thing goes to the trash at 2")
    assert await lines(server, "group", "freeze", "shelf") == ["shelf is frozen"]
    assert (await server.fairlead("can", "alice", "write", "thing")).lines == ["no"]
    assert await lines(server, "group", "unfreeze", "shelf") == ["shelf is not frozen"]
    assert await lines(server, "object", "delete", "thing") == ["thing is gone"]


async def test_a_dry_run_counts_what_is_live_and_changes_nothing(server: Serving) -> None:
    await lines(server, "object", "add", "watched", "--owner", "project")
    await lines(server, "grant", "bob", "read", "watched")
    [bob] = await lines(server, "token", "bob")
    async with server.running("run", "-q", "--object", "watched", "--", "cat") as run:
        await line_with(run.stderr, "the log is")
        assert run.stdin is not None
        run.stdin.write(b"line\n")
        async with server.running("logs", "-f", "watched", token=bob) as logs:
            await line_with(logs.stdout, "line")
            said = await lines(server, "revoke", "bob", "read", "watched", "--dry-run")
            assert said == ["would end 1 call of 1 user"]
            dry = await document(server, "user", "deactivate", "bob", "--dry-run")
            assert (dry["would_end"]["sessions"], dry["would_end"]["calls"]) == (1, 1)
            assert logs.returncode is None
    assert (await server.fairlead("can", "bob", "read", "watched")).status == 0


async def test_apply_takes_a_list_or_lines_and_makes_all_or_none(server: Serving, tmp_path: Path) -> None:
    grant = {"op": "grant", "user": "bob", "level": "read", "object": "job"}
    as_list, as_lines = tmp_path / "list.json", tmp_path / "lines.json"
    as_list.write_text(json.dumps([grant]), encoding="utf-8")
    assert await lines(server, "apply", str(as_list)) == ["1 change made"]
    revoke = {**grant, "op": "revoke"}
    as_lines.write_text(f"{json.dumps(revoke)}\n\n{json.dumps({'op': 'delete', 'id': 'nothing'})}\n", encoding="utf-8")
    done = await server.fairlead("apply", str(as_lines))
    assert done.status == 125
    assert "'nothing'" in done.stderr
    assert (await server.fairlead("can", "bob", "read", "job")).status == 0
    assert await lines(server, "apply", str(as_list), "--dry-run") == ["would end nothing that is live"]


async def test_apply_reads_stdin_and_names_the_line_that_is_no_json(server: Serving) -> None:
    change = {"op": "put", "kind": "object", "id": "piped", "owner": "project"}
    done = await server.fairlead("apply", "-", stdin=json.dumps(change).encode())
    assert (done.status, done.lines) == (0, ["1 change made"])
    done = await server.fairlead("apply", "-", stdin=b'{"op": "delete", "id": "piped"}\n{"op"\n')
    assert done.status == 125
    assert done.stderr.startswith("fairlead: -, line 2: this is not JSON")


async def test_what_is_too_long_for_one_list_is_taken_in_batches(server: Serving, tmp_path: Path) -> None:
    changes = [{"op": "put", "kind": "object", "id": f"o{number}", "owner": "project"} for number in range(10_001)]
    file = tmp_path / "many.json"
    file.write_text("\n".join(map(json.dumps, changes)), encoding="utf-8")
    done = await server.fairlead("apply", str(file))
    assert done.status == 125
    assert "10001 changes" in done.stderr
    assert "--batch" in done.stderr
    assert await lines(server, "apply", str(file), "--batch", "4000") == ["10001 changes made"]
    assert len((await document(server, "object", "list", "--owner", "project"))["objects"]) > 10_000


async def test_sessions_are_shown_to_administrators_and_to_their_users(server: Serving) -> None:
    [bob] = await lines(server, "token", "bob")
    [his] = (await document(server, "sessions", token=bob))["sessions"]
    assert (his["user"], his["transport"], his["address"]) == ("bob", "websocket", "127.0.0.1")
    assert {each["user"] for each in (await document(server, "sessions"))["sessions"]} == {"admin"}
    done = await server.fairlead("sessions", "alice", token=bob)
    assert (done.status, done.lines) == (125, [])
    assert "'bob'" in done.stderr


async def test_tokens_are_listed_changed_and_deleted(server: Serving) -> None:
    await lines(server, "user", "add", "tess")
    [token] = await lines(server, "token", "tess", "--scope", "call fairlead.authz.", "--expires", "8h")
    [listed] = (await document(server, "token", "tess", "--list", token=token))["tokens"]
    assert (listed["scopes"], listed["is_valid"]) == (["call fairlead.authz."], True)
    assert listed["id"] in token
    assert token.split("/")[2] not in str(listed)
    assert await lines(server, "token", "tess", "--change", listed["id"], "--scope", "all", "--expires", "never") == [
        f"token {listed['id']} is changed"
    ]
    [line] = await lines(server, "token", "tess", "--list")
    assert line.split()[2:] == ["never", "all"]
    assert await lines(server, "token", "tess", "--delete", listed["id"]) == [f"token {listed['id']} is gone"]
    assert (await server.fairlead("can", "tess", "read", "tess", token=token)).status == 125
    log = await lines(server, "audit")
    assert sum(listed["id"] in each for each in log) == 3
    assert token.split("/")[2] not in str(log)


async def test_who_lists_the_users_with_their_paths(server: Serving) -> None:
    await lines(server, "object", "add", "asked-about", "--owner", "project")
    await lines(server, "grant", "bob", "read", "asked-about")
    [alice] = await lines(server, "token", "alice")
    users = (await document(server, "who", "read", "asked-about", token=alice))["users"]
    assert {"user": "bob", "via": "bob has read on asked-about"} in users
    assert any(line.split()[0] == "bob" for line in await lines(server, "who", "read", "asked-about", token=alice))


async def test_audit_says_who_changed_what_and_when(server: Serving) -> None:
    [alice] = await lines(server, "token", "alice")
    await lines(server, "object", "add", "audited", "--owner", "project", token=alice)
    await lines(server, "grant", "bob", "read", "audited")
    made, granted = await lines(server, "audit", "--object", "audited")
    assert made.split()[1:] == ["alice", "put", "kind=object", "id=audited", "owner=project"]
    assert granted.split()[1:] == ["admin", "grant", "user=bob", "level=read", "object=audited"]
    assert (await document(server, "audit", "--object", "audited", token=alice))["changes"][0]["actor"] == "alice"
    assert (await server.fairlead("audit", token=alice)).status == 125


async def test_every_error_is_a_json_document_where_that_is_wanted(server: Serving) -> None:
    for arguments in (("object", "show", "nothing"), ("apply", "no-such-file"), ("can", "bob", "own", "job")):
        done = await server.fairlead(*arguments, "--json")
        assert done.status == 125
        assert json.loads(done.stdout)["error"]["text"] == done.stderr.removeprefix("fairlead: ").rstrip("\n")


@pytest.mark.parametrize(
    "words", [("grant",), ("revoke",), ("apply",), ("user", "merge"), ("group", "add"), ("object", "trash")]
)
async def test_help_has_examples(server: Serving, words: tuple[str, ...]) -> None:
    text = "\n".join(await lines(server, *words, "--help"))
    assert f"Examples:\n  fairlead {' '.join(words)}" in text
