"""A damaged SQLite file: a clear error or a range that is lost, never other records; what SQLite can find is served."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.rows import Change, StreamKey, StreamRow
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_store import Corrupt, StoreError
from unit.logstream.fakes import NOW_US, batch_of, texts_of

STREAMS = ["a", "b", "c"]
BATCHES = 10
FLIPS = 60
ALL = 1 << 30


def text(name: str, number: int) -> str:
    """Neighbours of one page must not look alike."""
    return name + base64.b64encode(random.Random(f"{name}{number}").randbytes(3_000)).decode()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with three streams, closed: everything is in the one file."""
    store = SqlStreamStore.open(f"sqlite:///{tmp_path}/logs.sqlite", "realm1")
    for name in STREAMS:
        await store.create(StreamRow(0, name, name, 7, NOW_US))
    for number in range(BATCHES):
        for row in await store.streams():
            await store.write(Change(row.id, [batch_of(number, text(row.name, number))], {}, None))
    await store.close()
    return tmp_path / "logs.sqlite"


def behind(position: int, damage: CorruptBatch) -> int:
    """A reader is never sent back."""
    assert damage.next > position
    return damage.next


def check_named(error: StoreError) -> None:
    assert "is not a healthy SQLite database" in str(error)


def write_flipped(whole: bytes, damaged: Path, chance: random.Random) -> None:
    """A copy with one bit of some page but the first another one: there the schema is."""
    data = bytearray(whole)
    data[chance.randrange(4096, len(data))] ^= 1 << chance.randrange(8)
    damaged.write_bytes(data)


def cut(path: Path, left: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left) // 4096 * 4096])


def wipe_head(path: Path) -> None:
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def contents(path: Path) -> bytes:
    return path.read_bytes()


async def served(path: Path) -> dict[str, int]:
    """How many records of each stream are served; each of them is what was stored. Raises StoreError at the start."""
    store = SqlStreamStore.open(f"sqlite:///{path}", "realm1")
    try:
        return {row.name: await _served_of(store, row) for row in await store.streams()}
    finally:
        await store.close()


async def _served_of(store: SqlStreamStore, row: StreamRow) -> int:
    position, count = 0, 0
    while position < BATCHES:
        try:
            batches = await store.read(StreamKey(row.id, 7), position, BATCHES, ALL)
        except CorruptBatch as damage:
            position = behind(position, damage)
            continue
        except StoreError as error:
            check_named(error)
            return count
        if not batches:
            return count
        assert texts_of(batches) == [text(row.name, batch.first) for batch in batches]
        count += len(batches)
        position = batches[-1].next
    return count


async def test_a_flipped_byte_never_makes_other_records_and_leaves_most_of_them(path: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    whole = contents(path)
    refused, whole_streams = 0, 0
    for flip in range(FLIPS):
        damaged = tmp_path / f"flip{flip}.sqlite"
        write_flipped(whole, damaged, chance)
        try:
            counts = await served(damaged)
        except StoreError:
            refused += 1
        else:
            whole_streams += sum(count == BATCHES for count in counts.values())
    assert refused <= FLIPS // 10
    assert whole_streams >= FLIPS * 2


@pytest.mark.parametrize("left", [0.1, 0.5, 0.9])
async def test_a_file_that_was_cut_is_named_and_what_is_left_is_served(path: Path, left: float) -> None:
    cut(path, left)
    try:
        counts = await served(path)
    except Corrupt as error:
        check_named(error)
    else:
        assert sum(counts.values()) < len(STREAMS) * BATCHES


async def test_a_first_page_that_is_no_database_is_named(path: Path) -> None:
    wipe_head(path)
    with pytest.raises(Corrupt, match="is not a healthy SQLite database"):
        SqlStreamStore.open(f"sqlite:///{path}", "realm1")
