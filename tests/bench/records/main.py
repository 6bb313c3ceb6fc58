"""`python tests/bench/records/main.py`: records and dispatch; writes docs/benchmarks/records.md and records.json.

Each workload has a server of its own, and a load in another process. `--quick` shows that it works and proves nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.records.workloads import WORKLOADS
from bench.suite.page import Suite, measure

LOOKED_FOR = "Every workload looks for what was lost: containers without an end, changes that nobody was told of."
SUITE = Suite("records", "Records and dispatch", LOOKED_FOR, WORKLOADS)

if __name__ == "__main__":
    sys.exit(measure(SUITE))
