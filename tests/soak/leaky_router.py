"""The soaked router with leaks in it: a soak that does not find each of them is no proof."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fairlead_router.connection import Connection
from fairlead_router.loop_host import LoopTimer
from fairlead_router.realm import Realm
from soak import router

Method = Callable[..., Any]


def forget_what_is_lost(lost: Method) -> Method:
    """Every third connection that is lost leaves its session behind."""
    numbers = iter(range(1 << 30))
    return lambda connection: None if next(numbers) % 3 == 0 else lost(connection)


def keep_sessions(close_session: Method) -> Method:
    """Something still holds every session that has ended."""
    kept = []

    def close(realm: Realm, session: Any, *arguments: Any) -> Any:
        kept.append(session)
        return close_session(realm, session, *arguments)

    return close


def keep_timers(cancel: Method) -> Method:
    """A timer that is cancelled stays known to its host."""

    def keep(timer: LoopTimer) -> None:
        pending = timer._pending
        cancel(timer)
        pending.add(timer)

    return keep


def raise_sometimes(receive: Method) -> Method:
    """A mistake of ours, in some calls of some visitors."""

    def fail(connection: Connection, data: bytes) -> None:
        if b"com.nowhere" in data:
            raise ZeroDivisionError("a mistake of ours")
        receive(connection, data)

    return fail


LEAKS: list[tuple[type[Any], str, Callable[[Method], Method]]] = [
    (Connection, "lost", forget_what_is_lost),
    (Realm, "close_session", keep_sessions),
    (LoopTimer, "cancel", keep_timers),
    (Connection, "receive", raise_sometimes),
]


def main() -> None:
    """Spoils the methods, then serves."""
    for owner, name, spoil in LEAKS:
        setattr(owner, name, spoil(getattr(owner, name)))
    router.main()


if __name__ == "__main__":
    main()
