"""`fairlead run` on a terminal, below a shell: prompts, Ctrl-C, Ctrl-D and Ctrl-Z work as without it.

The tests are not asynchronous: they drive a pseudo terminal as a person would, one line after the other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from support.serving import Commands, Serving
from support.terminal import LIMIT_S, Terminal


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


# ---------------------------------------------------------------- --pty


@pytest.fixture
def on_pty(run: list[str]) -> list[str]:
    return [*run[:-1], "--pty", "--"]


def test_on_a_pty_the_command_has_a_terminal_of_our_size_that_it_controls(
    start: Callable[..., Terminal], on_pty: list[str]
) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && echo all; echo there > /dev/tty; trap 'stty size' WINCH; "
    script += "stty size; while :; do sleep 0.05; done"
    terminal = start("sh", "-c", f'stty rows 11 columns 22; exec {" ".join(on_pty)} sh -c "{script}"')
    terminal.expect(b"all\r\nthere\r\n11 22\r\n")
    terminal.resize(33, 44)
    terminal.expect(b"33 44\r\n")
    terminal.type(b"\x03")
    assert terminal.status() == 128 + signal.SIGINT


def test_keys_reach_a_command_that_reads_them_raw(start: Callable[..., Terminal], on_pty: list[str]) -> None:
    program = "import sys, tty; tty.setraw(0); print('raw', flush=True); print(repr(sys.stdin.buffer.read1(9)))"
    terminal = start(*on_pty, sys.executable, "-c", program)
    terminal.expect(b"raw")
    terminal.type(b"\x03\x1a\x04")
    terminal.expect(rb"b'\x03\x1a\x04'")
    assert terminal.status() == 0


def test_a_shell_on_a_pty_has_job_control(start: Callable[..., Terminal], on_pty: list[str]) -> None:
    shell = start(*on_pty, "bash", "--norc", "--noediting", "-i")
    shell.expect(b"PROMPT> ")
    shell.type(b"sed -u s/^/got:/\n")
    shell.expect(b"got:/\r\n")
    shell.type(b"one\n")
    shell.expect(b"got:one\r\n")
    shell.type(b"\x1a")
    shell.expect(b"Stopped")
    shell.expect(b"PROMPT> ")
    shell.type(b"fg\n")
    shell.expect(b"got:/\r\n")
    shell.type(b"two\n")
    shell.expect(b"got:two\r\n")  # bash names the job before it has the terminal: a Ctrl-C between would be bash's own
    shell.type(b"\x03")
    shell.expect(b"PROMPT> ")
    shell.type(b"exit 6\n")
    assert shell.status() == 6


def test_our_terminal_is_as_it_was_afterwards(start: Callable[..., Terminal], on_pty: list[str]) -> None:
    command = " ".join(on_pty)
    shell = start(
        "sh", "-c", f"before=$(stty -g); {command} sh -c 'echo in; exit 3'; echo s $?; [ $before = $(stty -g) ]"
    )
    shell.expect(b"s 3\r\n")
    assert shell.status() == 0


def test_who_stops_us_gets_its_terminal_back_and_fg_goes_on(start: Callable[..., Terminal], on_pty: list[str]) -> None:
    shell = start("bash", "--norc", "--noediting", "-i")
    shell.expect(b"PROMPT> ")
    shell.type(" ".join(on_pty).encode() + b" sed -u s/^/got:/\n")
    shell.expect(b"the log is")
    shell.type(b"one\n")
    shell.expect(b"got:one\r\n")
    pid = int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text().split()[0])
    os.kill(pid, signal.SIGTSTP)
    shell.expect(b"Stopped")
    shell.expect(b"PROMPT> ")
    shell.type(b"echo in the shell\n")
    shell.expect(b"\r\nin the shell\r\n")
    shell.type(b"fg\n")
    shell.expect(b"got:/\r\n")
    shell.type(b"two\n")
    shell.expect(b"got:two\r\n")
    shell.type(b"\x04")
    shell.expect(b"PROMPT> ")
    shell.type(b"exit 0\n")
    assert shell.status() == 0


def test_a_pty_without_a_terminal_of_ours_takes_what_is_piped_in(
    serving: Serving, on_pty: list[str], tmp_path: Path
) -> None:
    environment = Commands(serving.url, serving.data, tmp_path).environment()
    for given in (b"one\ntwo", b""):
        command = [*on_pty, "sh", "-c", "cat | wc -c; echo err >&2; stty size"]
        done = subprocess.run(command, input=given, env=environment, capture_output=True, timeout=LIMIT_S, check=True)
        assert done.stdout.endswith(b"%d\r\nerr\r\n24 80\r\n" % len(given))
    subprocess.run([*on_pty, "cat"], stdin=subprocess.DEVNULL, env=environment, timeout=LIMIT_S, check=True)
