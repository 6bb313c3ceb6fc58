"""`fairlead run` with a real server: the command notices nothing, the log has everything."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from support.serving import Commands, Done, is_gone, line_with
from support.waiting import eventually


async def records(server: Commands, stream: str) -> list[dict[str, Any]]:
    done = await server.fairlead("logs", "--json", stream)
    assert done.status == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def texts(server: Commands, stream: str) -> list[tuple[str, str, int]]:
    return [(r["source"], r["text"], r["flags"]) for r in await records(server, stream) if "seq" in r]


async def test_output_is_repeated_logged_and_the_status_kept(server: Commands, job: str) -> None:
    done = await server.fairlead("run", "--object", job, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout) == (3, b"out\n")
    assert f"the log is {job}" in done.stderr
    assert "err\n" in done.stderr
    assert sorted(await texts(server, job)) == [("stderr", "err", 0), ("stdout", "out", 0)]
    shown = await server.fairlead("logs", "-f", job)
    assert (shown.status, shown.stdout) == (3, b"out\n")
    assert "exit status 3" in shown.stderr
    assert server.spools == []


async def test_a_log_without_a_name_gets_one_that_is_told(server: Commands) -> None:
    done = await server.fairlead("run", "--", "echo", "hello")
    stream = done.stderr.split("the log is ")[1].split()[0]
    assert (await server.fairlead("logs", stream)).stdout == b"hello\n"


async def test_quiet_repeats_nothing(server: Commands, job: str) -> None:
    done = await server.fairlead("run", "-q", "--object", job, "--", "echo", "hello")
    assert (done.status, done.stdout) == (0, b"")
    assert await texts(server, job) == [("stdout", "hello", 0)]


async def test_options_of_the_command_stay_its_own_and_it_reads_our_stdin(server: Commands, job: str) -> None:
    done = await server.fairlead("run", "--object", job, "head", "-q", "-n", "1", stdin=b"one\ntwo\n")
    assert (done.status, done.stdout) == (0, b"one\n")


async def test_every_byte_comes_back(server: Commands, job: str) -> None:
    program = (
        "import sys; out = sys.stdout.buffer; "
        "out.write(b'\\0nul\\n\\xff\\xfe\\nx\\0y\\n' + b'z' * 1_000_000 + b'\\n1%\\r2%\\r3%\\n\\xc3\\xa9\\r\\nend')"
    )
    done = await server.fairlead("run", "--object", job, "--", sys.executable, "-c", program)
    assert len(done.stdout) == 1_000_029
    assert (await server.fairlead("logs", job)).stdout == done.stdout
    assert (await server.fairlead("logs", "-f", job)).stdout == done.stdout


async def test_stdout_and_stderr_keep_the_order_in_which_they_come(server: Commands, job: str) -> None:
    program = (
        "import sys, time\nfor n in range(20):\n"
        "  print(n, file=(sys.stdout, sys.stderr)[n % 2], flush=True); time.sleep(0.02)"
    )
    await server.fairlead("run", "-q", "--object", job, "--", sys.executable, "-c", program)
    shown = await records(server, job)
    assert [int(record["text"]) for record in shown if "seq" in record] == [*range(20)]
    times_us = [record["time_us"] for record in shown if "seq" in record]
    assert times_us == sorted(times_us)
    assert times_us[-1] - times_us[0] > 19 * 20_000


async def test_a_prompt_is_in_the_log_while_it_waits(server: Commands, job: str) -> None:
    async with server.running(
        "run", "--object", job, "--", "sh", "-c", "printf 'name? '; read name; echo $name"
    ) as run:
        await line_with(run.stderr, "the log is")

        async def is_shown() -> bool:
            return (await server.fairlead("logs", job)).stdout == b"name? "

        await eventually(is_shown, timeout_s=10)
        stdout, _ = await run.communicate(b"bob\n")
    assert stdout == b"name? bob\n"
    assert (await server.fairlead("logs", job)).stdout == b"name? bob\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
async def test_a_signal_is_passed_on_once(server: Commands, job: str, number: signal.Signals) -> None:
    program = (
        f"import signal, sys, time\ngot = []\nsignal.signal({number:d}, lambda n, _: got.append(n))\n"
        "print('ready', flush=True)\nwhile not got: time.sleep(0.01)\n"
        "time.sleep(0.1); print('got', *got); sys.exit(7)"
    )
    async with server.running("run", "--object", job, "--", sys.executable, "-c", program) as run:
        await line_with(run.stdout, "ready")
        run.send_signal(number)
        stdout, _ = await run.communicate()
    assert stdout == f"got {number:d}\n".encode()
    assert run.returncode == 7


async def test_a_command_ended_by_a_signal_gives_128_and_more(server: Commands, job: str) -> None:
    done = await server.fairlead("run", "--object", job, "--", "sh", "-c", "kill -KILL $$")
    assert done.status == 128 + signal.SIGKILL
    assert (await server.fairlead("logs", "-f", job)).status == 128 + signal.SIGKILL


async def test_a_signal_reaches_what_the_command_has_started(server: Commands) -> None:
    async with server.running("run", "--", "sh", "-c", "sleep 1000 & echo $!; wait") as run:
        assert run.stdout is not None
        pid = int(await run.stdout.readline())
        run.send_signal(signal.SIGTERM)
        await run.communicate()
    assert run.returncode == 128 + signal.SIGTERM
    await is_gone(pid)


async def test_what_the_command_leaves_running_does_not_hold_us_up(server: Commands, job: str) -> None:
    done = await server.fairlead("run", "--object", job, "--", "sh", "-c", "sleep 1000 & echo $!")
    assert done.status == 0
    assert "is not read" in done.stderr
    (await asyncio.create_subprocess_exec("kill", done.stdout.decode().strip()))


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        (["no-such-command-here"], 127, "no-such-command-here: command not found"),
        (["/etc/passwd"], 126, "/etc/passwd: Permission denied"),
        ([], 125, "there is no COMMAND to run"),
    ],
)
async def test_what_cannot_run_is_one_line(
    server: Commands, job: str, command: list[str], status: int, text: str
) -> None:
    assert_one_line(await server.fairlead("run", "--object", job, "--", *command), status, text)
    assert_one_line(await server.fairlead("logs", job), 125, job)
    assert server.spools == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--object", "not an id"], "an id has"),
        (["--object", "job", "--project", "nowhere"], "nowhere"),
        (["--send", "nowhere"], "cannot open the spool 'nowhere'"),
        (["--token-file", "nowhere"], ""),
    ],
)
async def test_wrong_options_are_one_line_and_nothing_runs(server: Commands, options: list[str], text: str) -> None:
    command = [] if "--send" in options else ["--", "touch", "ran"]
    if "--token-file" not in options:
        assert_one_line(await server.fairlead("run", *options, *command), 125, text)
        assert not (server.directory / "ran").exists()
        assert server.spools == []


async def test_a_bad_token_is_one_line_and_nothing_runs(server: Commands) -> None:
    done = await server.fairlead("run", "--", "touch", "ran", token="v2/nobody/nothing")
    assert_one_line(done, 125, "server")
    assert not (server.directory / "ran").exists()


async def test_a_permission_lost_on_the_way_is_told_and_the_command_goes_on(server: Commands, job: str) -> None:
    user = f"dora-{job}"
    token = (await server.fairlead("token", user, "--create")).stdout.decode().strip()
    await server.fairlead("run", "-q", "--object", job, "--", "true")
    assert (await server.fairlead("grant", user, "write", job)).status == 0
    async with server.running("run", "--object", job, "--attempt", "2", "--", "cat", token=token) as run:
        assert run.stdin is not None
        await line_with(run.stderr, "the log is")
        run.stdin.write(b"before\n")
        await line_with(run.stdout, "before")
        assert (await server.fairlead("revoke", user, "write", job)).status == 0
        run.stdin.write(b"after\n")
        await line_with(run.stderr, "takes no more of the log")
        await line_with(run.stdout, "after")
        run.stdin.close()
        _, stderr = await run.communicate()
    assert run.returncode == 0
    assert b"1 line of the log not sent" in stderr
    assert (await server.fairlead("logs", job)).stdout == b"before\n"


async def test_a_log_that_has_ended_takes_the_next_attempt_only(server: Commands, job: str) -> None:
    assert (await server.fairlead("run", "--object", job, "--", "echo", "first")).status == 0
    assert_one_line(await server.fairlead("run", "--object", job, "--", "touch", "ran"), 125, "--attempt 2")
    assert_one_line(await server.fairlead("run", "--object", job, "--attempt", "3", "--", "touch", "ran"), 125, job)
    assert not (server.directory / "ran").exists()
    done = await server.fairlead("run", "--object", job, "--attempt", "2", "--", "sh", "-c", "echo second; exit 4")
    assert done.status == 4
    shown = await server.fairlead("logs", "-f", job)
    assert (shown.status, shown.stdout) == (4, b"first\nsecond\n")
    assert "attempt 2 begins here" in shown.stderr


async def test_a_closed_stdout_does_not_end_the_command(server: Commands, job: str) -> None:
    async with server.running("run", "--object", job, "--", "seq", "100000") as run:
        assert run.stdout is not None
        await run.stdout.readline()
        run.stdout._transport.close()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(run.wait(), 20) == 0
    assert (await server.fairlead("logs", "--tail", "1", job)).stdout == b"100000\n"


def assert_one_line(done: Done, status: int, text: str) -> None:
    assert done.status == status, done.stderr
    assert done.stderr.startswith("fairlead: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert text in done.stderr


async def test_the_next_attempt_has_the_next_number(server: Commands, job: str) -> None:
    for attempt in (1, 2, 3):
        done = await server.fairlead("run", "-q", "--object", job, "--attempt", "next", "--", "echo", str(attempt))
        assert done.status == 0, done.stderr
    shown = await server.fairlead("logs", job)
    assert shown.lines == ["1", "2", "3"]
    assert "attempt 2 begins here" in shown.stderr
    assert "attempt 3 begins here" in shown.stderr
    assert "attempt 4" not in shown.stderr


async def test_attempts_have_numbers(server: Commands) -> None:
    for given in ("0", "-1", "second", "1" * 5000):
        assert_one_line(await server.fairlead("run", f"--attempt={given}", "--", "touch", "ran"), 125, "--attempt")
    assert_one_line(await server.fairlead("run", "--attempt", "next", "--", "touch", "ran"), 125, "--object")
    assert not (server.directory / "ran").exists()


async def test_a_run_that_is_killed_leaves_the_command_going_until_its_next_output(
    server: Commands, job: str, tmp_path: Path
) -> None:
    go, ended = tmp_path / "go", tmp_path / "ended"
    script = f"echo one; while ! test -e {go}; do sleep 0.02; done; touch {ended}; echo two; touch {tmp_path / 'more'}"
    async with server.running("run", "-q", "--object", job, "--", "sh", "-c", script) as run:

        async def is_logged() -> bool:
            return (await server.fairlead("logs", job)).lines == ["one"]

        await eventually(is_logged, timeout_s=10)
        run.kill()
        await run.wait()
    go.touch()
    await eventually(ended.exists, timeout_s=10)
    (spool,) = server.spools
    assert (await server.fairlead("run", "--send", str(spool))).status == 0
    shown = await server.fairlead("logs", "-f", job)
    assert (shown.status, shown.lines) == (0, ["one"])
    assert "the run was cut short" in shown.stderr
    assert not (tmp_path / "more").exists()
