"""xconn's router in a program of one's own, in xconn's environment: `python program.py PORT`."""

import asyncio
import sys

import uvloop
from xconn.router import Router
from xconn.server import Server


async def serve(port: int) -> None:
    router = Router()
    router.add_realm("realm1")
    await Server(router).start("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
