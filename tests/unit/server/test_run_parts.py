"""The parts of `fairlead run`: the echo, the child, and what is read from it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from fairlead_server.commands._child import Child, exit_status
from fairlead_server.commands._echo import LIMIT_BYTES, Echo
from fairlead_server.errors import CommandError
from support.waiting import eventually


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def shut(descriptor: int) -> None:
    """Closes an end of a pipe, and keeps its number for the fixture."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)


def test_the_echo_writes_everything_in_order(pipe: tuple[int, int]) -> None:
    read, write = pipe
    finished = threading.Event()
    echo = Echo(lambda: None)
    for number in range(100):
        echo.write(write, b"%d\n" % number)
    echo.finish(finished.set)
    assert finished.wait(10)
    assert os.read(read, 10_000) == b"".join(b"%d\n" % number for number in range(100))


def test_a_slow_terminal_fills_the_echo_and_it_says_when_there_is_room(pipe: tuple[int, int]) -> None:
    read, write = pipe
    has_room, finished = threading.Event(), threading.Event()
    echo = Echo(has_room.set)
    assert echo.has_room
    for _ in range(LIMIT_BYTES // 65536 + 2):
        echo.write(write, b"x" * 65536)
    assert not echo.has_room
    assert not has_room.is_set()
    taken = 0
    while taken < LIMIT_BYTES // 2:
        taken += len(os.read(read, 65536))
    assert has_room.wait(10)
    shut(read)  # nobody reads any more: the rest is forgotten
    echo.finish(finished.set)
    assert finished.wait(10)


async def test_a_child_has_a_group_and_pipes_of_its_own() -> None:
    child = Child.start([sys.executable, "-c", "import os, sys; print(os.getpgrp() == os.getpid()); sys.exit(3)"])
    try:
        status = await eventually(child.look)
        assert status == 3
        assert os.read(child.outputs["stdout"], 100) == b"True\n"
    finally:
        os.close(child.outputs["stdout"])
        os.close(child.outputs["stderr"])


async def test_a_signal_ends_the_child_and_counts_128_more() -> None:
    child = Child.start(["sleep", "1000"])
    child.send(signal.SIGTERM)
    try:
        assert await eventually(child.look) == 128 + signal.SIGTERM
        child.send(signal.SIGTERM)  # nobody is there any more
    finally:
        os.close(child.outputs["stdout"])
        os.close(child.outputs["stderr"])


@pytest.mark.parametrize(("name", "status"), [("no-such-command-here", 127), ("/etc/passwd", 126), ("/tmp", 126)])
def test_what_cannot_be_started_has_a_shells_status(name: str, status: int) -> None:
    with pytest.raises(CommandError, match=name) as caught:
        Child.start([name])
    assert caught.value.status == status


def test_a_wait_status_as_a_shell_says_it() -> None:
    assert exit_status(3 << 8) == 3
    assert exit_status(signal.SIGKILL) == 137


async def test_signals_are_restored_for_the_child() -> None:
    child = Child.start(["sh", "-c", "kill -PIPE $$; echo survived"])
    try:
        assert await eventually(child.look) == 128 + signal.SIGPIPE
    finally:
        os.close(child.outputs["stdout"])
        os.close(child.outputs["stderr"])
