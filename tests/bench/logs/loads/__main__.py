"""Runs one load: a job on stdin, what was measured on stdout, both JSON."""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec
import uvloop

from bench.logs.loads import append, catching_up, fan_out, follower, many_streams, steady

LOADS: dict[str, Any] = {
    "append": append,
    "catching_up": catching_up,
    "fan_out": fan_out,
    "follower": follower,
    "many_streams": many_streams,
    "steady": steady,
}
"""By name: modules with a Job, and a `run` that takes one."""


def main() -> None:
    load = LOADS[sys.argv[1]]
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=load.Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(load.run(job))))
    sys.stdout.flush()
    os._exit(0)  # a thousand connections need no goodbye


if __name__ == "__main__":
    main()
