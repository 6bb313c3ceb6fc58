"""A program with a LogWriter, to be stopped and killed: says the number of each line that the writer has taken.

    writing_process.py URL STREAM LABEL SPOOL       token in FAIRLEAD_TOKEN; a line on stdin ends it

The last word is `sent` when the service has everything, else `unsent`.
"""

from __future__ import annotations

import itertools
import os
import select
import sys
from pathlib import Path

from fairlead_client.sync import LogWriter

INTERVAL_S = 0.02
CLOSE_S = 15.0


def main(url: str, stream: str, label: str, spool: str) -> None:
    writer = LogWriter(url, stream, token=os.environ["FAIRLEAD_TOKEN"], spool=Path(spool), producer="process")
    for number in itertools.count():
        writer.write("even" if number % 2 == 0 else "odd", f"{label} {number} x")
        print(number, flush=True)
        if select.select([sys.stdin], [], [], INTERVAL_S)[0]:
            break
    print("sent" if writer.close(CLOSE_S) is None else "unsent", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
