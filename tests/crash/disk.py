"""A disk that loses power: from what a program asked of it to what may be there afterwards.

What was synced is there. Of what was not, anything may be: each write as a whole, or some of its sectors, or nothing,
whatever came before or after it; a file may have its new length without the bytes. A name is there for certain only
once its directory was synced, and so is a rename, a deletion, and a directory in its parent: POSIX promises no more,
and file systems differ in what else they do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from crash.recording import Kind, Step

SECTOR_BYTES = (512, 4096)
"""What a disk writes whole: an old one's sector, a new one's."""

SHARES = (0.0, 0.5, 0.9, 1.0)
"""How much of the unsynced comes through: nothing, or as much as after a kill -9, or something between."""


class _File:
    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        self.unsynced: list[Step] = []

    def sync(self) -> None:
        for step in self.unsynced:
            if step.kind is Kind.WRITE:
                _write(self.durable, step.at, step.data)
            else:
                _resize(self.durable, step.at)
        self.unsynced = []


class _Directory:
    def __init__(self) -> None:
        self.durable: dict[str, _File | _Directory] = {}
        self.unsynced: list[_Renaming] = []

    def sync(self) -> None:
        for renaming in self.unsynced:
            renaming.apply(self.durable)
        self.unsynced = []


class _Renaming(NamedTuple):
    """A name is gone, or a name is new, or both at once."""

    old: str | None
    new: str | None
    what: _File | _Directory | None

    def apply(self, names: dict[str, _File | _Directory]) -> None:
        if self.old is not None:
            names.pop(self.old, None)
        if self.new is not None and self.what is not None:
            names[self.new] = self.what


class Disk:
    """What is durable of the files below a root, and what is not yet."""

    def __init__(self) -> None:
        self._root = _Directory()
        self._directories = {"": self._root}
        self._files: dict[int, _File] = {}

    @classmethod
    def holding(cls, root: Path) -> Disk:
        """A disk on which all that is there now is durable."""
        disk = cls()
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root).as_posix()
            if path.is_dir():
                disk._make_directory(relative)
            else:
                file = disk._files[path.stat().st_ino] = _File(path.read_bytes())
                disk._parent(relative).durable[path.name] = file
        for directory in disk._directories.values():
            directory.sync()
        return disk

    def do(self, step: Step) -> None:
        """The next step of the program."""
        match step.kind:
            case Kind.WRITE | Kind.TRUNCATE:
                self._files[step.inode].unsynced.append(step)
            case Kind.SYNC:
                self._files[step.inode].sync()
            case Kind.SYNC_DIRECTORY:
                self._directories[step.path].sync()
            case Kind.CREATE:  # an inode's number may have been another file's before
                file = self._files[step.inode] = _File()
                self._rename(step.path, _Renaming(None, _name(step.path), file))
            case Kind.RENAME:
                assert PurePosixPath(step.path).parent == PurePosixPath(step.target).parent, "in two directories"
                self._rename(step.path, _Renaming(_name(step.path), _name(step.target), self._files[step.inode]))
            case Kind.UNLINK:
                self._rename(step.path, _Renaming(_name(step.path), None, None))
            case Kind.MKDIR:
                self._make_directory(step.path)

    def after_power_loss(self, chance: random.Random, root: Path, below: str = "") -> None:
        """Put into an empty directory what is there when power comes back; only what is `below` had lost it."""
        losing = {self._directories.get(below): _Survival(chance, chance.choice(SHARES))}
        _put(self._root, root, _Survival(chance, 1.0), losing)

    def _make_directory(self, path: str) -> None:
        directory = self._directories[path] = _Directory()
        self._rename(path, _Renaming(None, _name(path), directory))

    def _rename(self, path: str, renaming: _Renaming) -> None:
        self._parent(path).unsynced.append(renaming)

    def _parent(self, path: str) -> _Directory:
        parent = PurePosixPath(path).parent.as_posix()
        return self._directories["" if parent == "." else parent]


class _Survival:
    """What of the unsynced comes to the disk: each piece with a chance of `share`."""

    def __init__(self, chance: random.Random, share: float) -> None:
        self._chance = chance
        self._share = share
        self._sector_bytes = chance.choice(SECTOR_BYTES)

    def names(self, directory: _Directory) -> dict[str, _File | _Directory]:
        names = dict(directory.durable)
        for renaming in directory.unsynced:
            if self._survives():
                renaming.apply(names)
        return names

    def content(self, file: _File) -> bytes:
        content = file.durable.copy()
        for step in file.unsynced:
            if step.kind is Kind.TRUNCATE:
                if self._survives():
                    _resize(content, step.at)
            elif self._survives():
                _write(content, step.at, step.data)
            else:
                self._write_torn(content, step)
        return bytes(content)

    def _write_torn(self, content: bytearray, step: Step) -> None:
        """Some sectors of a write; the length may have come to the disk before them."""
        end = step.at + len(step.data)
        if self._survives():
            _resize(content, max(len(content), end))
        at = step.at
        while at < end:
            border = min(end, (at // self._sector_bytes + 1) * self._sector_bytes)
            if self._survives():
                _write(content, at, step.data[at - step.at : border - step.at])
            at = border

    def _survives(self) -> bool:
        return self._chance.random() < self._share


def _put(directory: _Directory, path: Path, survival: _Survival, losing: Mapping[_Directory | None, _Survival]) -> None:
    survival = losing.get(directory, survival)
    for name, what in survival.names(directory).items():
        if isinstance(what, _Directory):
            (path / name).mkdir()
            _put(what, path / name, survival, losing)
        else:
            (path / name).write_bytes(survival.content(what))


def _write(content: bytearray, at: int, data: bytes) -> None:
    _resize(content, max(len(content), at))
    content[at : at + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _name(path: str) -> str:
    return PurePosixPath(path).name
