"""`fairlead serve` with a mechanism switched off: the first argument is `gate` or `purge`. The validators notice."""

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import fairlead_router.realm
from fairlead_router.item import About
from fairlead_router.outbox import Outbox
from fairlead_server.main import main
from support.core import GateSwitchedOff


def purge_nothing(self: Outbox, owner: object, about: About | None = None) -> int | None:
    """What is queued is flushed, right or no right."""
    return None


def break_it(mechanism: str) -> None:
    if mechanism == "gate":
        fairlead_router.realm.Gate = GateSwitchedOff  # type: ignore[attr-defined]
    else:
        assert mechanism == "purge"
        Outbox.purge = purge_nothing  # type: ignore[method-assign]


if __name__ == "__main__":
    break_it(sys.argv.pop(1))
    main()
