"""A growing file as records: each byte once and in order, whatever becomes of the file and of us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_client.errors import SpoolError
from fairlead_client.records import LONGEST_TEXT_BYTES, MARKER, PARTIAL, WireRecord
from fairlead_client.source import Batch
from fairlead_client.spool_meta import SpoolMeta
from fairlead_client.tailing import MOST_RECORDS, FileTail

LONG_AGO_S = 1_000_000_000


class Reader:
    """A tail, and a reader that has acknowledged everything up to its position."""

    def __init__(self, path: Path, directory: Path) -> None:
        self.path = path
        self.directory = directory
        self.seen: list[WireRecord] = []
        self.lost = 0
        self.tail = self.opened()
        self.position = self.tail.oldest

    def opened(self) -> FileTail:
        return FileTail(self.path, "app", self.directory, SpoolMeta("log", "agent", unit="bytes"))

    def look(self) -> list[str | bytes]:
        """The texts that are new."""
        before = len(self.seen)
        while (batch := self.tail.read(self.position)) is not None and batch.end is None:
            self.check(batch)
            self.seen += batch.records
            self.lost += batch.lost
            self.position = batch.after
        return [text for _, _, text, _ in self.seen[before:]]

    def check(self, batch: Batch) -> None:
        """The numbers are those of the service: a text's bytes, and one for its line's end."""
        span = sum(len(_bytes(text)) + (not flags & PARTIAL) for _, _, text, flags in batch.records)
        assert batch.first == self.position.seq + batch.lost
        assert batch.after.seq == batch.first + span

    def restart(self, seq: int | None = None) -> None:
        """As another process, told by the service where to go on."""
        seq = self.position.seq if seq is None else seq
        self.tail.close()
        self.tail = self.opened()
        self.position = self.tail.seek(seq)

    def write(self, text: str | bytes) -> None:
        with self.path.open("ab") as file:
            file.write(_bytes(text))

    def rotate(self, name: str) -> Path:
        """Renames the file, which nobody writes to any more, and makes a new one."""
        target = self.path.with_name(name)
        self.path.rename(target)
        self.path.touch()
        return target


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def quiet(path: Path, second: int = 0) -> None:
    os.utime(path, (LONG_AGO_S + second, LONG_AGO_S + second))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "app.log", tmp_path / "place")
    yield reader
    reader.tail.close()


def markers(reader: Reader) -> list[Any]:
    return [text for _, _, text, flags in reader.seen if flags & MARKER]


def test_what_is_appended_is_read_line_by_line(reader: Reader) -> None:
    reader.write("one\ntwo\n")
    assert reader.look() == ["one", "two"]
    reader.write("three\n\n")
    assert reader.look() == ["three", ""]
    assert reader.position.seq == reader.tail.next_seq == 15


def test_a_line_that_is_cut_between_two_looks_is_one_record(reader: Reader) -> None:
    reader.write("beg")
    assert reader.look() == []
    reader.write("inning\nrest")
    assert reader.look() == ["beginning"]


def test_a_last_line_without_an_end_is_partial_when_nothing_follows(reader: Reader) -> None:
    reader.write("one\nrest")
    reader.tail.finish()
    assert reader.look() == ["one", "rest"]
    assert [flags for *_, flags in reader.seen] == [0, PARTIAL]


def test_the_end_comes_behind_the_last_byte(reader: Reader) -> None:
    reader.write("one\n")
    reader.tail.finish({"exit_code": 0, "reason": None})
    reader.look()
    batch = reader.tail.read(reader.position)
    assert batch is not None
    assert batch.end == {"exit_code": 0, "reason": None}


def test_invalid_utf8_a_nul_and_a_return_are_kept(reader: Reader) -> None:
    reader.write(b"\xff\xfe\n\0nul\nlong\rway\n")
    assert reader.look() == [b"\xff\xfe", b"\0nul", "long\rway"]


def test_a_long_line_comes_in_parts(reader: Reader) -> None:
    line = "é" * LONGEST_TEXT_BYTES
    reader.write(line + "\n")
    reader.look()
    assert "".join(str(text) for _, _, text, _ in reader.seen) == line
    assert all(flags & PARTIAL for *_, flags in reader.seen[:-1])


def test_many_short_lines_come_in_batches_that_a_message_holds(reader: Reader) -> None:
    reader.write("\n" * 10 * MOST_RECORDS)
    batch = reader.tail.read(reader.position)
    assert batch is not None
    assert len(batch.records) == MOST_RECORDS
    assert len(reader.look()) == 10 * MOST_RECORDS


def test_a_file_that_is_not_there_yet_is_waited_for(reader: Reader) -> None:
    assert reader.look() == []
    reader.write("hello\n")
    assert reader.look() == ["hello"]
    assert markers(reader) == []


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(reader: Reader) -> None:
    reader.write("one\n")
    reader.look()
    reader.write("two\nunfinished")
    old = reader.rotate("app.log.1")
    reader.write("three\n")
    assert reader.look() == ["two"]  # somebody may be writing to it
    quiet(old)
    assert reader.look() == ["unfinished", "three"]
    assert (reader.lost, markers(reader)) == (0, [])


def test_who_still_writes_to_a_renamed_file_is_read(reader: Reader) -> None:
    reader.write("one\n")
    reader.look()
    old = reader.rotate("app.log.1")
    reader.write("three\n")
    reader.look()
    with old.open("a") as file:
        file.write("two\n")
    reader.look()
    quiet(old)
    reader.look()
    assert [text for _, _, text, _ in reader.seen] == ["one", "two", "three"]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_several_rotations_between_two_looks_lose_nothing(reader: Reader, is_restarted: bool) -> None:
    older = reader.path.with_name("app.log.9")
    older.write_text("not ours to send\n")
    quiet(older)
    reader.write("one\n")
    reader.look()
    reader.write("two\n")
    quiet(reader.rotate("first"), 1)
    reader.path.with_name("first").rename(reader.path.with_name("app.log.2"))
    reader.write("three\n")
    quiet(reader.rotate("app.log.1"), 2)
    reader.write("four\n")
    if is_restarted:
        reader.restart()
    assert reader.look() == ["two", "three", "four"]
    assert reader.lost == 0


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("content", ["new\n", "new lines, more than there were before\n"])
def test_a_truncated_file_is_read_anew_behind_a_marker(reader: Reader, content: str, is_restarted: bool) -> None:
    reader.write("one\ntwo\n")
    reader.look()
    os.truncate(reader.path, 0)
    reader.write(content)
    if is_restarted:
        reader.restart()
    assert reader.look()[1:] == [content.rstrip()]
    [marker] = markers(reader)
    assert "app.log: the file was truncated" in marker
    reader.write("more\n")
    assert reader.look() == ["more"]


def test_a_file_that_vanishes_and_comes_again_is_a_new_one(reader: Reader) -> None:
    reader.write("one\n")
    reader.look()
    reader.write("two\n")
    quiet(reader.path)
    reader.path.unlink()
    assert reader.look() == ["two"]  # it was open
    reader.write("three\n")
    assert reader.look() == ["three"]


def test_a_file_that_is_gone_after_a_restart_leaves_a_marker(reader: Reader) -> None:
    reader.write("one\n")
    reader.look()
    reader.path.unlink()
    reader.path.with_name("other").write_text("so that the inode is another's\n")
    reader.restart()
    assert reader.look() == []
    reader.write("two\n")
    assert reader.look()[1:] == ["two"]
    assert len(markers(reader)) == 1


def test_what_was_not_acknowledged_of_a_file_that_is_gone_is_lost_and_counted(reader: Reader) -> None:
    reader.write("one\ntwo\n")
    reader.look()
    os.truncate(reader.path, 0)
    reader.write("x\n")
    reader.look()
    reader.restart(seq=4)
    assert reader.look()[-1] == "x"
    assert reader.lost == 4


@pytest.mark.parametrize("seq", range(9))
def test_it_goes_on_at_any_byte_after_a_restart(reader: Reader, seq: int) -> None:
    reader.write("ab\ncd\n\ne\n")
    reader.look()
    reader.seen.clear()
    reader.restart(seq)
    reader.look()
    assert b"".join(_bytes(text) + b"\n" for _, _, text, _ in reader.seen) == b"ab\ncd\n\ne\n"[seq:]


def test_two_processes_cannot_keep_one_place(reader: Reader) -> None:
    with pytest.raises(SpoolError, match="in use"):
        reader.opened()


def test_a_place_of_another_log_is_not_gone_on_with(reader: Reader) -> None:
    reader.write("one\n")
    reader.look()
    reader.tail.close()
    with pytest.raises(SpoolError, match="in the log log"):
        FileTail(reader.path, "app", reader.directory, SpoolMeta("other", "agent", unit="bytes"))


def test_what_was_rotated_last_is_read_before_the_end_is_told(reader: Reader) -> None:
    reader.write("one\n")
    reader.look()
    reader.rotate("app.log.1")
    reader.write("two\n")
    reader.tail.finish({"exit_code": 0, "reason": None})
    assert reader.look() == ["two"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_history_of_writes_rotations_and_restarts_is_read_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("tail")
    (directory / "app.log").touch()
    reader = Reader(directory / "app.log", directory / "place")
    written, rotations = b"", 0
    steps = data.draw(st.lists(st.sampled_from(["write", "look", "rotate", "restart"]), max_size=25))
    for second, step in enumerate(steps):
        if step == "write":
            piece = data.draw(st.binary(max_size=8).map(lambda each: each + b"\n" * (len(each) % 3)))
            reader.write(piece)
            written += piece
        elif step == "look":
            reader.look()
        elif step == "rotate":
            rotations += 1
            quiet(reader.rotate(f"app.log.{rotations}"), second)
        elif step == "restart":
            reader.restart()
    reader.tail.finish()
    reader.look()
    sent = b"".join(_bytes(text) + b"\n" * (not flags & PARTIAL) for _, _, text, flags in reader.seen)
    assert sent == written
    assert reader.lost == 0
    reader.tail.close()
