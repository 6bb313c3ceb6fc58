"""`python -m bench.load < job.json`: connects, warms up, measures, drains, prints what was measured."""

from __future__ import annotations

import asyncio
import gc
import os
import sys

import msgspec
import uvloop

from bench import procfs
from bench.load.dialects import DIALECTS
from bench.load.tally import Mark, Memory, Tally, drained, measurement
from bench.results import Job, Measurement
from bench.workloads import BY_NAME


async def run(job: Job) -> Measurement:
    """One measurement, from connecting to the last event."""
    tally = Tally()
    drive = BY_NAME[job.workload].drive(tally)
    before_bytes = procfs.rss_bytes(job.router_pid)
    await drive.connect(DIALECTS[job.dialect](job.url, job.payload_bytes))
    gc.freeze()  # the connections live on: no collection needs to walk them
    drive.start()
    await asyncio.sleep(job.warmup_s)
    tally.latencies_s.clear()
    start = Mark.now(tally, job.router_pid)
    await asyncio.sleep(job.measured_s)
    end = Mark.now(tally, job.router_pid)
    latencies_s, tally.latencies_s = tally.latencies_s, []
    memory = Memory(procfs.rss_bytes(job.router_pid), before_bytes, job.holds)
    tally.is_sending = False
    await drained(tally, job.stall_s)
    return measurement(tally, start, end, latencies_s, memory)


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(job))))
    sys.stdout.flush()
    os._exit(0)  # a thousand connections need no goodbye


if __name__ == "__main__":
    main()
