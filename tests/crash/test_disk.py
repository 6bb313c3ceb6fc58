"""The model of a disk: what was synced is there, and anything else may be."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from crash.disk import Disk
from crash.recording import Kind, Step, recorded_environment, steps

LOSSES = 300


def create(path: str, inode: int = 1) -> Step:
    return Step(Kind.CREATE, inode, 0, path, "", b"")


def write(data: bytes, at: int = 0, inode: int = 1) -> Step:
    return Step(Kind.WRITE, inode, at, "", "", data)


def sync(inode: int = 1) -> Step:
    return Step(Kind.SYNC, inode, 0, "", "", b"")


def sync_directory(path: str = "") -> Step:
    return Step(Kind.SYNC_DIRECTORY, 0, 0, path, "", b"")


def left(directory: Path, *done: Step) -> list[dict[str, bytes]]:
    """What is there after each of many power losses at the end of these steps."""
    disk = Disk()
    for step in done:
        disk.do(step)
    states = []
    for seed in range(LOSSES):
        place = directory / f"{seed}"
        place.mkdir()
        disk.after_power_loss(random.Random(seed), place)
        files = [path for path in place.rglob("*") if path.is_file()]
        states.append({path.relative_to(place).as_posix(): path.read_bytes() for path in files})
    return states


def test_what_was_synced_with_its_directory_is_always_there(tmp_path: Path) -> None:
    states = left(tmp_path, create("a"), write(b"hello"), sync(), sync_directory())
    assert states == [{"a": b"hello"}] * LOSSES


def test_a_name_in_a_directory_that_was_not_synced_may_be_missing(tmp_path: Path) -> None:
    states = left(tmp_path, create("a"), write(b"hello"), sync())
    assert {} in states
    assert {"a": b"hello"} in states


def test_of_writes_that_were_not_synced_any_may_be_there(tmp_path: Path) -> None:
    done = [create("a"), write(b"1"), sync(), sync_directory(), write(b"2", 1), write(b"3", 2)]
    contents = {state["a"] for state in left(tmp_path, *done)}
    assert {b"1", b"12", b"123", b"1\x003"} <= contents


def test_a_write_may_be_torn_between_sectors_and_not_within(tmp_path: Path) -> None:
    done = [create("a"), write(bytes(1024)), sync(), sync_directory(), write(b"x" * 1024)]
    contents = {state["a"] for state in left(tmp_path, *done)}
    assert contents == {first + second for first in (bytes(512), b"x" * 512) for second in (bytes(512), b"x" * 512)}


def test_a_rename_comes_whole_or_not_at_all(tmp_path: Path) -> None:
    old = [create("a"), write(b"old"), sync(), sync_directory()]
    new = [create("b", 2), write(b"new", inode=2), sync(2), Step(Kind.RENAME, 2, 0, "b", "a", b"")]
    contents = {state["a"] for state in left(tmp_path, *old, *new)}
    assert contents == {b"old", b"new"}


def test_a_file_that_gets_the_number_of_a_deleted_one_is_another(tmp_path: Path) -> None:
    deleted = [create("a"), write(b"old"), sync(), sync_directory(), Step(Kind.UNLINK, 0, 0, "a", "", b"")]
    states = left(tmp_path, *deleted, create("b"), write(b"new"), sync())
    assert {"a": b"old", "b": b"new"} in states


def test_a_program_is_recorded_as_it_is(tmp_path: Path) -> None:
    program = """
import os, shutil
os.mkdir("d")
descriptor = os.open("d/a", os.O_RDWR | os.O_CREAT)
os.write(descriptor, b"one"), os.write(descriptor, b"two"), os.pwrite(descriptor, b"X", 1)
os.ftruncate(descriptor, 5), os.fdatasync(os.dup(descriptor))
os.replace("d/a", "d/b")
os.fsync(os.open("d", os.O_RDONLY))
open("d/b", "ab").write(b"end")
shutil.rmtree("d")
"""
    (root := tmp_path / "root").mkdir()
    environment = recorded_environment(root, tmp_path / "log")
    subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, check=True)
    told = [(step.kind.name, step.path or step.at, step.target or step.data) for step in steps(tmp_path / "log", root)]
    assert told == [
        ("MKDIR", "d", b""),
        ("CREATE", "d/a", b""),
        ("WRITE", 0, b"one"),
        ("WRITE", 3, b"two"),
        ("WRITE", 1, b"X"),
        ("TRUNCATE", 5, b""),
        ("SYNC", "d/a", b""),
        ("RENAME", "d/a", "d/b"),
        ("SYNC_DIRECTORY", "d", b""),
        ("WRITE", 5, b"end"),
        ("UNLINK", "d/b", b""),
        ("UNLINK", "d", b""),
    ]
    assert not any(root.iterdir())
