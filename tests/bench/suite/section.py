"""A part of the report: a table with what was wanted beside what was measured, and everything for the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bench.report import table

EXACT = "each once, in order"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What one workload found out."""

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    measured: Any
    """For logs.json."""
    is_exact: bool = True
    """False: something was lost, repeated or out of order; the run fails."""

    def markdown(self) -> str:
        return f"## {self.title}\n\n{self.about}\n\n{table(self.header, self.rows)}"


def found(count: int, disordered: int, expected: int) -> str:
    """What became of the lines, for a table."""
    if (count, disordered) == (expected, 0):
        return EXACT
    return f"**{count} of {expected}, {disordered} out of order**"
