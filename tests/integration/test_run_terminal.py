"""`fairlead run` on a terminal, below a shell: prompts, Ctrl-C, Ctrl-D and Ctrl-Z work as without it.

The tests are not asynchronous: they drive a pseudo terminal as a person would, one line after the other.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from support.serving import Commands, Serving
from support.terminal import Terminal


@pytest.fixture(scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    async with Serving(tmp_path_factory.mktemp("serving")) as serving:
        yield serving


@pytest.fixture
def start(serving: Serving, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    environment = {**Commands(serving.url, serving.data, tmp_path).environment(), "PS1": "PROMPT> "}
    started: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        started.append(Terminal([*arguments], environment))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


@pytest.fixture
def run(serving: Serving) -> list[str]:
    return [sys.executable, "-m", "fairlead_server", "run", "--url", serving.url, "--"]


def test_the_command_reads_from_the_terminal_to_its_end(start: Callable[..., Terminal], run: list[str]) -> None:
    terminal = start(*run, "cat")
    terminal.expect(b"the log is")
    terminal.type(b"hello\n")
    terminal.expect(b"hello\r\nhello\r\n")
    terminal.type(b"\x04")
    assert terminal.status() == 0


def test_ctrl_c_ends_the_command(start: Callable[..., Terminal], run: list[str]) -> None:
    # exec: a sh that is interrupted on its way to start another process may lose the signal, whoever started it.
    terminal = start(*run, "sh", "-c", "echo ready; exec sleep 1000")
    terminal.expect(b"ready")
    terminal.type(b"\x03")
    assert terminal.status() == 128 + signal.SIGINT


def test_ctrl_c_may_be_handled_by_the_command(start: Callable[..., Terminal], run: list[str]) -> None:
    program = (
        "import sys\nsys.stdin.readline()\ntry: print('waiting', flush=True); sys.stdin.readline()\n"
        "except KeyboardInterrupt: print('caught'); sys.exit(9)"
    )
    terminal = start(*run, sys.executable, "-c", program)
    terminal.type(b"go\n")
    terminal.expect(b"waiting")
    terminal.type(b"\x03")
    assert terminal.status() == 9
    assert b"caught" in terminal.output


def test_the_shell_stops_and_continues_it_as_any_job(start: Callable[..., Terminal], run: list[str]) -> None:
    command = " ".join(run).encode()
    shell = start("bash", "--norc", "--noediting", "-i")
    shell.expect(b"PROMPT> ")
    shell.type(command + b" cat\n")
    shell.expect(b"the log is")
    shell.type(b"one\n")
    shell.expect(b"one\r\none\r\n")
    shell.type(b"\x1a")  # Ctrl-Z
    shell.expect(b"Stopped")
    shell.expect(b"PROMPT> ")
    shell.type(b"echo in the shell\n")
    shell.expect(b"\r\nin the shell")
    shell.expect(b"PROMPT> ")
    shell.type(b"fg\n")
    shell.expect(b" cat\r\n")
    shell.type(b"two\n")
    shell.expect(b"two\r\ntwo\r\n")
    shell.type(b"\x04")
    shell.expect(b"PROMPT> ")
    # exec: a sh that is stopped between vfork and exec waits for its child in the kernel, and nobody sees it stop.
    shell.type(command + b" sh -c 'echo ready; exec sleep 1000'\n")
    shell.expect(b"\r\nready")
    shell.type(b"\x1a")
    shell.expect(b"Stopped")
    shell.expect(b"PROMPT> ")
    shell.type(b"bg\n")
    shell.expect(b"PROMPT> ")
    shell.type(b"kill %1; wait\n")
    shell.expect(b"143")
    shell.type(b"exit 0\n")
    assert shell.status() == 0
