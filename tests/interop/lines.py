"""What the Python programs of the interoperability tests share: requests and answers as JSON documents, a line each.

`support/peers.py` has the other end and says what the lines mean.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

# What a client prints is no line of ours.
_output, sys.stdout = sys.stdout, sys.stderr


def say(kind: str, **fields: Any) -> None:
    """Something that nobody has asked for: an event, the end of a session."""
    _write({"said": kind, **packed(fields)})


def answer(request_id: int, value: Any = None) -> None:
    """The result of a request."""
    _write({"id": request_id, "value": packed(value)})


def answer_error(request_id: int, uri: str, args: Any = (), kwargs: Any = None) -> None:
    """The request has failed."""
    _write({"id": request_id, "error": {"uri": uri, "args": packed([*args]), "kwargs": packed(kwargs or {})}})


def read_requests(on_request: Callable[[dict[str, Any]], None], on_end: Callable[[], None]) -> None:
    """Reads requests in a thread of its own; both functions are called there."""

    def read() -> None:
        for line in sys.stdin:
            on_request(unpacked(json.loads(line)))
        on_end()

    threading.Thread(target=read, daemon=True).start()


def packed(value: Any) -> Any:
    """The value with each binary string as {"$binary": base64}, which JSON has no other way for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: packed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [packed(item) for item in value]
    return value


def unpacked(value: Any) -> Any:
    """The value that was packed."""
    if isinstance(value, dict):
        if value.keys() == {"$binary"}:
            return base64.b64decode(value["$binary"])
        return {name: unpacked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    return value


def _write(document: dict[str, Any]) -> None:
    _output.write(json.dumps(document) + "\n")
    _output.flush()
