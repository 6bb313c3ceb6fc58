"""`fairlead logs --attempt` with a real server: one run of a command that was run again and again."""

from __future__ import annotations

import json

import pytest

from support.serving import Commands, line_with


@pytest.fixture
async def attempts(server: Commands, job: str) -> None:
    """Three attempts that have ended, with the status 3, 4 and 0."""
    for attempt, status in ((1, 3), (2, 4), (3, 0)):
        script = f"echo line {attempt}; echo err {attempt} >&2; exit {status}"
        await server.fairlead("run", "-q", "--object", job, "--attempt", "next", "--", "sh", "-c", script)


@pytest.mark.parametrize(("attempt", "status"), [(1, 3), (2, 4), (3, 0)])
@pytest.mark.usefixtures("attempts")
async def test_an_attempt_is_shown_alone_and_followed_to_its_own_status(
    server: Commands, job: str, attempt: int, status: int
) -> None:
    shown = await server.fairlead("logs", "--attempt", str(attempt), job)
    assert (shown.status, shown.lines) == (0, [f"line {attempt}"])
    followed = await server.fairlead("logs", "-f", "--attempt", str(attempt), job)
    assert (followed.status, followed.lines) == (status, [f"line {attempt}"])
    assert f"with exit status {status}" in followed.stderr


@pytest.mark.usefixtures("attempts")
async def test_an_attempt_is_shown_as_json_with_its_end_and_filtered_by_source(server: Commands, job: str) -> None:
    done = await server.fairlead("logs", "--attempt", "2", "--json", "--source", "stderr", job)
    *records, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records if not record["flags"] & 2] == ["err 2"]
    assert (last["sealed"]["exit_code"], last["sealed"]["next"]) == (4, records[-1]["seq"] + 1)


@pytest.mark.usefixtures("attempts")
async def test_an_attempt_that_is_not_there_is_one_line(server: Commands, job: str) -> None:
    done = await server.fairlead("logs", "--attempt", "4", job)
    assert (done.status, done.stdout) == (125, b"")
    assert "knows of no attempt 4, but of 1 to 3" in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_an_attempt_and_a_tail_exclude_each_other(server: Commands, job: str) -> None:
    done = await server.fairlead("logs", "--attempt", "1", "--tail", "3", job)
    assert (done.status, "--tail and --attempt exclude each other" in done.stderr) == (125, True)


async def test_the_entries_name_the_attempts(server: Commands, job: str, attempts: None) -> None:
    (entry,) = json.loads((await server.fairlead("streams", job, "--json")).stdout)["streams"]
    assert [(each["attempt"], each["exit_code"]) for each in entry["attempts"]] == [(1, 3), (2, 4), (3, 0)]
    assert (await server.fairlead("streams", job)).lines[1].split()[:4] == [job, "sealed", "0", "3"]


async def test_an_attempt_that_is_running_is_followed_to_its_end(server: Commands, job: str) -> None:
    await server.fairlead("run", "-q", "--object", job, "--", "sh", "-c", "echo first; exit 3")
    async with server.running(
        "run", "--object", job, "--attempt", "2", "--", "sh", "-c", "echo second; read x; exit 4"
    ) as run:
        await line_with(run.stdout, "second")
        async with server.running("logs", "-f", "--attempt", "2", job) as follower:
            await line_with(follower.stdout, "second")
            assert run.stdin is not None
            run.stdin.write(b"go\n")
            assert await follower.wait() == 4
