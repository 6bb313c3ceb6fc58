"""What is measured: one module here per section of the page."""

from __future__ import annotations

from bench.router.workloads import features, growth, latency, programs
from bench.suite.page import Workload

WORKLOADS: dict[str, Workload] = {
    "features": features.measure,
    "connections": growth.connections,
    "topics": growth.topics,
    "patterns": growth.patterns,
    "latency": latency.measure,
    "members": programs.members,
    "clients": programs.clients,
}
"""By name, in the order of the page."""
