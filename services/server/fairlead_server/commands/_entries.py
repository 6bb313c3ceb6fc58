"""The entries of the log service's directory: which are wanted, and what people see of them."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from fairlead_server.commands._sizes import age_text, size_text

Entry = dict[str, Any]

HEADINGS = ("STREAM", "STATE", "ATTEMPT", "RECORDS", "SIZE", "LAST", "OBJECT")
_US = 1_000_000


class Wanted(NamedTuple):
    """The filters of `fairlead.log.list`; None does not filter."""

    prefix: str = ""
    object: str | None = None
    sealed: bool | None = None
    stale: bool | None = None
    metadata: dict[str, str] | None = None

    def arguments(self) -> dict[str, Any]:
        """For a call of `list`."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def has(self, entry: Entry) -> bool:
        """Whether an entry is one of these, as `list` judges it."""
        return (
            entry["stream"].startswith(self.prefix)
            and self.object in (None, entry["object"])
            and self.sealed in (None, entry["sealed"] is not None)
            and self.stale in (None, entry["stale"] is not None)
            and all(entry["metadata"].get(key) == value for key, value in (self.metadata or {}).items())
        )


def row_of(entry: Entry) -> tuple[str, ...]:
    """An entry as a row below HEADINGS; LAST is how long ago its last line was written."""
    last_us = entry.get("last_us") or entry["created_us"]
    return (
        entry["stream"],
        state_of(entry),
        str(entry["attempt"]),
        str(entry["next"] - entry["oldest"]),
        size_text(entry["bytes"]),
        age_text(time.time() - last_us / _US),
        entry["object"],
    )


def state_of(entry: Entry) -> str:
    """`live`, `stale` or `sealed`, with the exit status where there is one."""
    sealed = entry["sealed"]
    if sealed is not None:
        return "sealed" if sealed["exit_code"] is None else f"sealed {sealed['exit_code']}"
    return "live" if entry["stale"] is None else "stale"
