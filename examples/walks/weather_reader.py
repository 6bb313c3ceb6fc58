"""A subscriber: the temperatures at some places, each a country and a postcode, whoever publishes them.

    python weather_reader.py us.10001 pt.1000 [--url URL]

`.1000` (no country) is postcode 1000 wherever it is. A component is equal or it is not: 1000 never matches 10001.
"""

import argparse
import asyncio

from fairlead_client import Event
from fairlead_client.asyncio import Peer

PREFIX = "com.example.weather."


async def main() -> None:
    """Read until the end."""
    options = _options()
    async with Peer(options.url) as peer:
        for place in options.places:
            match = "wildcard" if place.startswith(".") else "exact"
            await peer.subscribe(PREFIX + place, show, match=match)
        print("reading", flush=True)
        await asyncio.Event().wait()


def show(event: Event) -> None:
    """One line an event."""
    print(event.topic.removeprefix(PREFIX), *event.args, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reads temperatures.")
    parser.add_argument("places", nargs="+", metavar="place", help="COUNTRY.POSTCODE, or .POSTCODE for any country")
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws", help="where the router is (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
