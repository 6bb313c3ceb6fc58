"""CPU time and resident memory of a process and all its descendants, from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """The process and its descendants, those that are alive.

    >>> os.getpid() in family(os.getpid())
    True
    """
    found = [pid]
    for member in found:  # grows while it is walked
        for task in (PROC / str(member) / "task").glob("*/children"):
            found += map(int, _read(task).split())
    return found


def cpu_s(pid: int) -> float:
    """User and system time used so far by the process and its descendants, in steps of 10 ms.

    What ended processes used is not in it: take it twice within the life of the same processes.
    """
    return sum(_cpu_ticks(member) for member in family(pid)) / TICKS_PER_S


def rss_bytes(pid: int) -> int:
    """Resident memory of the process and its descendants; pages that several of them share are counted in each."""
    return sum(_resident_pages(member) for member in family(pid)) * PAGE_BYTES


def _cpu_ticks(pid: int) -> int:
    # The second field is the command's name in parentheses, and may hold spaces and parentheses itself.
    fields = _read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def _resident_pages(pid: int) -> int:
    fields = _read(PROC / str(pid) / "statm").split()
    return int(fields[1]) if fields else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it ended meanwhile
        return ""
