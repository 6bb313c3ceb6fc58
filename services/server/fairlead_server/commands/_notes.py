"""How commands tell their user something: `note` beside the output, on stderr; numbers with their nouns."""

from __future__ import annotations

import sys
import termios
from contextlib import suppress


def note(text: str) -> None:
    """Says it; a stderr that is closed is no reason to fail."""
    with suppress(OSError, ValueError):
        print(f"fairlead: {text}", file=sys.stderr, end=_line_end(), flush=True)


def _line_end() -> str:
    """A terminal in raw mode, as `fairlead run --pty` has it, does not return by itself."""
    try:
        modes = termios.tcgetattr(sys.stderr.fileno())[1]
    except (termios.error, OSError, ValueError):
        return "\n"
    return "\n" if modes & termios.OPOST else "\r\n"


def plural(count: int, noun: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
