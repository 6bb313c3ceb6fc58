"""Starting and ending the processes of one measurement: a router, and the load generator beside it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.environment import CHECKOUT
from bench.peers.base import Peer
from bench.results import Job, Measurement

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 10.0
LOAD_TIMEOUT_S = 300.0
POLL_S = 0.01
LAST_BYTES = 1500


class MeasuringFailed(Exception):
    """A router did not start, or the load generator did not come to an end; the text says what they printed."""


def allow_many_files() -> None:
    """Raises the limit of open files as far as it goes, for the processes started from here: a connection is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class RunningRouter(msgspec.Struct, frozen=True):
    """A peer that accepts connections."""

    url: str
    pid: int


@contextlib.contextmanager
def running(peer: Peer) -> Iterator[RunningRouter]:
    """Starts the peer in an empty directory and ends it, with all its descendants, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        directory, port = Path(name), free_port()
        data = directory / "data"
        data.mkdir()
        output = directory / "output.txt"
        with output.open("wb") as stream:
            process = start(peer.command(port, data), directory, stream.fileno())
        try:
            await_port(port, process, output)
            yield RunningRouter(peer.url.format(port=port), process.pid)
        finally:
            end(process)


def start(command: list[str], directory: Path, output: int) -> subprocess.Popen[bytes]:
    """A process in a session of its own: Ctrl-C reaches it through us, and its whole group can be ended."""
    return subprocess.Popen(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks the process to end, then kills what is left of its group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_TIMEOUT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """A TCP port of the loopback interface that is free now. (Not every peer can pick one and tell.)"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    """Returns as soon as the port accepts connections."""
    limit_s = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < limit_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(POLL_S)
    printed = output.read_text(encoding="utf-8", errors="replace")[-LAST_BYTES:]
    ended = (
        f"ended with {process.returncode}" if process.returncode is not None else f"not ready in {START_TIMEOUT_S} s"
    )
    raise MeasuringFailed(f"{process.args!r} {ended}:\n{printed}")


def generate_load(job: Job) -> Measurement:
    """Runs the load generator on a job. Raises MeasuringFailed with what it printed when it cannot."""
    path = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")}
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load"],
        env=path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            answer, errors = process.communicate(msgspec.json.encode(job), LOAD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise MeasuringFailed(f"the load generator took more than {LOAD_TIMEOUT_S} s") from None
        finally:
            process.kill()
    if process.returncode:
        raise MeasuringFailed(errors.decode(errors="replace")[-LAST_BYTES:])
    return msgspec.json.decode(answer, type=Measurement)
