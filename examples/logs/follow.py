"""Prints a stream to its end, and ends with its exit status: `python follow.py ws://127.0.0.1:8080/ws my-stream`."""

from __future__ import annotations

import os
import sys

from fairlead_client import Lagged, Record, Reset, Revoked, Sealed
from fairlead_client.sync import Connection


def main(url: str, stream: str) -> int | None:
    """Prints what comes; the exit status."""
    with Connection(url, token=os.environ.get("FAIRLEAD_TOKEN")) as connection:
        for item in connection.follow(stream):
            match item:
                case Record():
                    print(f"{item.seq} {item.source}: {item.text!s}")
                case Lagged() | Reset():
                    print(f"lines are missing: {item}", file=sys.stderr)
                case Sealed():
                    return item.exit_code
                case Revoked():
                    print(f"no more: {item.reason}", file=sys.stderr)
                    return 124
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
