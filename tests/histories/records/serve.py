"""`fairlead serve` with a mechanism of records switched off: the first argument names it, or is `none`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

import fairlead_router.realm
from fairlead_records.live.watch import Past, Watch
from fairlead_records.model.record import Record
from fairlead_records.procedures.watching import WatchCall
from fairlead_server.main import main
from support.core import GateSwitchedOff


def keep_no_gate() -> None:
    """Revocations end nothing, and take nothing back."""
    fairlead_router.realm.Gate = GateSwitchedOff  # type: ignore[attr-defined]
    WatchCall.may_read = lambda self, object_id: True  # type: ignore[method-assign]


def bookmark_early() -> None:
    """Each page has a bookmark, whatever is still to be told."""
    send = WatchCall.send

    def send_whole(self: WatchCall, changes: bytes, position: int, *, is_whole: bool) -> bool:
        return send(self, changes, position, is_whole=True)

    WatchCall.send = send_whole  # type: ignore[method-assign]


def forget_the_last() -> None:
    """What changes while its reader has no room is not told when there is some."""
    flush = Watch.flush

    def flush_or_forget(self: Watch) -> bool:
        is_done = flush(self)
        if not is_done:
            self._pending.clear()
            self.is_owing_bookmark = False
        return is_done

    Watch.flush = flush_or_forget  # type: ignore[method-assign]


def resume_without_history() -> None:
    """Who comes back is taken to know what there is now."""

    def take(self: Past, id_: str, now: Record | None) -> Record | None:
        return now if self._unlooked.pop(id_, self) is None else None

    Past.take = take  # type: ignore[method-assign]


NONE = "none"
MECHANISMS: dict[str, Callable[[], None]] = {
    "gate": keep_no_gate,
    "bookmark": bookmark_early,
    "last": forget_the_last,
    "history": resume_without_history,
}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    if name != NONE:
        MECHANISMS[name]()
    main()
