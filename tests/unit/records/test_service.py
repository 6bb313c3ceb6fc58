"""The service's own life: what its rounds trim, and what the next start makes of what is left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fairlead_common import rounds
from fairlead_records import RecordService, SqlRecordStore
from support.waiting import eventually
from unit.records.fakes import ServiceHarness


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database whose service trims it all the time."""
    monkeypatch.setattr(rounds, "ROUND_S", 0.001)
    return tmp_path / "records.sqlite"


def changes_in(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM record_changes ORDER BY number")]


async def test_old_changes_are_trimmed(path: Path) -> None:
    harness = ServiceHarness()
    await harness.start(SqlRecordStore.open(f"sqlite:///{path}", "realm1"), kept_changes=3)
    alice = harness.peer()
    for _ in range(10):
        await alice.put("r")
    await eventually(lambda: changes_in(path) == [8, 9, 10])
    await harness.close()


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_revision_is_never_given_twice(path: Path, kept: int) -> None:
    """Also when the record of the last change was deleted: the change itself stays, for its number."""
    harness = ServiceHarness()
    await harness.start(SqlRecordStore.open(f"sqlite:///{path}", "realm1"), kept_changes=kept)
    alice = harness.peer()
    await alice.put("r")
    await alice.call("record.delete", "r")
    await eventually(lambda: changes_in(path) == [2])
    await harness.close()
    records = await RecordService.open(f"sqlite:///{path}", kept_changes=kept)
    assert records.ledger.table.revision == 2
    await records.close()
