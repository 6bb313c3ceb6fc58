"""What the workloads share: the run's options, and how a load is run beside a server."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from types import ModuleType
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

    def __init__(self, console: Console, options: Namespace) -> None:
        self._console = console
        self.environment = Environment(console)
        self.options = options
        self.is_quick: bool = options.quick

    def say(self, what: str) -> None:
        """For who waits."""
        self._console.print(what)


class Load:
    """A load (load.py) in a process of its own; a context manager, at whose end it is gone."""

    def __init__(self, module: ModuleType, job: msgspec.Struct) -> None:
        self._name = module.__name__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.suite.load", self._name],
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


def load(module: ModuleType, job: msgspec.Struct, kind: type[Result]) -> Result:
    """Run a load to its end. Raises MeasuringFailed."""
    with Load(module, job) as process:
        return process.result(kind)
