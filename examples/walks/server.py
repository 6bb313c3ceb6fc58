"""A server that answers, beside any number of others: they share the procedure and take turns.

python server.py NAME [--url URL]
"""

import argparse
import asyncio

from autobahn.wamp.types import RegisterOptions

from fairlead_client.asyncio import Peer


async def main() -> None:
    """Answer until the end."""
    options = _options()

    def hello(number: int) -> str:
        return f"hello {number} from {options.name}"

    async with Peer(options.url) as peer:
        await peer.register("com.example.hello", hello, options=RegisterOptions(invoke="roundrobin"))
        print(f"{options.name} is ready", flush=True)
        await asyncio.Event().wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Answers calls of com.example.hello.")
    parser.add_argument("name", help="what it calls itself in its answers")
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws", help="where the router is (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
