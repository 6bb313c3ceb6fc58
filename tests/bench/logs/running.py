"""What the workloads share: the run's options, and how a load is run beside a server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TypeVar

import msgspec
from rich.console import Console

from bench.environment import CHECKOUT, Environment
from bench.processes import LAST_BYTES, MeasuringFailed

Result = TypeVar("Result")

PATH = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")}
LOAD_TIMEOUT_S = 600.0


class Run:
    """One run of the command."""

    def __init__(self, console: Console, *, is_quick: bool, restart_bytes: int) -> None:
        self._console = console
        self.environment = Environment(console)
        self.is_quick = is_quick
        self.restart_bytes = restart_bytes

    def say(self, what: str) -> None:
        """For who waits."""
        self._console.print(what)


class Load:
    """One of bench.logs.loads in a process of its own; a context manager, at whose end it is gone."""

    def __init__(self, name: str, job: msgspec.Struct) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.logs.loads", name],
            env=PATH,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job))
        self._process.stdin.close()
        self._process.stdin = None  # `communicate` would close it again

    def result(self, kind: type[Result]) -> Result:
        """What it measured, when it has come to its end. Raises MeasuringFailed."""
        try:
            answer, errors = self._process.communicate(timeout=LOAD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise MeasuringFailed(f"the load {self._name} took more than {LOAD_TIMEOUT_S} s") from None
        if self._process.returncode:
            raise MeasuringFailed(f"the load {self._name}: {errors.decode(errors='replace')[-LAST_BYTES:]}")
        return msgspec.json.decode(answer, type=kind)

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_about: object) -> None:
        self._process.kill()
        self._process.communicate()


def load(name: str, job: msgspec.Struct, kind: type[Result]) -> Result:
    """Run one of bench.logs.loads to its end. Raises MeasuringFailed."""
    with Load(name, job) as process:
        return process.result(kind)
