"""Disks that are full when a test wants it.

Once with a real file system, a tmpfs, where the test may mount one (root); once with a database that may not grow
(max_page_count), everywhere.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa

from fairlead_store import Database


class Stored(Protocol):
    """A store of a service."""

    _database: Database


class Disk(Protocol):
    """Where the database is."""

    directory: Path

    async def fill(self, store: Stored) -> None:
        """Leave little room."""
        ...

    async def make_room(self, store: Stored) -> None:
        """Have room again."""
        ...


class SmallFileSystem:
    """A tmpfs of 4 MB, with a file that takes most of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ballast = directory / "ballast"

    async def fill(self, store: Stored) -> None:
        self._ballast.write_bytes(bytes(3_300_000))

    async def make_room(self, store: Stored) -> None:
        self._ballast.unlink()


class BoundedDatabase:
    """A database that may have 100 pages."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def fill(self, store: Stored) -> None:
        await self._set_pages(store, 100)

    async def make_room(self, store: Stored) -> None:
        await self._set_pages(store, 100_000)

    async def _set_pages(self, store: Stored, count: int) -> None:
        def job(connection: sa.Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")

        await store._database.write(job)


DISKS = [SmallFileSystem, BoundedDatabase]


@contextmanager
def disk_at(directory: Path, kind: type[SmallFileSystem] | type[BoundedDatabase]) -> Iterator[Disk]:
    """One of DISKS in this directory; the test is skipped where it cannot be had."""
    if kind is BoundedDatabase:
        yield BoundedDatabase(directory)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "fairlead-test", str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs takes root")
    yield SmallFileSystem(directory)
    subprocess.run(["umount", "-l", str(directory)], check=True)
