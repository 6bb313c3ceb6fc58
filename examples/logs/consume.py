"""Works through a stream once, across its own restarts: `python consume.py ws://127.0.0.1:8080/ws my-stream`."""

from __future__ import annotations

import os
import sys

from fairlead_client import Record
from fairlead_client.asyncio import Consumer
from fairlead_client.sync import Connection

# What a commit may take; it is durable then.
COMMIT_S = 10.0


def main(url: str, stream: str) -> None:
    """Prints what is new, and commits each record behind it."""
    with Connection(url, token=os.environ.get("FAIRLEAD_TOKEN")) as connection:
        consumer = Consumer(connection.sessions, stream, "printer")
        for item in connection.each(consumer.items()):
            if isinstance(item, Record):
                print(f"{item.seq}: {item.text!s}", flush=True)
                connection.run(consumer.commit(), COMMIT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
