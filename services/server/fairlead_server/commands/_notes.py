"""How commands tell their user something: `note` beside the output, on stderr; numbers with their nouns.

Names, reasons and the like are anybody's: what we say in our own name has nothing in it that moves a cursor.
"""

from __future__ import annotations

import sys
import termios
from contextlib import suppress


def note(text: str) -> None:
    """Says it; a stderr that is closed is no reason to fail."""
    with suppress(OSError, ValueError):
        print(f"fairlead: {printable(text)}", file=sys.stderr, end=_line_end(), flush=True)


def _line_end() -> str:
    """A terminal in raw mode, as `fairlead run --pty` has it, does not return by itself."""
    try:
        modes = termios.tcgetattr(sys.stderr.fileno())[1]
    except (termios.error, OSError, ValueError):
        return "\n"
    return "\n" if modes & termios.OPOST else "\r\n"


def printable(text: str) -> str:
    r"""A text as one line in which a terminal finds no orders.

    >>> printable("\x1b[2J\n")
    '\\x1b[2J\\n'
    """
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def plural(count: int, noun: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
