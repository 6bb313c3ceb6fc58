"""The program that is measured on PostgreSQL: a router with the log service, in which everybody may do everything.

python -m bench.logs.server PORT DATABASE
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from fairlead_logstream import LogService
from fairlead_router import Router
from fairlead_server.serve import SWITCH_INTERVAL_S


async def serve(port: int, database_url: str) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    router = Router()
    logs = await LogService.open(database_url)
    logs.bind(router.add_realm("realm1"))
    await router.listen(f"tcp://127.0.0.1:{port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
