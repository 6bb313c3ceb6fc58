"""Runs one load: `python -m bench.suite.load MODULE`, a job on stdin, what was measured on stdout, both JSON.

The module has a `Job`, and a coroutine `run` that takes one.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import msgspec
import uvloop


def main() -> None:
    load: Any = importlib.import_module(sys.argv[1])
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=load.Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(load.run(job))))
    sys.stdout.flush()
    os._exit(0)  # a thousand connections need no goodbye


if __name__ == "__main__":
    main()
