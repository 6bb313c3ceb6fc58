"""`fairlead serve` with a mechanism of dispatch switched off: the first argument names it, or is `none`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from fairlead_records.dispatch.containers import Containers
from fairlead_records.dispatch.state import container_of
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record
from fairlead_server.main import main


def forget_cancels() -> None:
    """What is held is not told that it is to end."""
    cancel = Containers.cancel

    def cancel_or_forget(self: Containers, draft: Draft, record: Record, by: str, reason: str | None) -> Record:
        return record if container_of(record).is_held else cancel(self, draft, record, by, reason)

    Containers.cancel = cancel_or_forget  # type: ignore[method-assign]


NONE = "none"
MECHANISMS: dict[str, Callable[[], None]] = {"cancel": forget_cancels}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    if name != NONE:
        MECHANISMS[name]()
    main()
