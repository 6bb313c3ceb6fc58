"""`fairlead logs` with a real server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest

from support.serving import Commands, Done, line_with


async def make_log(server: Commands, job: str, script: str = "seq 10; echo err >&2; exit 3") -> None:
    await server.fairlead("run", "-q", "--object", job, "--", "sh", "-c", script)


async def test_without_f_it_shows_what_is_there_and_ends_with_0(server: Commands, job: str) -> None:
    await make_log(server, job)
    done = await server.fairlead("logs", job)
    assert (done.status, done.lines) == (0, [str(number) for number in range(1, 11)])
    assert done.stderr == "err\n"


async def test_a_finished_log_is_shown_in_less_than_a_second(server: Commands, job: str) -> None:
    await make_log(server, job)
    before = os.times()
    assert (await server.fairlead("logs", job)).status == 0
    after = os.times()
    # Its processor time: what else a test machine does must not count.
    used_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert 0 < used_s < 1.0


async def test_tail_source_and_since_choose_what_is_shown(server: Commands, job: str) -> None:
    before = datetime.now(UTC).isoformat()
    await make_log(server, job, script="seq 10; sleep 0.3; echo late >&2")
    assert (await server.fairlead("logs", "--tail", "3", job)).lines == ["9", "10"]
    assert (await server.fairlead("logs", "--tail", "0", job)).stdout == b""
    last = (await server.fairlead("logs", "--tail-bytes", "200", job)).lines
    assert last == [str(number) for number in range(11 - len(last), 11)]
    assert 0 < len(last) < 10
    assert (await server.fairlead("logs", "--source", "stderr", job)).stdout == b""
    assert (await server.fairlead("logs", "--source", "stderr", job)).stderr == "late\n"
    assert len((await server.fairlead("logs", "--since", before, job)).lines) == 10
    assert len((await server.fairlead("logs", "--since", "1h", job)).lines) == 10
    assert (await server.fairlead("logs", "--since", "0s", job)).lines == []


async def test_until_grep_and_context_choose_lines(server: Commands, job: str) -> None:
    await make_log(server, job, script="seq 20; echo ERR nineteen >&2")
    assert (await server.fairlead("logs", "--until", "1h", job)).lines == []
    after = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert len((await server.fairlead("logs", "--until", after, job)).lines) == 20
    assert (await server.fairlead("logs", "--grep", "19", job)).lines == ["19"]
    assert (await server.fairlead("logs", "--grep", "19", "-C", "1", "--source", "stdout", job)).lines == [
        "18", "19", "20",
    ]  # fmt: skip
    assert (await server.fairlead("logs", "--grep", "err n", "-i", job)).stderr == "ERR nineteen\n"


async def test_timestamps_are_those_of_the_lines(server: Commands, job: str) -> None:
    await make_log(server, job, script="echo hello")
    document = json.loads((await server.fairlead("logs", "--json", job)).lines[0])
    for option in ("--utc", "--timestamps"):
        time, text = (await server.fairlead("logs", option, job)).lines[0].split(" ")
        assert text == "hello"
        assert datetime.fromisoformat(time).timestamp() * 1e6 == pytest.approx(document["time_us"], abs=1)


async def test_several_logs_are_interleaved_by_time_with_their_ids(server: Commands, job: str) -> None:
    short, long = f"{job}-a", f"{job}-long"
    await make_log(server, short, script="echo a0")
    await make_log(server, long, script="echo l0; sleep 0.1; echo l1")
    done = await server.fairlead("logs", short, long)
    assert done.lines == [f"{short}    | a0", f"{long} | l0", f"{long} | l1"]
    documents = [json.loads(line) for line in (await server.fairlead("logs", "--json", short, long)).lines]
    assert [each["stream"] for each in documents if "seq" in each] == [short, long, long]


async def test_several_logs_are_followed_and_end_with_the_first_status_that_is_not_0(
    server: Commands, job: str
) -> None:
    first, second, third = f"{job}-1", f"{job}-2", f"{job}-3"
    await make_log(server, first, script="echo done; exit 0")
    await make_log(server, third, script="exit 5")
    async with server.running("run", "-q", "--object", second, "--", "sh", "-c", "read x; echo $x; exit 4") as run:
        await line_with(run.stderr, "the log is")
        async with server.running("logs", "-f", first, second, third) as follower:
            await line_with(follower.stdout, "done")
            assert run.stdin is not None
            run.stdin.write(b"word\n")
            await line_with(follower.stdout, f"{second} | word")
            assert await follower.wait() == 4


async def test_colours_are_for_terminals_or_when_asked_for(server: Commands, job: str) -> None:
    await make_log(server, job, script="echo err >&2")
    assert (await server.fairlead("logs", job)).stderr == "err\n"
    assert (await server.fairlead("logs", "--color", "always", job)).stderr == "\x1b[31merr\x1b[0m\n"


async def test_json_says_everything_exactly(server: Commands, job: str) -> None:
    await make_log(server, job, script="echo text; printf '\\377\\n'; printf part; exit 3")
    done = await server.fairlead("logs", "-f", "--json", job)
    assert done.status == 3
    *records, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["seq"] for record in records] == [0, 1, 2]
    assert [record.get("text") for record in records] == ["text", None, "part"]
    assert records[1]["base64"] == "/w=="
    assert records[2]["flags"] == 1
    assert last == {"sealed": {"exit_code": 3, "reason": None, "next": 3}}


async def test_following_shows_lines_as_they_come(server: Commands, job: str) -> None:
    async with server.running("run", "--object", job, "--", "cat") as run:
        await line_with(run.stderr, "the log is")
        assert run.stdin is not None
        async with server.running("logs", "-f", job) as follower:
            for number in range(3):
                run.stdin.write(b"line %d\n" % number)
                await line_with(follower.stdout, f"line {number}")
            run.stdin.close()
            assert await follower.wait() == 0


async def test_ctrl_c_ends_following_with_130(server: Commands, job: str) -> None:
    async with server.running("run", "--object", job, "--", "sh", "-c", "echo hello; sleep 1000") as run:
        await line_with(run.stdout, "hello")
        async with server.running("logs", "-f", job) as follower:
            await line_with(follower.stdout, "hello")
            follower.send_signal(signal.SIGINT)
            _, stderr = await follower.communicate()
    assert follower.returncode == 130
    assert stderr == b""


async def test_a_reader_that_goes_away_is_no_error(server: Commands, job: str) -> None:
    await make_log(server, job, script="seq 200000")
    command = f"{sys.executable} -m fairlead_server logs --url {server.url} {job} | head -n 2"
    shell = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=server.environment()
    )
    assert await shell.communicate() == (b"1\n2\n", b"")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nosuch"], "nosuch"),
        (["-f", "nosuch"], "nosuch"),
        (["not an id"], "an id has"),
        (["--tail", "3", "--since", "1h", "job"], "exclude each other"),
        (["--since", "yesterday", "job"], "no time"),
        (["--until", "tomorrow", "job"], "--until 'tomorrow' is no time"),
        (["-f", "--until", "1h", "job"], "-f and --until exclude each other"),
        (["-i", "job"], "--grep"),
        ([str(number) for number in range(51)], "at most 50"),
        (["--url", "http://example.com", "job"], "not a URL of a router"),
        (["--url", "ws://127.0.0.1:1/ws", "job"], "ws://127.0.0.1:1/ws"),
        (["--url", "ws://no-such-host.invalid/ws", "job"], "no-such-host.invalid"),
    ],
)
async def test_what_is_wrong_is_one_line(server: Commands, arguments: list[str], text: str) -> None:
    assert_one_line(await server.fairlead("logs", *arguments), text)


async def test_a_bad_token_is_one_line(server: Commands, job: str) -> None:
    await make_log(server, job)
    assert_one_line(await server.fairlead("logs", job, token="v2/nobody/nothing"), "server")
    assert_one_line(await server.fairlead("logs", "-f", job, token="v2/nobody/nothing"), "server")


async def test_a_bad_token_file_is_one_line(server: Commands, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**server.environment(), "FAIRLEAD_TOKEN": ""}
    for file, text in [("nowhere", "No such file"), ("/dev/null", "is empty")]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fairlead_server", "logs", "--token-file", file, job,
            stderr=asyncio.subprocess.PIPE, env=environment, cwd=server.directory,
        )  # fmt: skip
        _, stderr = await process.communicate()
        assert_one_line(Done(process.returncode or 0, b"", stderr.decode()), text)


async def test_json_says_errors_too(server: Commands) -> None:
    done = await server.fairlead("logs", "--json", "nosuch")
    assert done.status == 125
    assert json.loads(done.stdout)["error"]["uri"] == "fairlead.error.no_such_stream"


async def token_of(server: Commands, user: str) -> str:
    done = await server.fairlead("token", user, "--create")
    assert done.status == 0, done.stderr
    return done.stdout.decode().strip()


async def test_losing_the_permission_ends_following_with_124_and_others_go_on(server: Commands, job: str) -> None:
    alice, bob = await token_of(server, f"alice-{job}"), await token_of(server, f"bob-{job}")
    async with server.running("run", "--object", job, "--", "cat") as run:
        await line_with(run.stderr, "the log is")
        for user in (f"alice-{job}", f"bob-{job}"):
            assert (await server.fairlead("grant", user, "read", job)).status == 0
        assert run.stdin is not None
        async with (
            server.running("logs", "-f", job, token=alice) as alices,
            server.running("logs", "-f", job, token=bob) as bobs,
        ):
            run.stdin.write(b"before\n")
            await line_with(alices.stdout, "before")
            await line_with(bobs.stdout, "before")
            assert (await server.fairlead("revoke", f"bob-{job}", "read", job)).status == 0
            run.stdin.write(b"after\n")
            stdout, stderr = await bobs.communicate()
            await line_with(alices.stdout, "after")
            run.stdin.close()
            assert await alices.wait() == 0
    assert bobs.returncode == 124
    assert stdout == b""
    assert stderr.startswith(f"fairlead: the permission to read {job} was revoked".encode())


async def test_who_may_not_read_gets_one_line(server: Commands, job: str) -> None:
    await make_log(server, job)
    carol = await token_of(server, f"carol-{job}")
    assert_one_line(await server.fairlead("logs", job, token=carol), "may not read")
    assert_one_line(await server.fairlead("logs", "-f", job, token=carol), "may not read")


def assert_one_line(done: Done, text: str) -> None:
    assert done.status == 125, done
    assert done.stderr.startswith("fairlead: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert text in done.stderr
