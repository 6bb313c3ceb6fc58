"""The guard of a container: nothing outlives its end, its lease, or its dispatcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead_server.commands._processes import GUARD

PATIENCE_S = 10.0

LEAVES_SOMETHING = """
import os, sys, time
for session in (False, True):       # one in the command's group, one that has left it
    if os.fork() == 0:
        if session:
            os.setsid()
        open(f"{sys.argv[1]}.{os.getpid()}", "w").close()
        time.sleep(600)
        os._exit(0)
while len([name for name in os.listdir(os.path.dirname(sys.argv[1])) if name.startswith("child.")]) < 2:
    time.sleep(0.01)
print("up", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def guarded(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A guard with its command; killed at the end of the block."""
    guard = subprocess.Popen([*GUARD, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield guard
    finally:
        guard.kill()
        guard.communicate()


def order(guard: subprocess.Popen[bytes], text: str) -> None:
    """With the seconds from now."""
    assert guard.stdin is not None
    name, *seconds = text.split()
    times = [str(time.monotonic() + float(each)) for each in seconds]
    guard.stdin.write(" ".join([name, *times]).encode() + b"\n")
    guard.stdin.flush()


def wait_up(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"up\n"


def children(directory: Path) -> list[int]:
    return [int(path.name.partition(".")[2]) for path in directory.glob("child.*")]


def all_gone(pids: list[int]) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["sh", "-c", "exit 3"], 3),
        (["true"], 0),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-command"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_its_status_is_that_of_the_command(command: list[str], status: int) -> None:
    with guarded(*command) as guard:
        assert guard.wait(PATIENCE_S) == status


def test_the_command_has_no_input_and_ordinary_signals() -> None:
    script = "import signal, sys; print(sys.stdin.read() == '', signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    with guarded(sys.executable, "-c", script) as guard:
        assert guard.stdout is not None
        assert guard.stdout.read() == b"True True\n"


def test_what_the_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    with guarded(sys.executable, "-c", LEAVES_SOMETHING, str(tmp_path / "child"), "0.1") as guard:
        wait_up(guard)
        assert guard.wait(PATIENCE_S) == 0
    assert len(children(tmp_path)) == 2
    assert all_gone(children(tmp_path))


@pytest.mark.parametrize("end", ["kill", "lease 0.2", "end 0.2"])
def test_an_order_ends_everything(tmp_path: Path, end: str) -> None:
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{LEAVES_SOMETHING}"
    with guarded(sys.executable, "-c", script, str(tmp_path / "child"), "600") as guard:
        wait_up(guard)
        order(guard, end)
        assert guard.wait(PATIENCE_S) == 128 + signal.SIGKILL
    assert all_gone(children(tmp_path))


def test_an_end_is_kind_at_first() -> None:
    with guarded("sh", "-c", "trap 'exit 7' TERM; echo up; sleep 600 & wait") as guard:
        wait_up(guard)
        order(guard, "end 60")
        assert guard.wait(PATIENCE_S) == 7


def test_a_lease_that_is_renewed_goes_on() -> None:
    with guarded("sh", "-c", "echo up; sleep 0.8; exit 5") as guard:
        wait_up(guard)
        for _ in range(4):
            order(guard, "lease 0.4")
            time.sleep(0.2)
        order(guard, "lease 60")
        assert guard.wait(PATIENCE_S) == 5


def test_a_lease_that_was_read_late_ends_when_it_should() -> None:
    with guarded("sh", "-c", "echo up; sleep 600") as guard:
        wait_up(guard)
        guard.send_signal(signal.SIGSTOP)
        for _ in range(10):
            order(guard, "lease 0.5")
        time.sleep(0.6)
        begun_s = time.monotonic()
        guard.send_signal(signal.SIGCONT)
        assert guard.wait(PATIENCE_S) == 128 + signal.SIGKILL
        assert time.monotonic() - begun_s < 0.4


def test_a_dispatcher_that_is_gone_takes_everything_along(tmp_path: Path) -> None:
    with guarded(sys.executable, "-c", LEAVES_SOMETHING, str(tmp_path / "child"), "600") as guard:
        wait_up(guard)
        assert guard.stdin is not None
        guard.stdin.close()  # as the kernel does, whatever has killed it
        guard.stdin = None
        assert guard.wait(PATIENCE_S) == 128 + signal.SIGKILL
    assert all_gone(children(tmp_path))


def test_a_guard_that_is_killed_takes_the_command_along() -> None:
    with guarded("sh", "-c", "echo up; exec sleep 600") as guard:
        wait_up(guard)
        (command,) = _below(guard.pid)
        guard.kill()
        assert all_gone([command])


def test_a_signal_to_the_guard_is_none_of_the_commands() -> None:
    with guarded("sh", "-c", "echo up; sleep 0.3; exit 4") as guard:
        wait_up(guard)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(guard.pid, number)
        assert guard.wait(PATIENCE_S) == 4


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody who may not kill")
def test_what_may_not_be_killed_is_waited_for() -> None:
    script = """
import os, sys
from _guard import Guard
guard = Guard(sys.argv[1:])
os.setuid(65534)  # as below a command that has become root
sys.exit(guard.run())
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, "sh", "-c", "echo up; sleep 0.5; exit 5"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(GUARD[-1]).parent)},
    ) as guard:
        wait_up(guard)
        order(guard, "end 0.1")
        assert guard.wait(PATIENCE_S) == 5


def _below(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
