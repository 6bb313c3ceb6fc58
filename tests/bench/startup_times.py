"""How long starting takes: importing the router, `fairlead serve` until it is ready, `fairlead logs` on a short log.

Runs alone too: `python tests/bench/startup.py`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from bench.environment import Unavailable
from bench.processes import end, free_port, start

IMPORTS = 11
STARTS = 5
LINES = 1000
OURS = "fairlead_router"
UNDERNEATH = "picows, uvloop, msgspec, cbor2"
IMPORT_AIM = 1.3
SERVE_AIM_S = 1.5
LOGS_AIM_S = 1.0
READY_TIMEOUT_S = 30.0
POLL_S = 0.002
PROGRAM = Path(sys.executable).parent / "fairlead"


class StartUp(msgspec.Struct, frozen=True, kw_only=True):
    """Medians."""

    import_ratio: float
    import_s: float
    import_underneath_s: float
    serve_ready_s: float | None = None
    logs_s: float | None = None
    missing: str = ""

    def rows(self) -> list[list[str]]:
        """For the report's table: what, measured, aim."""
        both = f"{self.import_s * 1e3:.0f} ms / {self.import_underneath_s * 1e3:.0f} ms = {self.import_ratio:.2f}"
        rows = [[f"`import {OURS}`, over `import {UNDERNEATH}`", both, f"at most {IMPORT_AIM}"]]
        if self.serve_ready_s is not None:
            rows.append(
                ["`fairlead serve` until `/health` answers", f"{self.serve_ready_s:.2f} s", f"under {SERVE_AIM_S} s"]
            )
        if self.logs_s is not None:
            rows.append(
                [
                    f"`fairlead logs` of a finished log of {LINES} lines",
                    f"{self.logs_s:.2f} s",
                    f"under {LOGS_AIM_S:g} s",
                ]
            )
        if self.missing:
            rows.append(["not measured", self.missing.splitlines()[0], ""])
        return rows


def measure(about_to: Callable[[str], None] = lambda text: None) -> StartUp:
    """Measures all of it. Where the command cannot be measured, `missing` says why and its times are None."""
    about_to(f"start-up: importing {OURS}")
    pairs = [(import_s(f"import {OURS}"), import_s(f"import {UNDERNEATH}")) for _ in range(IMPORTS)]
    times = StartUp(
        import_ratio=median(ours / underneath for ours, underneath in pairs),
        import_s=median(ours for ours, _ in pairs),
        import_underneath_s=median(underneath for _, underneath in pairs),
    )
    try:
        about_to("start-up: fairlead serve")
        times = replace(times, serve_ready_s=median(serve_ready_s() for _ in range(STARTS)))
        about_to("start-up: fairlead logs")
        return replace(times, logs_s=logs_s())
    except Unavailable as reason:
        return replace(times, missing=str(reason))


def import_s(statement: str) -> float:
    """The time of an import statement in a new interpreter, the interpreter's own start not counted."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    answer = subprocess.run([sys.executable, "-I", "-c", code], text=True, capture_output=True, check=True)
    return float(answer.stdout)


def serve_ready_s() -> float:
    """From starting `fairlead serve` in an empty directory to its first answer."""
    with serving() as (_, _, ready_s):
        return ready_s


def logs_s() -> float:
    """What `fairlead logs` takes for a finished log, from starting it to its end."""
    with serving() as (url, directory, _):
        _client(directory, "run", "-q", "--url", url, "--object", "bench-log", "--", "seq", str(LINES))
        taken_s = []
        for _ in range(STARTS):
            begun_s = time.perf_counter()
            printed = _client(directory, "logs", "--url", url, "bench-log")
            taken_s.append(time.perf_counter() - begun_s)
            if len(printed.splitlines()) != LINES:
                raise Unavailable(f"fairlead logs printed {len(printed.splitlines())} lines instead of {LINES}")
        return median(taken_s)


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, Path, float]]:
    """A `fairlead serve` of one's own: its WebSocket's URL, its working directory, how long it took to be ready."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        directory, port = Path(name), free_port()
        with (directory / "output.txt").open("wb") as output:
            begun_s = time.perf_counter()
            process = start([str(PROGRAM), "serve", "--listen", f"127.0.0.1:{port}"], directory, output.fileno())
        try:
            _await_health(port, process, directory / "output.txt")
            yield f"ws://127.0.0.1:{port}/ws", directory, time.perf_counter() - begun_s
        finally:
            end(process)


def _await_health(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    limit_s = time.monotonic() + READY_TIMEOUT_S
    while process.poll() is None and time.monotonic() < limit_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(POLL_S)
    raise Unavailable("fairlead serve is not ready:\n" + output.read_text(encoding="utf-8", errors="replace"))


def _client(directory: Path, *arguments: str) -> str:
    """Runs a client command where the server's data directory is, so that it finds the admin's token."""
    done = subprocess.run(
        [str(PROGRAM), *arguments], cwd=directory, text=True, capture_output=True, env=os.environ, check=False
    )
    if done.returncode:
        raise Unavailable(f"fairlead {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout
