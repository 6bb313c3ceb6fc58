"""`python tests/bench/router/main.py`: the router by itself; writes docs/benchmarks/router.md, .json and figures.

`--quick` shows that it works and proves nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.router.workloads import WORKLOADS
from bench.suite.page import Suite, measure

SUITE = Suite("router", "The router by itself", "Every workload looks for what was lost.", WORKLOADS)

if __name__ == "__main__":
    sys.exit(measure(SUITE))
