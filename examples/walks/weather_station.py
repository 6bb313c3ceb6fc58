"""A publisher: the temperature at some postcodes of one country, again and again.

python weather_station.py COUNTRY POSTCODE... [--url URL]
"""

import argparse
import asyncio
import random
from contextlib import suppress

from fairlead_client import Unreachable
from fairlead_client.asyncio import Peer


async def main() -> None:
    """Publish until the end. While there is no router nobody hears it, and the next reading is a newer one."""
    options = _options()
    async with Peer(options.url) as peer:
        while True:
            for postcode in options.postcodes:
                with suppress(Unreachable):
                    await peer.publish(f"com.example.weather.{options.country}.{postcode}", [random.randint(-20, 40)])
            await asyncio.sleep(0.02)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publishes temperatures.")
    parser.add_argument("country", help="like us")
    parser.add_argument("postcodes", nargs="+", metavar="postcode", help="like 10001")
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws", help="where the router is (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
