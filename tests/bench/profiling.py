"""`make profile`: one workload under a sampling profiler, and where the router's time goes, as a flame graph.

    python tests/bench/profiling.py one-to-one-100 [--peer fairlead-embedded] [--seconds 5] [--output FILE]

The profiler is py-spy, from its wheel; it looks at the router 500 times a second from outside, C code of libraries
included, and at nothing of the kernel. It has to be allowed to look: as root, or with
`/proc/sys/kernel/yama/ptrace_scope` at 0.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from bench.cli import positive_seconds
from bench.environment import CHECKOUT, Environment, Unavailable
from bench.peers import PEERS
from bench.processes import LAST_BYTES, MeasuringFailed, allow_many_files, generate_load, running
from bench.rounds import Plan, job_for
from bench.workloads import WORKLOADS

PROFILER = "py-spy==0.4.3"
SAMPLES_PER_S = 500
WARMUP_S = 1.0
"""Before the first sample; the load goes on until behind the last."""
PROFILED = ("fairlead-embedded", "fairlead", "xconn")
"""Those in Python. The waiting threads of `fairlead serve` are in its picture too, beside the router."""
FAILED = 1


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    output: Path = options.output or CHECKOUT / "docs" / "benchmarks" / f"profile-{options.workload}.svg"
    console = Console(highlight=False, soft_wrap=True)
    allow_many_files()
    try:
        text = profile(Environment(console), options.workload, options.peer, options.seconds, output.resolve())
    except (Unavailable, MeasuringFailed) as reason:
        console.print(str(reason), markup=False)
        return FAILED
    console.print(f"{text}\nWritten to {output}", markup=False)
    return 0


def profile(environment: Environment, workload_name: str, peer_name: str, seconds: float, output: Path) -> str:
    """Writes the flame graph; returns what was measured meanwhile. Raises Unavailable, MeasuringFailed."""
    peer, workload = PEERS[peer_name], WORKLOADS[workload_name]
    peer.prepare(environment)
    profiler = environment.venv("py-spy", [PROFILER]) / "py-spy"
    output.parent.mkdir(parents=True, exist_ok=True)
    plan = Plan(peers=[peer], workloads=[workload], rounds=1, warmup_s=WARMUP_S, measured_s=seconds + WARMUP_S)
    with running(peer) as router:
        command = [str(profiler), "record", "--native", "--pid", str(router.pid), "--output", str(output)]
        command += ["--rate", str(SAMPLES_PER_S), "--duration", f"{seconds:g}"]
        watching = Watching(command)
        watching.start()
        measured = generate_load(job_for(plan, workload, peer, router))
        watching.join()
    if watching.failure:
        raise MeasuringFailed(f"py-spy cannot look at the router; as root it can:\n{watching.failure}")
    return f"{workload.title}: {measured.cpu_us:.2f} us of CPU for each {workload.unit} while it was looked at"


class Watching(threading.Thread):
    """The profiler beside the load, from when that is warm."""

    def __init__(self, command: list[str]) -> None:
        super().__init__()
        self._command = command
        self.failure = ""

    def run(self) -> None:
        time.sleep(2 * WARMUP_S)
        done = subprocess.run(self._command, text=True, capture_output=True, check=False)
        if done.returncode:
            self.failure = done.stderr[-LAST_BYTES:]


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="profile", description="Where the router's time goes; see tests/bench/README.md."
    )
    made.add_argument("workload", nargs="?", default="one-to-one-100", choices=list(WORKLOADS), metavar="WORKLOAD")
    made.add_argument("--peer", default=PROFILED[0], choices=PROFILED)
    made.add_argument("--seconds", type=positive_seconds, default=5.0, help="how long to look (5)")
    made.add_argument("--output", type=Path, help="an SVG file (docs/benchmarks/profile-WORKLOAD.svg)")
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
