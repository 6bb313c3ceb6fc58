"""A raw client, for tests that stop it or cut it off; a program as in support/programs.py.

The arguments are the router's host and port, its topic, and the transport. Over RawSocket it has the roles of
Autobahn|Python, which must not be pinged there. It says `subscribed`, then `event` with the first argument of each
event.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from support.core import AUTOBAHN_PYTHON
from support.wamp import Client, ClosedError, RawSocketClient


async def main() -> None:
    host, port, topic, transport = sys.argv[1:]
    kind, roles = (RawSocketClient, AUTOBAHN_PYTHON) if transport == "rawsocket" else (Client, None)
    async with await kind.joined((host, int(port)), receive_buffer=16 << 10, roles=roles) as client:
        say("subscribed", await client.subscribe(topic))
        hearing = asyncio.create_task(hear(client))
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        await commands.read()
        hearing.cancel()


async def hear(client: Client) -> None:
    with suppress(ClosedError):
        while True:
            message = await client.receive()
            if message[0] == 36:
                say("event", message[4][0])


def say(key: str, value: object) -> None:
    print(json.dumps({key: value}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
