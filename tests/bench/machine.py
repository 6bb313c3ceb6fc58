"""What the numbers were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec

BUSY = 0.5
LIBRARIES = ("picows", "aiofastnet", "uvloop", "msgspec", "cbor2")


class Machine(msgspec.Struct, frozen=True):
    """Where and when, and with which versions under us."""

    date: str
    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    libraries: dict[str, str]
    load_average: float
    """Of the last minute before the run: how much else the machine had to do."""

    @property
    def is_busy(self) -> bool:
        """Whether others used so much of it that absolute numbers and start-up times say little."""
        return self.load_average > BUSY

    @classmethod
    def this(cls) -> Machine:
        return cls(
            date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            processor=_processor(),
            cores=os.cpu_count() or 0,
            memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            system=f"{platform.system()} {platform.release()}",
            python=f"{platform.python_implementation()} {platform.python_version()}",
            libraries={name: metadata.version(name) for name in LIBRARIES},
            load_average=os.getloadavg()[0],
        )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
