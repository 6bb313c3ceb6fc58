"""A kill -9 during changes of permissions: afterwards the graph is that of the acknowledged changes, each one whole.

A few rounds with each run; `make crash` makes hundreds (CRASH_ROUNDS).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import msgspec
import pytest

from fairlead_authz import Authz, Change
from fairlead_authz.store.permission_log import LoggedChange
from unit.authz.oracle import World

CHILD = Path(__file__).parent / "crashing_changes.py"
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "3"))


class Killed:
    """What a server had said when it was killed."""

    def __init__(self, first_line: bytes) -> None:
        self.begun_at = int(first_line.split()[1])
        self.acknowledged: dict[int, bytes] = {}
        self.asked: set[bytes] = set()

    def hear(self, line: bytes) -> None:
        mark, _, rest = line.partition(b" ")
        if mark == b"?":
            self.asked.add(rest)
        else:
            revision, _, changes = rest.partition(b" ")
            self.acknowledged[int(revision)] = changes


async def change_until_killed(url: str, seed: str, lines: int) -> Killed:
    child = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), url, seed, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    killed = Killed(await child.stdout.readline())
    for _ in range(lines):
        line = await child.stdout.readline()
        assert line, "the server ended by itself"
        killed.hear(line.rstrip(b"\n"))
    child.kill()
    for line in (await child.stdout.read()).splitlines():
        killed.hear(line)
    await child.wait()
    return killed


async def log_of(authz: Authz) -> dict[int, LoggedChange]:
    entries: list[LoggedChange] = []
    after: int | None = 0
    while after is not None:
        found, after = await authz._state.store.changes(after, 1000)
        entries += found
    return {entry.revision: entry for entry in entries}


async def replayed(entries: dict[int, LoggedChange], directory: Path) -> World:
    """The graph that the same lists make elsewhere, where nothing was killed."""
    authz = await Authz.open(f"sqlite:///{directory}/replayed.sqlite")
    for revision in sorted(entries)[1:]:  # the first nodes are there
        applied = await authz.apply(msgspec.json.decode(bytes(entries[revision].asked), type=list[Change]))
        assert applied.revision == revision
    world = World(authz.graph)
    await authz.close()
    return world


@pytest.mark.limit_s(30 + 5 * ROUNDS)
async def test_what_was_acknowledged_is_there_and_nothing_by_half(database_url: str, tmp_path: Path) -> None:
    chance = random.Random()
    for round_number in range(ROUNDS):
        killed = await change_until_killed(database_url, f"{round_number}", chance.randint(1, 120))
        authz = await Authz.open(database_url)
        entries = await log_of(authz)
        assert sorted(entries) == list(range(1, authz.revision + 1))
        for revision, changes in killed.acknowledged.items():
            assert bytes(entries[revision].asked) == changes
        in_flight = set(entries) - set(killed.acknowledged) - set(range(killed.begun_at + 1))
        assert {bytes(entries[revision].asked) for revision in in_flight} <= killed.asked
        (tmp_path / "replayed.sqlite").unlink(missing_ok=True)
        expected, found = await replayed(entries, tmp_path), World(authz.graph)
        assert (found.nodes, found.links) == (expected.nodes, expected.links)
        await authz.close()
