"""A program's record of what it asked of the disk.

Why LD_PRELOAD and not a VFS of SQLite (apsw): the program runs as it is, with the driver and the SQLite that it always
has, and the spool's files, directories and renames come in the same record as the database's, in one order.
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from support.debian import program

SOURCE = Path(__file__).with_name("recorder.c")

_ENTRY = struct.Struct("<IIQQ")


class Kind(IntEnum):
    """As in recorder.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    SYNC_DIRECTORY = 5
    RENAME = 6
    UNLINK = 7
    MKDIR = 8


class Step(NamedTuple):
    """One thing done to the disk. `path` is relative to the root; `data` was written at `at`; `at` may be a size."""

    kind: Kind
    inode: int
    at: int
    path: str
    target: str
    data: bytes


@cache
def recorder() -> Path:
    """The shared library, made with the system's C compiler. Raises NoProgram."""
    compiler = program("cc")
    directory = Path(tempfile.mkdtemp(prefix="fairlead-recorder-"))
    library = directory / "recorder.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    return library


def recorded_environment(root: Path, log: Path) -> dict[str, str]:
    """The environment of a program whose doings in `root` are recorded in `log`."""
    added = {"LD_PRELOAD": str(recorder()), "RECORDER_ROOT": str(root.resolve()), "RECORDER_LOG": str(log)}
    return {**os.environ, **added}


def steps(log: Path, root: Path) -> Iterator[Step]:
    """What was recorded, in order. A record whose program was killed may end in the middle of a step."""
    prefix = f"{root.resolve()}"
    data = log.read_bytes()
    at = 0
    while at + _ENTRY.size <= len(data):
        kind, length, inode, place = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        body = data[at : at + length]
        at += length
        if kind == Kind.WRITE:
            yield Step(Kind.WRITE, inode, place, "", "", body)
        else:
            path, _, target = body.decode().partition("\0")
            relative = [name.removeprefix(prefix).lstrip("/") for name in (path, target)]
            yield Step(Kind(kind), inode, place, relative[0], relative[1], b"")
