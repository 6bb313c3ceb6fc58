"""What a workload is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from bench.load.dialects.base import Dialect
from bench.load.tally import Tally


class Drive(Protocol):
    """A workload under way: runs in the load generator, counts into its tally."""

    async def connect(self, dialect: Dialect) -> None: ...

    def start(self) -> None:
        """Sends what may be in flight at once; what arrives makes it send more while `tally.is_sending`."""
        ...


class Workload(msgspec.Struct, frozen=True):
    """One row of work of the comparison."""

    name: str
    """As on the command line."""
    title: str
    """As in the table."""
    unit: Literal["event", "call"]
    drive: Callable[[Tally], Drive]
