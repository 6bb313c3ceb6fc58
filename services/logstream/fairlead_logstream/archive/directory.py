"""The archive that is a directory: a file for each segment, whole or not there, whatever ends the program.

A file is written under another name, in `incoming`, and gets its own when it is on the disk. What a crash leaves in
`incoming` goes when the directory is opened next, once it is old: another server may be writing there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from fairlead_logstream.archive.archive import NotInArchive

THREADS = 4
"""A disk serves no more at a time; a network file system that hangs holds these, and nothing else."""

LEFTOVER_AGE_S = 3600
"""No file takes an hour to be written."""

_INCOMING = "incoming"

T = TypeVar("T")


class DirectoryArchive:
    """Files below a directory, which is made if it is not there."""

    def __init__(self, directory: Path | str) -> None:
        """Raises OSError."""
        self._directory = Path(directory)
        self._incoming = self._directory / _INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True)
        _sync(self._directory)
        _sync(self._directory.parent)
        _remove_old(self._incoming)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="archive")

    async def put(self, name: str, data: bytes) -> str:
        await self._run(lambda: self._write(self._directory / name, data))
        return name

    async def get(self, location: str) -> bytes:
        try:
            return await self._run((self._directory / location).read_bytes)
        except FileNotFoundError:
            raise NotInArchive(location) from None

    async def delete(self, location: str) -> None:
        await self._run(lambda: self._remove(self._directory / location))

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _write(self, path: Path, data: bytes) -> None:
        incoming = self._incoming / f"{path.name}.{secrets.token_hex(8)}"
        try:
            with incoming.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.parent.mkdir(exist_ok=True)
            incoming.replace(path)
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        _sync(path.parent)
        _sync(self._directory)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others of the stream are still there, or it has gone already
            path.parent.rmdir()


def _sync(directory: Path) -> None:
    """The names in it are durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_old(incoming: Path) -> None:
    for path in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - LEFTOVER_AGE_S:
                path.unlink()
