"""The figures of the pages, as SVG with text as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.summary import Summary

COLOURS = {
    "fairlead": "#0b6e4f",
    "fairlead-embedded": "#5aa787",
    "crossbar": "#c8553d",
    "nexus": "#2f6690",
    "xconn": "#a2678a",
    "nats": "#8a8d91",
    "floor": "#c9cbce",
    "floor-batched": "#dedfe1",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fairlead",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

Line = Sequence[tuple[float, float]]


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A new figure, which is written at the end. Without a date, so that the same figures are the same file."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots()
        figure.savefig(path, metadata={"Date": None})


def costs(path: Path, summaries: Sequence[Summary]) -> None:
    """CPU a unit of everybody, a row a workload, on a logarithmic axis. Who lost something is not in it."""
    rows = [row for row in summaries if row.is_complete and row.cpu_us]
    names = list(dict.fromkeys(row.workload for row in rows))
    with _figure(path, 9, 1.2 + 0.3 * len(names)) as (figure, axes):
        for peer in dict.fromkeys(row.peer for row in rows):
            points = [(row.cpu_us, names.index(row.workload)) for row in rows if row.peer == peer]
            is_ours = peer.startswith("fairlead")
            size = 45 if is_ours else 22
            costs_us, places = zip(*points, strict=True)
            order = 3 if is_ours else 2
            axes.scatter(costs_us, places, s=size, color=COLOURS.get(peer), label=peer, zorder=order)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.grid(axis="both", color="#eeeeee", zorder=0)
        axes.set_xlabel("router CPU a delivered event, call or connection, us (less is better)")
        figure.legend(loc="outside upper center", ncols=8, frameon=False)


def growth(path: Path, lines: Mapping[str, Line], x: str, y: str) -> None:
    """One line a name, of (size, cost), sizes on a logarithmic axis, costs from zero."""
    with _figure(path, 7, 3.2) as (_, axes):
        for number, (name, line) in enumerate(lines.items()):
            sizes, costs_us = zip(*line, strict=True)
            colour = COLOURS.get(name, f"C{number}")
            axes.plot(sizes, costs_us, marker="o", markersize=4, color=colour, label=name)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.grid(color="#eeeeee")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.legend(frameon=False)
