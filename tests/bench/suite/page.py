"""The command and the page of one suite: runs its workloads and writes NAME.md and NAME.json into docs/benchmarks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console

from bench.environment import CHECKOUT
from bench.machine import Machine
from bench.processes import allow_many_files
from bench.suite.running import Run
from bench.suite.section import Section

Workload = Callable[[Run], Section]


class Suite(msgspec.Struct, frozen=True):
    """What is measured, by name, in the order of the page."""

    name: str
    """Of the files, and of `tests/bench/NAME`."""
    title: str
    looked_for: str
    """What every workload makes sure of: a sentence."""
    workloads: Mapping[str, Workload]


def measure(suite: Suite, add_options: Callable[[argparse.ArgumentParser], object] = lambda parser: None) -> int:
    """Run what the command line asks for; the exit status says whether everything was exact."""
    options = _parser(suite, add_options).parse_args()
    allow_many_files()
    machine = Machine.this()
    run = Run(Console(highlight=False, soft_wrap=True), options)
    sections = {name: suite.workloads[name](run) for name in options.only}
    page = _page(suite, machine, list(sections.values()), is_quick=options.quick)
    is_whole = not options.quick and options.only == list(suite.workloads)
    directory: Path = options.output or CHECKOUT / ("docs/benchmarks" if is_whole else ".bench/trial")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{suite.name}.md").write_text(page, encoding="utf-8")
    for section in sections.values():
        section.draw(directory)
    measured = {"machine": machine, **{name: section.measured for name, section in sections.items()}}
    (directory / f"{suite.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
    print(page)
    print(f"Written to {directory}")
    return 0 if all(section.is_exact for section in sections.values()) else 1


def _parser(suite: Suite, add_options: Callable[[argparse.ArgumentParser], object]) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=f"bench-{suite.name}", description=f"{suite.title}; see tests/bench/README.md.")
    made.add_argument("--quick", action="store_true", help="one short round of everything, and less of it")
    known = list(suite.workloads)
    made.add_argument("--only", type=partial(names, known), default=known, help=f"some of {','.join(known)}")
    made.add_argument("--output", type=Path, help=f"where to write {suite.name}.md and {suite.name}.json")
    add_options(made)
    return made


def names(known: Sequence[str], text: str) -> list[str]:
    """Some of the known workloads, in their order. Raises argparse's error, which names what is unknown."""
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not one of {', '.join(known)}")
    return [name for name in known if name in text.split(",")]


def _page(suite: Suite, machine: Machine, sections: Sequence[Section], *, is_quick: bool) -> str:
    introduction = (
        f"{machine.date}. {machine.cores} cores of {machine.processor}, {machine.memory_bytes / 2**30:.0f} GiB, "
        f"{machine.system}, {machine.python}. Load average before the run: {machine.load_average:.1f}; server and load "
        f"share the cores, so latencies are worse than with a core each. {suite.looked_for}"
    )
    parts = [f"# {suite.title}", f"Written by `make bench` (`tests/bench/{suite.name}`).", introduction]
    if is_quick:
        parts.append("**A quick run: it shows that it works and proves nothing.**")
    return "\n\n".join([*parts, *(section.markdown() for section in sections)]) + "\n"
