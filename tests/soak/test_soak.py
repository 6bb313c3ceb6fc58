"""The soak, for a few seconds in each run of the tests; and that it finds what is there to be found."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from soak.judgement import Growth, Sample
from soak.run import Options, soak
from support.serving import is_gone
from support.waiting import eventually

SEED = 20261126
MAIN = Path(__file__).with_name("main.py")
LEAKY = str(Path(__file__).with_name("leaky_router.py"))


def ignore(_part: float, _visits: int) -> None:
    """Nobody watches."""


@pytest.mark.limit_s(60)
async def test_nothing_leaks(tmp_path: Path) -> None:
    report = await soak(tmp_path, Options(10, SEED, workers=16), ignore)
    assert report.faults == []
    assert report.visits > 100
    assert report.after["sessions_opened"] > 100
    assert report.after["revoked"] > 0
    assert report.rounds > 50


@pytest.mark.limit_s(60)
async def test_leaks_are_found(tmp_path: Path) -> None:
    report = await soak(tmp_path, Options(3, SEED, workers=16, program=(LEAKY,), quiet_s=2), ignore)
    found = "\n".join(report.faults)
    for name in ("sessions: ", "realm1: sessions: ", "objects: ", "timers: ", "a mistake of ours"):
        assert name in found


@pytest.mark.limit_s(60)
async def test_ctrl_c_ends_it_with_everything_that_it_started() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(MAIN), "--minutes", "1", "--seed", "7", "--workers", "4",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    [router] = (await eventually(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text)).split()
    process.send_signal(signal.SIGINT)
    stdout, stderr = await process.communicate()
    assert (process.returncode, stderr) == (1, b"")
    assert stdout.decode().split("\n", 1)[1] == "\nsoak: stopped\n"
    await is_gone(int(router))


def test_memory_that_grows_is_told_from_memory_that_has_settled() -> None:
    settled = [Sample(at_s, min(at_s, 10) * 1_000) for at_s in range(100)]
    assert Growth.of(settled) == (0, 0)
    growing = [Sample(at_s, 10_000 + at_s * 100) for at_s in range(100)]
    growth = Growth.of(growing)
    assert growth.kib == pytest.approx(7_200)
    assert growth.kib_a_minute == pytest.approx(6_000)
