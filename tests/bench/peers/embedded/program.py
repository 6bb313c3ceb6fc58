"""A router in a program of one's own: `python program.py PORT`."""

import asyncio
import sys

import uvloop

from fairlead_router import Router


async def serve(port: int) -> None:
    router = Router()
    router.add_realm("realm1")
    await router.listen(f"tcp://127.0.0.1:{port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
