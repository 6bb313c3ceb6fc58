"""What is left of writers and of their log after a crash, judged once every writer has gone on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from crash.found import MARKER
from crash.site import Site, database_in
from crash.writers import LINGER_S, WRITERS, Source, line_of
from fairlead_client.asyncio import Connection
from fairlead_router import CallError, Member

NEW_LINES = 3
"""Of each writer, once it has started again."""
RUN_NUMBERS = 100_000
"""The lines of a run are numbered from a multiple of this on."""
LAST_RUN = 1000
"""The one in which it is judged."""


class Line(NamedTuple):
    """A line in the log, behind so many that markers say are lost."""

    number: int
    lost: int


async def faults_of(root: Path, said: Sequence[bytes], was_killed: bool) -> list[str]:
    """Everything that is wrong, in words, once the writers have sent what was left and some new lines.

    A kill may take nothing that was written, a power loss nothing that was synced.
    """
    told = [msgspec.json.decode(line) for line in said]
    faults: list[str] = []
    async with Site(database_in(root)) as site, Connection(site.url) as connection:
        member = site.join()
        before = {name: await _records(member, name) for name in WRITERS}
        sources = [Source(connection, root, name, LAST_RUN * RUN_NUMBERS) for name in WRITERS]
        new = {source.name: {source.write() for _ in range(NEW_LINES)} for source in sources}
        for source in sources:
            unsent = await source.log.close(LINGER_S)
            faults += [] if unsent is None else [f"{source.name} has not sent everything: {unsent}"]
        after = {name: await _records(member, name) for name in WRITERS}
    for name in WRITERS:
        promised = _promised(told, name, "w" if was_killed else "y") | new[name]
        faults += [f"{name}: {fault}" for fault in _wrong(before[name], after[name], promised)]
    return faults


def _promised(told: list[Any], name: str, kept: str) -> set[int | None]:
    """The lines of a writer up to the last, of each run, that was said to be written or synced."""
    of_writer = [(mark, number) for mark, writer, number in told if writer == name]
    last: dict[int, int] = {}
    for mark, number in of_writer:
        if mark == kept:
            last[number // RUN_NUMBERS] = number
    return {number for mark, number in of_writer if mark == "w" and number <= last.get(number // RUN_NUMBERS, -1)}


def _wrong(before: list[Any], after: list[Any], promised: set[int | None]) -> Iterator[str]:
    if after[: len(before)] != before:
        yield "what was in the log has changed"
    lines = list(_lines(after))
    numbers = [line.number for line in lines]
    if numbers != sorted(set(numbers)):
        yield f"lines are repeated or not in order: {numbers}"
    missing = sorted(number for number in promised.difference(numbers) if number is not None)
    if missing:
        yield f"lines are lost though they were synced: {missing}"
    for line, following in pairwise(lines):
        is_one_run = line.number // RUN_NUMBERS == following.number // RUN_NUMBERS
        if is_one_run and following.number - line.number - 1 != following.lost:
            yield f"after {line.number} comes {following.number}, and markers say that {following.lost} are lost"


async def _records(member: Member, stream: str) -> list[Any]:
    records: list[Any] = []
    about: dict[str, int] = {}
    while True:
        try:
            result = await member.call("fairlead.log.read", [stream], about)
        except CallError:  # the writer has not come so far as to make it
            return records
        assert result.args is not None
        page = result.args[0]
        records += page["records"]
        if page["next"] == page["head"]:
            return records
        about = {"start": page["next"], "epoch": page["epoch"]}


def _lines(records: list[Any]) -> Iterator[Line]:
    lost = 0
    for _time_us, _source, text, flags in records:
        if flags & MARKER:
            lost += json.loads(text).get("lost", 0)
            continue
        number = int(text.split(" ")[0])
        assert text == line_of(number), f"line {number} is not as it was written"
        yield Line(number, lost)
        lost = 0
