"""The command: which targets, how many messages, from which seed; a progress bar, and a line for each target."""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from random import Random
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fuzz.codecs import CodecTarget
from fuzz.core import CoreTarget
from fuzz.wire import WireTarget


class Target(Protocol):
    """What a case is run against."""

    name: str

    def run(self, random: Random) -> int:
        """One case. Returns how many messages it was made of; raises what should not have been raised."""

    def finish(self) -> None:
        """All cases are done: raise if they have left something behind."""


TARGETS: dict[str, type[Target]] = {each.name: each for each in (CodecTarget, CoreTarget, WireTarget)}
DEFAULT_MESSAGES = 1_000_000


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 1 when a case has failed."""
    options = _parser().parse_args(arguments)
    logging.getLogger("fairlead_router.answers").disabled = True  # authorizers that never answer are part of the game
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    for name in options.target or TARGETS:
        if options.case is not None:
            TARGETS[name]().run(case_random(name, seed, options.case))
        elif not _fuzz(TARGETS[name](), seed, options.messages):
            return 1
    return 0


def fuzz(target: Target, seed: int, messages: int) -> int:
    """Cases until so many messages were tried. Returns how many cases. Raises what a case raises, with its number."""
    done = cases = 0
    while done < messages:
        done += run_case(target, seed, cases)
        cases += 1
    target.finish()
    return cases


def run_case(target: Target, seed: int, case: int) -> int:
    """One case; a failure says how to play it again."""
    try:
        return target.run(case_random(target.name, seed, case))
    except Exception as error:
        error.add_note(f'again: make fuzz ARGS="--target {target.name} --seed {seed} --case {case}"')
        raise


def case_random(name: str, seed: int, case: int) -> Random:
    """What a case is made from."""
    return Random(f"{name} {seed} {case}")


def _fuzz(target: Target, seed: int, messages: int) -> bool:
    start_s = time.monotonic()
    done = cases = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task(target.name, total=messages)
            while done < messages:
                done += run_case(target, seed, cases)
                cases += 1
                progress.update(task, completed=done)
        target.finish()
    except KeyboardInterrupt:
        print(f"{target.name}: stopped after {done:,} messages (seed {seed})")
        return False
    except Exception:  # noqa: BLE001 - that is what a fuzzer is for: the traceback is the result
        traceback.print_exc()
        return False
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.monotonic() - start_s
    print(f"{target.name}: {done:,} messages in {cases:,} cases, {seconds:.0f} s, seed {seed}, peak {peak_mib:.0f} MiB")
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Random messages and frames against the router.")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="only this one; may be repeated")
    parser.add_argument("--messages", type=int, default=DEFAULT_MESSAGES, help="for each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="a number; without it, the clock's")
    parser.add_argument("--case", type=int, help="only this case, its traceback whole")
    return parser
