"""What somebody sees who waits: a bar on a terminal, and one line for each measurement."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.report import complaint, duration
from bench.results import Measurement, Outcome
from bench.summary import Summary
from bench.workloads import WORKLOADS


class Display:
    """The progress of one run; a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        columns = (
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(
            *columns, console=console, transient=True, speed_estimate_period=600, disable=not console.is_terminal
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def about_to(self, what: str) -> None:
        """Says what is done now."""
        self._progress.update(self._task, description=what)

    def finished(self, outcome: Outcome) -> None:
        """A measurement is done."""
        result = _line(outcome.measurement) if outcome.measurement else f"failed: {outcome.failure}"
        self._console.print(f"{outcome.round}  {outcome.workload:34} {outcome.peer:18} {escape(result)}")
        self._progress.advance(self._task)


def _line(measured: Measurement) -> str:
    problems = {
        "lost": measured.lost,
        "refused": measured.refused,
        "connections closed": measured.closed,
        "repeated": measured.received - measured.expected,
    }
    return f"{measured.cpu_us:8.2f} us  {measured.per_s:11,.0f}/s  p99 {duration(measured.p99_us):8}" + "".join(
        f"  {count:,} {what}" for what, count in problems.items() if count > 0
    )


def show(console: Console, summaries: Iterable[Summary]) -> None:
    """The result in short; the report has more."""
    title = ""
    for row in summaries:
        if row.workload != title:
            title = row.workload
            console.print(f"\n[bold]{WORKLOADS[title].title}[/bold]")
        ratio = f"x {row.ratio.median:.2f}" if row.ratio else complaint(row).strip("*")
        console.print(
            f"  {row.peer:18} {row.cpu_us:8.2f} us/{WORKLOADS[title].unit}  {row.per_s:11,.0f}/s"
            f"  p99 {duration(row.p99_us):8} {row.rss_bytes / 2**20:5.0f} MiB  {ratio}"
        )
