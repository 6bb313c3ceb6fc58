"""`python tests/bench/logs/main.py`: the log service's numbers; writes docs/benchmarks/logs.md and logs.json.

Each workload has a server of its own, and a load in another process. `--quick` shows that it works and proves nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

import msgspec
from rich.console import Console

from bench.environment import CHECKOUT
from bench.logs.running import Run
from bench.logs.section import Section
from bench.logs.workloads import WORKLOADS
from bench.machine import Machine
from bench.processes import allow_many_files

RESTART_GB, QUICK_RESTART_GB = 10.0, 0.2
GB = 10**9


def main() -> int:
    options = _parser().parse_args()
    allow_many_files()
    machine = Machine.this()
    restart_gb = options.restart_gb or (QUICK_RESTART_GB if options.quick else RESTART_GB)
    run = Run(Console(highlight=False, soft_wrap=True), is_quick=options.quick, restart_bytes=round(restart_gb * GB))
    sections = {name: WORKLOADS[name](run) for name in options.only}
    page = _page(machine, list(sections.values()), is_quick=options.quick)
    is_whole = not options.quick and options.only == list(WORKLOADS)
    directory: Path = options.output or CHECKOUT / ("docs/benchmarks" if is_whole else ".bench/trial")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "logs.md").write_text(page, encoding="utf-8")
    measured = {"machine": machine, **{name: section.measured for name, section in sections.items()}}
    (directory / "logs.json").write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
    print(page)
    print(f"Written to {directory}")
    return 0 if all(section.is_exact for section in sections.values()) else 1


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench-logs", description="The log service; see tests/bench/README.md.")
    made.add_argument("--quick", action="store_true", help="one short round of everything, and less of it")
    made.add_argument("--only", type=_names, default=list(WORKLOADS), help=f"some of {','.join(WORKLOADS)}")
    made.add_argument("--restart-gb", type=float, help=f"how much the restarted server has ({RESTART_GB:g})")
    made.add_argument("--output", type=Path, help="where to write logs.md and logs.json")
    return made


def _names(text: str) -> list[str]:
    unknown = [name for name in text.split(",") if name not in WORKLOADS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not one of {', '.join(WORKLOADS)}")
    return [name for name in WORKLOADS if name in text.split(",")]


def _page(machine: Machine, sections: Sequence[Section], *, is_quick: bool) -> str:
    introduction = (
        f"{machine.date}. {machine.cores} cores of {machine.processor}, {machine.memory_bytes / 2**30:.0f} GiB, "
        f"{machine.system}, {machine.python}. Load average before the run: {machine.load_average:.1f}; server and load "
        "share the cores, so latencies are worse than with a core each. Lines lost, repeated or out of order are "
        "looked for in every workload."
    )
    parts = ["# The log service", "Written by `make bench` (`tests/bench/logs`).", introduction]
    if is_quick:
        parts.append("**A quick run: it shows that it works and proves nothing.**")
    return "\n\n".join([*parts, *(section.markdown() for section in sections)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
