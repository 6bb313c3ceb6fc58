"""A client that asks, whether or not there is a router, a server, or an answer.

    python client.py [--url URL] [--calls N] [--timeout S]

Each call ends within its time: with a result, or with the reason why there is none.
"""

import argparse
import asyncio

from autobahn.wamp.types import CallOptions

from fairlead_client import CallFailed, Unreachable
from fairlead_client.asyncio import Peer

NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"
POLL_S = 0.1


async def main() -> None:
    """One call after the other."""
    options = _options()
    async with Peer(options.url) as peer:
        for number in range(options.calls):
            print(await ask(peer, number, options.timeout), flush=True)


async def ask(peer: Peer, number: int, timeout_s: float) -> str:
    """The answer, or why there is none. Waits for a router and for a server as long as for an answer."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while True:
        left_s = deadline_s - loop.time()
        options = CallOptions(timeout=max(1, int(left_s * 1000)))
        try:
            answer = await peer.call("com.example.hello", [number], options=options, wait_s=left_s)
        except Unreachable as error:
            return f"no router: {error}"
        except CallFailed as error:
            if error.uri != NO_SUCH_PROCEDURE or left_s < POLL_S:
                return f"no answer: {error.uri}"
            await asyncio.sleep(POLL_S)
        else:
            return str(answer)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Calls com.example.hello.")
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws", help="where the router is (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=1, help="how many calls (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for each (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
