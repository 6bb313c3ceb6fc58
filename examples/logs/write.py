"""Writes the lines of its standard input into a stream: `ls -l | python write.py ws://127.0.0.1:8080/ws my-stream`."""

from __future__ import annotations

import os
import sys

from fairlead_client.sync import LogWriter


def main(url: str, stream: str) -> None:
    """Writes, seals, and says what is left."""
    with LogWriter(url, stream, token=os.environ.get("FAIRLEAD_TOKEN"), linger_s=10) as log:
        for line in sys.stdin:
            log.write("stdin", line)
        log.seal(0)
        if not log.flush(10):
            print(f"{log.unsent} lines are not sent yet; they stay in the spool", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
