"""How commands tell their user something: `note` beside the output, on stderr; numbers with their nouns."""

from __future__ import annotations

import sys
from contextlib import suppress


def note(text: str) -> None:
    """Says it; a stderr that is closed is no reason to fail."""
    with suppress(OSError, ValueError):
        print(f"fairlead: {text}", file=sys.stderr, flush=True)


def plural(count: int, noun: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
