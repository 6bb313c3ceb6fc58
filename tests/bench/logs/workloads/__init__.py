"""What is measured of the log service, by name, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable

from bench.logs.workloads import append, catching_up, fan_out, many_streams, restart, stopped
from bench.suite.running import Run
from bench.suite.section import Section

WORKLOADS: dict[str, Callable[[Run], Section]] = {
    "append": append.measure,
    "fan-out": fan_out.measure,
    "many-streams": many_streams.measure,
    "catching-up": catching_up.measure,
    "stopped": stopped.measure,
    "restart": restart.measure,
}
