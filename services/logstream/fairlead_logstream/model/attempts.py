"""The attempts of a stream: where each begins, and how it ended. The log itself has a marker of each.

The latest ATTEMPTS_LIMIT are known. One that was overtaken by the next without a seal has no exit code and no reason.
"""

from __future__ import annotations

import msgspec

ATTEMPTS_LIMIT = 100
"""Attempts that a stream knows: they are in each of its entries, and whoever restarts a command for ever looks at the
last ones. The markers of older ones stay in the log."""

REASON_CHARACTERS = 128
"""What is kept of a reason: a hundred of them in an entry of `list` are still a small part of its page."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt; `first` is the number of its first record: its marker, if it has one."""

    attempt: int
    first: int
    begun_us: int
    exit_code: int | None = None
    reason: str | None = None


Attempts = tuple[Attempt, ...]
"""In order."""


def begun(attempts: Attempts, new: Attempt) -> Attempts:
    """With one more; the oldest may be forgotten for it."""
    return (*attempts, new)[-ATTEMPTS_LIMIT:]


def ended(attempts: Attempts, exit_code: int | None, reason: str | None) -> Attempts:
    """The latest one has ended like this."""
    if not attempts:
        return attempts
    *others, latest = attempts
    short = None if reason is None else reason[:REASON_CHARACTERS]
    return (*others, msgspec.structs.replace(latest, exit_code=exit_code, reason=short))


def found(attempts: Attempts, attempt: int) -> tuple[Attempt, int | None] | None:
    """This one and where the next begins, which is None for the latest; None for one that is not known."""
    following: int | None = None
    for each in reversed(attempts):
        if each.attempt == attempt:
            return each, following
        following = each.first
    return None
