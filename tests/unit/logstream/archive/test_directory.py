"""The directory as an archive: a file is whole or not there."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_logstream import DirectoryArchive, NotInArchive
from fairlead_logstream.archive.directory import LEFTOVER_AGE_S


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[DirectoryArchive]:
    archive = DirectoryArchive(tmp_path / "a" / "b")
    yield archive
    await archive.close()


def files_of(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def test_what_is_put_is_got_also_after_it_was_put_again(archive: DirectoryArchive, tmp_path: Path) -> None:
    location = await archive.put("s.7/0-9.log", b"abc")
    assert await archive.put("s.7/0-9.log", b"abc") == location
    assert await archive.get(location) == b"abc"
    assert files_of(tmp_path / "a/b") == ["s.7/0-9.log"]


async def test_what_is_deleted_is_gone_and_so_is_an_empty_directory(archive: DirectoryArchive, tmp_path: Path) -> None:
    locations = [await archive.put(f"s.7/{number}.log", b"x") for number in range(2)]
    for location in (*locations, locations[0]):
        await archive.delete(location)
    with pytest.raises(NotInArchive):
        await archive.get(locations[0])
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["incoming"]


async def test_a_write_that_fails_leaves_what_was_there(
    archive: DirectoryArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = await archive.put("s.7/0.log", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await archive.put("s.7/0.log", b"new")
    assert await archive.get(location) == b"old"
    assert files_of(tmp_path / "a/b") == ["s.7/0.log"]


async def test_a_file_gets_its_name_when_it_is_on_the_disk(
    archive: DirectoryArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("fsync")
        fsync(descriptor)

    def replaced(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    await archive.put("s.7/0.log", b"x")
    assert steps == ["fsync", "rename", "fsync", "fsync"]


async def test_what_a_crash_left_goes_when_it_is_old(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for name, age_s in (("old", LEFTOVER_AGE_S + 60), ("of-another-server", 1)):
        (incoming / name).write_bytes(b"half")
        os.utime(incoming / name, (time.time() - age_s,) * 2)
    await DirectoryArchive(tmp_path).close()
    assert files_of(tmp_path) == ["incoming/of-another-server"]
