"""`fairlead journald` with real journal files, which systemd-journal-remote has made, and the real journalctl."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from support.debian import program
from support.serving import Commands, line_with
from support.waiting import eventually

FILES = Path(__file__).with_name("journal")
# a.journal has the entries 0 to 9, b.journal 10 to 19 and one more, of two lines, that is no text.
TEXTS = [*(f"message {number}" for number in range(20)), "two", "lines"]


@pytest.fixture(scope="module", autouse=True)
def _journalctl() -> None:
    program("journalctl")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    directory = tmp_path / "journal"
    directory.mkdir()
    add(directory, "a")
    return directory


def add(directory: Path, name: str) -> None:
    """As a journal that is rotated has one more file."""
    (directory / f"{name}.journal").write_bytes(gzip.decompress((FILES / f"{name}.journal.gz").read_bytes()))


async def records(server: Commands, stream: str) -> list[dict[str, Any]]:
    done = await server.fairlead("logs", "--json", stream)
    return [each for each in map(json.loads, done.stdout.splitlines()) if "seq" in each]


async def texts(server: Commands, stream: str) -> list[str]:
    return [each.get("text", "lines") for each in await records(server, stream)]


async def test_the_journal_is_followed_with_sources_and_times(server: Commands, job: str, journal: Path) -> None:
    async with server.running("journald", "--stream", job, "--directory", str(journal)) as process:
        await line_with(process.stderr, f"the log is {job}")
        await eventually(lambda: has(server, job, TEXTS[:10]), timeout_s=10)
        add(journal, "b")
        await eventually(lambda: has(server, job, TEXTS), timeout_s=10)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    first, second, *_, last = await records(server, job)
    assert (first["source"], first["time_us"]) == ("kernel", 1_764_158_400_000_000)
    assert (second["source"], second["time_us"]) == ("sshd", 1_764_158_401_000_000)
    assert (last["source"], last["base64"]) == ("cron", "bGluZXMg/w==")


async def has(server: Commands, stream: str, expected: list[str]) -> bool:
    return await texts(server, stream) == expected


async def test_it_goes_on_exactly_where_it_was_killed(server: Commands, job: str, journal: Path) -> None:
    async with server.running("journald", "--stream", job, "--directory", str(journal)) as process:
        await eventually(lambda: has(server, job, TEXTS[:10]), timeout_s=10)
        process.kill()
        await process.wait()
    add(journal, "b")
    for _ in range(2):
        done = await server.fairlead("journald", "--once", "--stream", job, "--directory", str(journal))
        assert done.status == 0, done.stderr
        assert await texts(server, job) == TEXTS


async def test_a_place_that_was_not_kept_is_an_error(server: Commands, job: str, journal: Path) -> None:
    await server.fairlead("journald", "--once", "--stream", job, "--directory", str(journal))
    shutil.rmtree(server.directory / "state" / "fairlead" / "journald")
    done = await server.fairlead("journald", "--once", "--stream", job, "--directory", str(journal))
    assert done.status == 125
    assert f"{job} has 10 records, but what was kept of the place" in done.stderr


async def test_administrators_read_it_and_nobody_else(server: Commands, job: str, journal: Path) -> None:
    await server.fairlead("journald", "--once", "--stream", job, "--directory", str(journal))
    token = (await server.fairlead("token", f"bob-{job}", "--create")).stdout.decode().strip()
    assert "may not read" in (await server.fairlead("logs", job, token=token)).stderr
    assert (await server.fairlead("can", f"bob-{job}", "read", job)).stdout.startswith(b"no")


async def test_what_journalctl_says_is_the_error(server: Commands, job: str) -> None:
    done = await server.fairlead("journald", "--once", "--stream", job, "--since", "whenever")
    assert done.status == 125
    assert "journalctl failed: Failed to parse timestamp: whenever" in done.stderr
