"""How far something is, in one line of a terminal that changes; where stderr is none, nothing."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from fairlead_server.commands._notes import printable
from fairlead_server.commands._sizes import size_text

# Often enough to look alive; more would only cost.
_INTERVAL_S = 0.1
_BAR_LENGTH = 20
_DEFAULT_COLUMNS = 80


class Progress:
    """The line. `after_s` long nothing is shown: what is done by then needs no line."""

    def __init__(self, *, after_s: float = 0.0, is_shown: bool = True) -> None:
        self._is_shown = is_shown and sys.stderr.isatty()
        self._not_before_s = time.monotonic() + after_s
        self._length = 0

    def show(self, text: str) -> None:
        """The line is this from now on."""
        now_s = time.monotonic()
        if not self._is_shown or now_s < self._not_before_s:
            return
        self._not_before_s = now_s + _INTERVAL_S
        line = printable(f"fairlead: {text}")[: _columns() - 1]  # one that wraps is not overwritten by the next
        with suppress(OSError, ValueError):
            print(f"\r{line:<{self._length}}", end="", file=sys.stderr, flush=True)
        self._length = len(line)

    def end(self) -> None:
        """The line is gone."""
        if self._length:
            with suppress(OSError, ValueError):
                print(f"\r{'':<{self._length}}\r", end="", file=sys.stderr, flush=True)
            self._length = 0


def _columns() -> int:
    """Of the terminal as it is now; a terminal that says 0 does not know."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or _DEFAULT_COLUMNS
    return _DEFAULT_COLUMNS


def share(done: int, total: int, unit: str) -> str:
    """`1 200 of 4 000 lines (30 %)`."""
    percent = 100 * done // total if total else 100
    return f"{done:,} of {total:,} {unit} ({percent} %)".replace(",", " ")


def bar(done_bytes: int, total_bytes: int) -> str:
    """`[#####...............] 25 % of 4.0 MB`."""
    share_done = min(1.0, done_bytes / total_bytes) if total_bytes else 1.0
    filled = int(share_done * _BAR_LENGTH)
    return f"[{'#' * filled}{'.' * (_BAR_LENGTH - filled)}] {share_done:.0%} of {size_text(total_bytes)}"
