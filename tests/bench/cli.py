"""The command: what to measure, the run with its progress, the report."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from bench import report, rounds, startup_times
from bench.display import Display, show
from bench.environment import CHECKOUT, Environment, Unavailable
from bench.machine import Machine
from bench.peers import PEERS
from bench.peers.base import Peer
from bench.processes import allow_many_files
from bench.report import Report
from bench.results import Outcome
from bench.rounds import Plan
from bench.startup_times import StartUp
from bench.summary import summarize
from bench.workloads import WORKLOADS

PUBLISHED = CHECKOUT / "docs" / "benchmarks"
TRIAL = CHECKOUT / ".bench" / "trial"
ROUNDS = 5
WARMUP_S = 0.3
MEASURED_S = 1.0
QUICK_WARMUP_S = 0.2
LONGEST_S = 250.0
"""The load generator is ended after 300 s, with all that it does beside measuring."""
QUICK_S = 0.5
INTERRUPTED = 130
NOTHING_MEASURED = 1


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    options = parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return Run(options, console).run()
    except KeyboardInterrupt:
        console.print("Interrupted: every process is ended, nothing was written.")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="bench", description="Fairlead beside other routers; see tests/bench/README.md."
    )
    made.add_argument("--rounds", type=_positive, help="interleaved rounds (5)")
    made.add_argument("--seconds", type=positive_seconds, help="the measured part of each measurement (1)")
    made.add_argument(
        "--quick", action="store_true", help="one round of half a second: shows that it works, proves nothing"
    )
    made.add_argument("--peers", type=_names(PEERS), default=list(PEERS), help=f"some of {','.join(PEERS)}")
    made.add_argument(
        "--workloads", type=_names(WORKLOADS), default=list(WORKLOADS), help=f"some of {','.join(WORKLOADS)}"
    )
    made.add_argument("--no-startup", action="store_true", help="leave out the start-up times")
    made.add_argument("--output", type=Path, help=f"where to write the report ({PUBLISHED}; a partial run: {TRIAL})")
    return made


class Run:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options = options
        self._console = console
        self._machine = Machine.this()
        self._versions: dict[str, str] = {}
        self._unavailable: dict[str, str] = {}

    def run(self) -> int:
        """Everything, in order."""
        allow_many_files()
        if self._machine.is_busy:
            self._console.print(
                f"Others use this machine (load average {self._machine.load_average:.1f}): expect noise."
            )
        peers = [PEERS[name] for name in self._options.peers if self._prepare(PEERS[name])]
        if not peers:
            return NOTHING_MEASURED
        plan = self._plan(peers)
        with Display(self._console, plan.count) as display:
            outcomes = rounds.run(plan, display.about_to, display.finished)
            start_up = None if self._options.no_startup else startup_times.measure(display.about_to)
        written = self._write(plan, outcomes, start_up)
        return NOTHING_MEASURED if any(outcome.failure for outcome in written.outcomes) else 0

    def _prepare(self, peer: Peer) -> bool:
        try:
            self._versions[peer.name] = peer.prepare(Environment(self._console))
        except Unavailable as reason:
            self._console.print(f"Without {peer.name}: {escape(str(reason))}")
            self._unavailable[peer.name] = _in_short(reason)
        return peer.name in self._versions

    def _plan(self, peers: list[Peer]) -> Plan:
        quick = self._options.quick
        return Plan(
            peers=peers,
            workloads=[WORKLOADS[name] for name in self._options.workloads],
            rounds=self._options.rounds or (1 if quick else ROUNDS),
            warmup_s=QUICK_WARMUP_S if quick else WARMUP_S,
            measured_s=self._options.seconds or (QUICK_S if quick else MEASURED_S),
        )

    def _write(self, plan: Plan, outcomes: list[Outcome], start_up: StartUp | None) -> Report:
        written = Report(
            machine=self._machine,
            versions=self._versions,
            unavailable=self._unavailable,
            reference=plan.peers[0].name,
            rounds=plan.rounds,
            measured_s=plan.measured_s,
            summaries=summarize(outcomes),
            outcomes=outcomes,
            start_up=start_up,
        )
        report.write(written, self._directory())
        show(self._console, written.summaries)
        self._console.print(f"\nWritten to {self._directory()}")
        return written

    def _directory(self) -> Path:
        """A run that left something out does not replace the published numbers, unless it is told to."""
        options = self._options
        is_whole = not options.quick and options.peers == list(PEERS) and options.workloads == list(WORKLOADS)
        directory: Path = options.output or (PUBLISHED if is_whole else TRIAL)
        return directory


def _in_short(reason: Unavailable) -> str:
    """For the report: without the output of commands, which names this machine's package sources and paths."""
    return str(reason).partition("\n")[0].rstrip(":")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends us as Ctrl-C does: with our processes ended first."""
    raise KeyboardInterrupt


def _names(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    """Reads names separated by commas, in the order of `known`."""

    def names(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not one of {', '.join(known)}")
        return [name for name in known if name in text.split(",")]

    return names


def positive_seconds(text: str) -> float:
    """For an option. Raises argparse's error, which names what is none."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0 and below {LONGEST_S:g}")
    return seconds


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of rounds")
    return int(text)
