"""`python tests/bench/permissions/main.py`: permissions at scale; writes docs/benchmarks/permissions.md.

One router with the permissions of a big graph and one without any, each a process of its own, and the load in a
third. CPU is compared in interleaved rounds. Then other engines and Fairlead are asked about a smaller graph.
`--quick` takes a small graph for everything, shows that it works and proves nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

import msgspec
from rich.console import Console

from bench.environment import CHECKOUT, Environment
from bench.machine import Machine
from bench.permissions import dataset, report
from bench.permissions.comparison import Plan, compare
from bench.permissions.comparison_report import comparison
from bench.permissions.load import Job, Result
from bench.permissions.serving import PATH, Running, make_store, serving
from bench.processes import LAST_BYTES, LOAD_TIMEOUT_S, MeasuringFailed, allow_many_files

ROUNDS, QUICK_ROUNDS = 3, 1
SECONDS, QUICK_SECONDS = 5.0, 2.0
DELIVERED_PER_S = 10_000
CHANGES_PER_S = 1_000
REVOKES_PER_S = 100
DIRECT_REVOKES = 300
GROUP_REVOKES = 5
QUICK_PLAN = Plan(dataset.QUICK, checks=300, direct_revokes=10, group_revokes=1)


def main() -> int:
    options = _parser().parse_args()
    allow_many_files()
    size = dataset.QUICK if options.quick else dataset.Size()
    machine = Machine.this()
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        store = Path(name) / "permissions.sqlite"
        print("making the graph", flush=True)
        make_store(dataset.Dataset(size), store)
        print("loading it", flush=True)
        with serving(store) as guarded, serving(None) as unguarded:
            rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if options.quick else (ROUNDS, SECONDS)
            measured = _measure(guarded, unguarded, size, rounds, seconds)
    plan = QUICK_PLAN if options.quick else Plan()
    outcomes = compare(Environment(Console()), plan)
    directory = options.output or CHECKOUT / ("docs/benchmarks" if not options.quick else ".bench/trial")
    directory.mkdir(parents=True, exist_ok=True)
    page = report.markdown(machine, size, measured, comparison(plan, outcomes))
    (directory / "permissions.md").write_text(page, encoding="utf-8")
    print(page)
    print(f"Written to {directory}")
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench-permissions", description="Permissions at scale.")
    made.add_argument("--quick", action="store_true", help="a small graph and one round")
    made.add_argument("--output", type=Path, help="where to write permissions.md")
    return made


def _measure(guarded: Running, unguarded: Running, size: dataset.Size, rounds: int, seconds: float) -> report.Measured:
    print("revoking", flush=True)
    revokes = _load(guarded, size, direct_revokes=DIRECT_REVOKES, group_revokes=GROUP_REVOKES)
    found: list[report.Round] = []
    for number in range(rounds):
        print(f"events and changes, round {number + 1} of {rounds}", flush=True)
        events = {"seconds": seconds, "delivered_per_s": DELIVERED_PER_S}
        changes = {"seconds": seconds, "changes_per_s": CHANGES_PER_S, "revokes_per_s": REVOKES_PER_S}
        found.append(
            report.Round(
                both=_load(guarded, size, **{**events, **changes}),
                changes=_load(guarded, size, **changes),
                events=_load(guarded, size, **events),
                unguarded=_load(unguarded, size, **events),
            )
        )
    return report.Measured(guarded.itself, revokes, found)


def _load(server: Running, size: dataset.Size, **what: float) -> Result:
    job = msgspec.convert({"url": server.url, "pid": server.pid, "size": size, **what}, Job, strict=False)
    process = subprocess.run(
        [sys.executable, "-m", "bench.permissions.load"],
        env=PATH,
        input=msgspec.json.encode(job),
        capture_output=True,
        timeout=LOAD_TIMEOUT_S,
        check=False,
    )
    said = process.stderr.decode(errors="replace")[-LAST_BYTES:]
    if process.returncode:
        raise MeasuringFailed(said)
    try:
        return msgspec.json.decode(process.stdout, type=Result)
    except msgspec.DecodeError as error:
        printed = f"{len(process.stdout)} bytes that end with {process.stdout[-LAST_BYTES:]!r}"
        raise MeasuringFailed(f"the load printed no result ({error}) but {printed}: {said}") from error


if __name__ == "__main__":
    sys.exit(main())
