"""A server of permissions with a short lease, for test_lease.py to stop: its port is the first line of its stdout.

    python leased_server.py DATABASE_URL

Who writes a line to its stdin has an event published by a service: `object text`.
"""

from __future__ import annotations

import asyncio
import os
import sys

from fairlead_authz import Authz, UriRule
from fairlead_router import Principal, Router

LEASE_S = 1.0
RULE = UriRule("com.app.{object}", subscribe="read")


async def main(url: str) -> None:
    authz = await Authz.open(url, rules=(RULE,), lease_s=LEASE_S)
    async with Router() as router:
        realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
        authz.bind(realm)
        service = realm.join(Principal("service", "service"))
        await router.listen("tcp://127.0.0.1:0", path="/ws")
        os.write(1, f"{router.listeners[0].port}\n".encode())
        asked = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
        while line := await asked.readline():
            object_id, text = line.decode().split()
            service.publish(f"com.app.{object_id}", [text])
    await authz.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
