"""What is measured: one module here per kind of workload, each listed in WORKLOADS."""

from __future__ import annotations

from bench.workloads import calls, fan_out, one_to_one
from bench.workloads.base import Workload

WORKLOADS: dict[str, Workload] = {
    workload.name: workload for workload in (*fan_out.WORKLOADS, *one_to_one.WORKLOADS, *calls.WORKLOADS)
}
"""By name, in the order of the table."""
