"""A router in a process with few descriptors, for tests: prints its port, then serves until its input ends."""

from __future__ import annotations

import asyncio
import resource
import sys

import uvloop

from fairlead_router import Limits, Router

DESCRIPTORS = 40


async def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    router = Router(Limits(close_timeout_s=0.2))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    print(listener.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(router.counters.accept_failures, flush=True)
    await router.close()


if __name__ == "__main__":
    uvloop.run(main())
