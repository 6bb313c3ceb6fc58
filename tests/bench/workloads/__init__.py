"""What is measured: one module here per kind of workload, each listed in WORKLOADS."""

from __future__ import annotations

from bench.workloads import calls, connects, fan_out, held, one_to_one
from bench.workloads.base import Workload

WORKLOADS: dict[str, Workload] = {
    workload.name: workload for module in (fan_out, one_to_one, calls, connects, held) for workload in module.WORKLOADS
}
"""By name, in the order of the page."""

BY_NAME = WORKLOADS | {workload.name: workload for sizes in held.GROWTH.values() for workload in sizes.values()}
"""Those of the page of growth too."""
