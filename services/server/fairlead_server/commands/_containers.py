"""Containers as people see them: a row of a table."""

from __future__ import annotations

import shlex
import time
from enum import StrEnum
from typing import Any

from fairlead_server.commands._sizes import age_text

HEADINGS = ("CONTAINER", "STATE", "PRIORITY", "PROGRESS", "DISPATCHER", "TIME", "COMMAND")
_US = 1_000_000
_ORDER = {"Running": 0, "Locked": 1, "Queued": 2}

Record = dict[str, Any]


class State(StrEnum):
    """Of a container, in the order of a life."""

    QUEUED = "Queued"
    LOCKED = "Locked"
    RUNNING = "Running"
    COMPLETE = "Complete"
    CANCELLED = "Cancelled"


FINAL = (State.COMPLETE.value, State.CANCELLED.value)


def row_of(record: Record) -> tuple[str, ...]:
    """A record below HEADINGS; TIME is how long it has waited, has been running, or ran."""
    state = record["state"]
    progress = state.get("progress")
    return (
        record["id"],
        state_text(state),
        str(state["priority"]),
        "" if progress is None else f"{progress:.0%}",
        (state.get("locked_by") or {}).get("dispatcher", ""),
        age_text(_time_s(record)),
        state.get("name") or shlex.join(state["command"]),
    )


def state_text(state: Record) -> str:
    """Its state, with what is to become of it, or how it ended."""
    name = str(state["state"])
    if name in FINAL:
        exit_code = state.get("exit_code")
        return name if exit_code is None else f"{name} {exit_code}"
    if state.get("cancel") is not None:
        return f"{name}, ending"
    return f"{name}, held" if name == "Queued" and state["priority"] == 0 else name


def order_of(record: Record) -> tuple[Any, ...]:
    """What runs first, then what waits as it will be taken, then what has ended, the latest first."""
    state = record["state"]
    rank = _ORDER.get(state["state"], 3)
    if rank == 3:
        return rank, -(state.get("finished_us") or 0), record["id"]
    return rank, -state["priority"], record["created_us"], record["id"]


def _time_s(record: Record) -> float:
    state = record["state"]
    begun_us = state.get("started_us") or record["created_us"]
    ended_us = state.get("finished_us") or time.time() * _US
    return float(ended_us - begun_us) / _US
