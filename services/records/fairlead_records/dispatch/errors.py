"""What the container procedures refuse, and what the caller should do about it.

| error | kwargs | what the caller should do |
|---|---|---|
| `fairlead.error.wrong_state` | id, state, priority | the container went another way: look at it |
| `fairlead.error.locked` | id, dispatcher, term | another dispatcher has it: take another one |
| `fairlead.error.fenced` | id, state, term | the lock is not yours any more: end the process, report nothing |

Beside these, those of records (fairlead_records.errors).
"""

from __future__ import annotations

from fairlead_router import RequestError


class WrongState(RequestError):
    """The container's state does not allow it."""

    uri = "fairlead.error.wrong_state"


class Locked(RequestError):
    """Another dispatcher has locked the container."""

    uri = "fairlead.error.locked"


class Fenced(RequestError):
    """The lock of that term has ended."""

    uri = "fairlead.error.fenced"
