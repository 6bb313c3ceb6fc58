"""One of several log servers on one database, for test_sharing.py: its port is the first line of its stdout.

    python sharing_server.py DATABASE_URL [silent]

A silent one neither tells the others that it has changed a stream nor hears them.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from fairlead_logstream import LogService
from fairlead_logstream.store.sharing import SqlSharing
from fairlead_router import Router


def be_silent() -> None:
    SqlSharing.listen = lambda _self, _woken: None  # type: ignore[method-assign, assignment]
    SqlSharing.changed = lambda _self, _stream_ids: None  # type: ignore[method-assign, assignment]


async def main(url: str) -> None:
    router = Router()
    realm = router.add_realm("realm1")
    logs = await LogService.open(url, is_shared=True)
    logs.bind(realm)
    listener = await router.listen("tcp://127.0.0.1:0", path="/ws")
    print(listener.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await router.close()
    await logs.close()


if __name__ == "__main__":
    if "silent" in sys.argv[2:]:
        be_silent()
    uvloop.run(main(sys.argv[1]))
