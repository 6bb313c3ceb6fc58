"""`python tests/bench/logs/main.py`: the log service's numbers; writes docs/benchmarks/logs.md and logs.json.

Each workload has a server of its own, and a load in another process. `--quick` shows that it works and proves nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.logs.workloads import WORKLOADS
from bench.logs.workloads.restart import RESTART_GB
from bench.suite.page import Suite, measure

LOOKED_FOR = "Lines lost, repeated or out of order are looked for in every workload."
SUITE = Suite("logs", "The log service", LOOKED_FOR, WORKLOADS)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--restart-gb", type=float, help=f"how much the restarted server has ({RESTART_GB:g})")


if __name__ == "__main__":
    sys.exit(measure(SUITE, add_options))
