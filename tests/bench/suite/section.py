"""A part of the report: a table with what was wanted beside what was measured, and everything for the JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
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
    """For the JSON."""
    is_exact: bool = True
    """False: something was lost, repeated or out of order; the run fails."""

    figures: Mapping[str, Callable[[Path], None]] = {}
    """By file name: what draws it. They stand above the table."""

    def markdown(self) -> str:
        figures = [f"![{self.title}]({name})" for name in self.figures]
        return "\n\n".join([f"## {self.title}", self.about, *figures, table(self.header, self.rows)])

    def draw(self, directory: Path) -> None:
        """Write the figures."""
        for name, draw in self.figures.items():
            draw(directory / name)


def found(count: int, disordered: int, expected: int) -> str:
    """What became of the lines, for a table."""
    if (count, disordered) == (expected, 0):
        return EXACT
    return f"**{count} of {expected}, {disordered} out of order**"
