"""The spool: what was appended is there again, after a crash too, and damage is said."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_client.errors import SpoolError
from fairlead_client.frames import BATCH_BYTES
from fairlead_client.records import WireRecord
from fairlead_client.source import Batch, Position
from fairlead_client.spool import Spool
from fairlead_client.spool_meta import SpoolMeta


def lines(start: int, stop: int, width: int = 10) -> list[WireRecord]:
    return [(number, "stdout", f"{number:0{width}d}", 0) for number in range(start, stop)]


def numbers(batches: list[Batch]) -> list[int]:
    return [int(record[0]) for batch in batches for record in batch.records]


def batches_of(spool: Spool, position: Position | None = None) -> list[Batch]:
    position = spool.oldest if position is None else position
    batches = []
    while (batch := spool.read(position)) is not None:
        batches.append(batch)
        position = batch.after
    return batches


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    spool = Spool.create(path, SpoolMeta("log", "writer"), limit_bytes=4_000_000, segment_bytes=10_000)
    yield spool
    spool.close()


@pytest.fixture
def reopened(path: Path) -> Iterator[Callable[[], Spool]]:
    opened: list[Spool] = []

    def reopen() -> Spool:
        opened.append(Spool.open(path, segment_bytes=10_000))
        return opened[-1]

    yield reopen
    for each in opened:
        each.close()


@pytest.fixture
def left(path: Path) -> Path:
    """The spool of a process that is gone: 1 000 records in several files."""
    spool = Spool.create(path, SpoolMeta("log", "writer"), segment_bytes=10_000)
    for start in range(0, 1000, 10):
        spool.append(lines(start, start + 10))
    spool.close()
    return path


def test_records_come_back_in_batches_in_order(spool: Spool) -> None:
    for start in range(0, 1000, 10):
        assert spool.append(lines(start, start + 10))
    assert numbers(batches_of(spool)) == [*range(1000)]
    assert spool.next_seq == 1000


def test_texts_and_bytes_come_back_as_they_were(spool: Spool) -> None:
    records: list[WireRecord] = [(1, "stdout", "é\0", 0), (2, "stderr", b"\0\xff", 5)]
    spool.append(records)
    assert [tuple(record) for record in batches_of(spool)[0].records] == records


def test_a_batch_holds_about_64_kib(spool: Spool) -> None:
    spool.append(lines(0, 3000, width=100))
    sizes = [sum(len(record[2]) for record in batch.records) for batch in batches_of(spool)]
    assert max(sizes) <= BATCH_BYTES
    assert min(sizes) > BATCH_BYTES // 3


def test_a_record_of_64_kib_fits(spool: Spool) -> None:
    spool.append([(0, "stdout", "x" * BATCH_BYTES, 0), (1, "stdout", "y", 0)])
    assert numbers(batches_of(spool)) == [0, 1]


def test_files_are_deleted_when_all_of_them_is_acknowledged(spool: Spool, path: Path) -> None:
    for start in range(0, 3000, 100):
        spool.append(lines(start, start + 100))
    before = len([*path.glob("*.seg")])
    middle = batches_of(spool)[0].after
    spool.acknowledge(middle)
    assert 0 < len([*path.glob("*.seg")]) < before
    assert numbers(batches_of(spool, middle)) == [*range(middle.seq, 3000)]


def test_a_full_spool_drops_and_says_how_much(path: Path) -> None:
    spool = Spool.create(path, SpoolMeta("log", "writer"), limit_bytes=8_000)
    stored = [spool.append(lines(start, start + 10)) for start in range(0, 1000, 10)]
    assert stored[0]
    assert not stored[-1]
    kept = stored.count(True) * 10
    first = batches_of(spool)
    spool.acknowledge(first[-1].after)
    assert spool.append(lines(2000, 2010))
    last = batches_of(spool, first[-1].after)
    assert numbers(first) == [*range(kept)]
    assert (first[-1].lost, first[-1].first, spool.dropped) == (1000 - kept, 1000, 1000 - kept)
    assert [(batch.lost, batch.first) for batch in last] == [(0, 1000)]
    assert numbers(last) == [*range(2000, 2010)]
    spool.close()


def test_the_end_comes_behind_the_last_record(spool: Spool) -> None:
    spool.append(lines(0, 10))
    spool.append_end(3, "failed")
    batches = batches_of(spool)
    assert batches[-1].end == {"exit_code": 3, "reason": "failed"}
    assert numbers(batches) == [*range(10)]


def test_another_process_finds_everything(left: Path, reopened: Callable[[], Spool]) -> None:
    spool = reopened()
    assert numbers(batches_of(spool)) == [*range(1000)]
    assert (spool.next_seq, spool.damage, spool.has_end) == (1000, "", False)
    assert spool.meta == SpoolMeta("log", "writer")
    spool.append(lines(1000, 1010))
    assert numbers(batches_of(spool)) == [*range(1010)]


def test_an_open_spool_cannot_be_opened_again(spool: Spool, path: Path) -> None:
    with pytest.raises(SpoolError, match="in use"):
        Spool.open(path)


def test_a_frame_cut_off_by_a_crash_is_left_out(left: Path, reopened: Callable[[], Spool]) -> None:
    last = max(left.glob("*.seg"))
    os.truncate(last, last.stat().st_size - 5)
    spool = reopened()
    assert numbers(batches_of(spool)) == [*range(990)]
    assert "bytes of" in spool.damage
    spool.append(lines(990, 1000))
    assert numbers(batches_of(spool)) == [*range(1000)]


def test_a_damaged_file_in_the_middle_leaves_a_gap_that_is_counted(left: Path, reopened: Callable[[], Spool]) -> None:
    second = sorted(left.glob("*.seg"))[1]
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    batches = batches_of(reopened())
    assert sum(batch.lost for batch in batches) == 1000 - len(numbers(batches)) > 0
    gap = next(batch for batch in batches if batch.lost)
    assert numbers([gap])[0] == gap.first


@pytest.mark.parametrize(("name", "content"), [("meta.json", b"[]"), ("meta.json", b"{}"), ("meta.json", b"\xff")])
def test_what_is_no_spool_is_refused(left: Path, name: str, content: bytes) -> None:
    (left / name).write_bytes(content)
    with pytest.raises(SpoolError, match="spool"):
        Spool.open(left)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match=r"nowhere.*No such file"):
        Spool.open(tmp_path / "nowhere")


def test_only_the_owner_can_read_it(spool: Spool, path: Path) -> None:
    spool.append(lines(0, 1))
    assert path.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.iterdir())


def test_a_sync_that_fails_leaves_no_descriptor_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool.create(path, SpoolMeta("log", "producer"))
    spool.append(lines(0, 10))
    before = len([*Path("/proc/self/fd").iterdir()])
    job = spool.unsynced()
    assert job is not None

    def failing(_descriptor: int) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(OSError, match="gone"):
        job()
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    spool.close()


def test_what_is_not_synced_yet_is_synced_by_one_job(spool: Spool) -> None:
    spool.unsynced()  # the name of the first file
    spool.append(lines(0, 1000))
    job = spool.unsynced()
    assert job is not None
    assert spool.unsynced() is None
    job()


@pytest.mark.parametrize("seq", [0, 1, 9, 10, 500, 999, 1000, 5000])
def test_seeking_finds_the_frame_of_a_number(left: Path, reopened: Callable[[], Spool], seq: int) -> None:
    spool = reopened()
    place = spool.seek(seq)
    assert min(seq, 1000) - 10 < place.seq <= min(seq, 1000)
    assert numbers(batches_of(spool, place)) == [*range(place.seq, 1000)]


@settings(max_examples=50)
@given(st.binary(max_size=400), st.integers(0, 20_000))
def test_no_damage_changes_or_reorders_a_record(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, offset: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "spool"
    spool = Spool.create(path, SpoolMeta("log", "writer"), segment_bytes=5_000)
    for start in range(0, 500, 10):
        spool.append(lines(start, start + 10))
    spool.close()
    file = sorted(path.glob("*.seg"))[offset % 2]
    content = bytearray(file.read_bytes())
    content[offset % len(content) : offset % len(content) + len(garbage)] = garbage
    file.write_bytes(content)
    spool = Spool.open(path)
    batches = batches_of(spool)
    found = numbers(batches)
    assert found == sorted(set(found))
    for batch in batches:
        assert numbers([batch]) == [*range(batch.first, batch.first + len(batch.records))]
    spool.close()


# ---------------------------------------------------------------- disks that are full, or gone


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """A disk that is full: the kernel writes no file of this process beyond that size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_drops_and_counts_and_goes_on_when_there_is_room(spool: Spool) -> None:
    spool.append(lines(0, 10))
    with files_of_at_most(100):
        assert not spool.append(lines(10, 20))
    assert spool.append(lines(20, 30))
    batches = batches_of(spool)
    assert numbers(batches) == [*range(10), *range(20, 30)]
    assert [batch.lost for batch in batches] == [0, 10]


def test_what_a_full_disk_dropped_at_the_end_is_said_all_the_same(spool: Spool) -> None:
    spool.append(lines(0, 10))
    with files_of_at_most(100):
        spool.append(lines(10, 20))
        spool.append_end(3, None)
        kept = spool.read(spool.oldest)
        assert kept is not None
        last = spool.read(kept.after)
    assert last is not None
    assert (last.lost, last.first, last.end) == (10, 20, {"exit_code": 3, "reason": None})


def test_an_end_that_found_no_room_is_written_when_the_spool_is_closed(path: Path) -> None:
    spool = Spool.create(path, SpoolMeta("log", "writer"))
    with files_of_at_most(10):
        spool.append_end(3, None)
    spool.close()
    again = Spool.open(path)
    assert again.has_end
    again.close()


def test_a_directory_that_vanished_costs_what_is_written_and_no_error(path: Path) -> None:
    spool = Spool.create(path, SpoolMeta("log", "writer"), segment_bytes=1_000)
    shutil.rmtree(path)
    while spool.append(lines(0, 10)):
        pass
    assert spool.dropped == 10
    spool.close()


def test_meta_that_a_full_disk_cuts_off_replaces_nothing(spool: Spool, path: Path) -> None:
    before = (path / "meta.json").read_bytes()
    with files_of_at_most(10), pytest.raises(OSError, match=r"space left|too large"):
        spool.save_meta()
    assert (path / "meta.json").read_bytes() == before


def test_one_large_write_does_not_pass_the_limit(path: Path) -> None:
    spool = Spool.create(path, SpoolMeta("log", "writer"), limit_bytes=200_000)
    assert not spool.append(lines(0, 10_000, width=100))
    assert spool.size_bytes <= 200_000
    assert sum(batch.lost for batch in batches_of(spool)) == spool.dropped > 0
    spool.close()


def test_nothing_follows_the_end(spool: Spool) -> None:
    spool.append_end(0, None)
    with pytest.raises(SpoolError, match="has its end"):
        spool.append(lines(0, 1))


def test_a_directory_with_something_in_it_is_not_made_a_spool(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear all")
    with pytest.raises(SpoolError, match="something in it"):
        Spool.create(tmp_path, SpoolMeta("log", "writer"))


# ---------------------------------------------------------------- threads and forks


def test_what_several_threads_append_is_there_once_in_the_order_of_each(spool: Spool) -> None:
    def write(thread: int) -> None:
        for number in range(thread * 1000, thread * 1000 + 1000):
            spool.append(lines(number, number + 1))

    threads = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    position = spool.oldest
    while len(seen) < 4000:
        batch = spool.read(position)
        if batch is not None:
            seen += numbers([batch])
            position = batch.after
            spool.acknowledge(position)
    for thread in threads:
        thread.join()
    assert [[n for n in seen if n // 1000 == each] for each in range(4)] == [
        [*range(each * 1000, each * 1000 + 1000)] for each in range(4)
    ]


def test_a_forked_child_neither_writes_nor_keeps_the_lock(path: Path) -> None:
    spool = Spool.create(path, SpoolMeta("log", "writer"))
    hold, held = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            spool.append(lines(0, 1))
        except SpoolError:
            os.write(held, b"refused")
        signal.pause()
    assert os.read(hold, 10) == b"refused"
    spool.close()
    Spool.open(path).close()  # the child lives
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(hold)
    os.close(held)
