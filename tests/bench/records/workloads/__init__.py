"""What is measured of records and dispatch, by name, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable

from bench.records.workloads import processes, queue, snapshot, watchers
from bench.suite.running import Run
from bench.suite.section import Section

WORKLOADS: dict[str, Callable[[Run], Section]] = {
    "queue": queue.measure,
    "processes": processes.measure,
    "snapshot": snapshot.measure,
    "watchers": watchers.measure,
}
