"""Our stdout and stderr for a coroutine, and the small words beside them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fairlead_server.commands._output import Output, OutputClosed
from fairlead_server.commands._pairs import pairs_of
from fairlead_server.commands._progress import bar, share
from fairlead_server.commands._sizes import age_text, bytes_of, count_of, size_text
from fairlead_server.errors import CommandError


@contextmanager
def stdout_read() -> Iterator[int]:
    """Where our stdout can be read from. No fixture: pytest changes stdout before it calls the test."""
    read, write = os.pipe()
    kept = os.dup(1)
    os.dup2(write, 1)
    os.close(write)
    try:
        yield read
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(read)


async def test_what_is_written_comes_out_in_order() -> None:
    with stdout_read() as stdout:
        output = Output()
        for number in range(10):
            output.write(1, b"%d" % number)
        await output.drained()
        assert os.read(stdout, 100) == b"0123456789"


async def test_who_writes_waits_for_room_and_the_loop_goes_on() -> None:
    with stdout_read() as stdout:
        output = Output()
        output.write(1, bytes(2_000_000))
        waiting = asyncio.ensure_future(output.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        left = 2_000_000
        while left:
            left -= len(await asyncio.to_thread(os.read, stdout, 65536))
        await asyncio.wait_for(waiting, 10)


async def test_a_reader_that_went_away_ends_the_job_at_once() -> None:
    with stdout_read() as stdout:
        output = Output()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, stdout)
        os.close(null)

        async def job() -> None:
            output.write(1, b"nobody reads this")
            await asyncio.Event().wait()

        with pytest.raises(OutputClosed):
            await asyncio.wait_for(output.unless_closed(job()), 10)


async def test_a_job_that_fails_fails() -> None:
    async def job() -> None:
        raise KeyError("oops")

    with pytest.raises(KeyError):
        await Output().unless_closed(job())


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("500", 500), ("1.5k", 1500), ("2 MB", 2_000_000), ("64MiB", 64 << 20), ("1g", 10**9)],
)
def test_a_size_is_read(text: str, size_bytes: int) -> None:
    assert bytes_of(text, "--x") == size_bytes


@pytest.mark.parametrize("text", ["", "-1", "1x", "k", "1e9", "9" * 20])
def test_what_is_no_size_is_an_error(text: str) -> None:
    with pytest.raises(CommandError, match="is no size"):
        bytes_of(text, "--x")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (10**18, "1000000.0 TB")],
)
def test_a_size_is_shown(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


@pytest.mark.parametrize(("age_s", "text"), [(-5, "0s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (90_000, "1d")])
def test_an_age_is_shown(age_s: float, text: str) -> None:
    assert age_text(age_s) == text


@pytest.mark.parametrize("text", ["", "-1", "x", "1.0", "9" * 20, "\u0663"])
def test_what_is_no_number_of_lines_is_an_error(text: str) -> None:
    with pytest.raises(CommandError, match="is no number"):
        count_of(text, "--x")


def test_pairs_are_read_and_the_last_one_counts() -> None:
    assert pairs_of(["a=1", "b=", "a=2=3"], "--meta") == {"a": "2=3", "b": ""}


def test_how_far_it_is() -> None:
    assert bar(0, 0) == "[####################] 100% of 0 B"
    assert bar(1000, 4000) == "[#####...............] 25% of 4.0 kB"
    assert share(1200, 4000, "lines") == "1 200 of 4 000 lines (30 %)"
