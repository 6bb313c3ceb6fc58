"""The other dicts on a stream's channel: lagged, reset, head and sealed."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead_logstream.model.attempts import found
from fairlead_logstream.model.rows import Sealed
from fairlead_logstream.model.stream import Stream
from fairlead_router import Payload


def lagged(first: int, following: int, *, is_damaged: bool = False) -> Payload:
    """The records `first` to `following` are not there any more, or are damaged; it goes on behind them."""
    return _payload({"lagged": lagged_of(first, following, is_damaged=is_damaged)})


def reset(stream: Stream) -> Payload:
    """The cursor is of another copy of the log: this one is `epoch`, and it is read from its oldest record."""
    return _payload({"reset": reset_of(stream)})


def head(stream: Stream) -> Payload:
    """Nothing new, but whoever gets this is current up to `head`."""
    return _payload({"head": stream.head})


def sealed(end: Sealed) -> Payload:
    """The log has ended."""
    return _payload({"sealed": sealed_of(end)})


def deleted(stream: Stream) -> Payload:
    """The log was deleted; a new one of its name has another epoch."""
    return _payload({"deleted": {"epoch": stream.epoch, "next": stream.head}})


def lagged_of(first: int, following: int, *, is_damaged: bool = False) -> dict[str, Any]:
    """The value of `lagged`; `damaged` is there only where the store lost what it should have."""
    value: dict[str, Any] = {"from": first, "to": following}
    return {**value, "damaged": True} if is_damaged else value


def reset_of(stream: Stream) -> dict[str, int]:
    """The value of `reset`."""
    return {"epoch": stream.epoch, "oldest": stream.oldest, "next": stream.oldest}


def sealed_of(end: Sealed | None) -> dict[str, Any] | None:
    """The value of `sealed`: null while the stream is open."""
    return None if end is None else {"exit_code": end.exit_code, "reason": end.reason, "next": end.next}


def attempt_of(stream: Stream, attempt: int | None) -> dict[str, Any]:
    """`attempt` of a page that begins with one: what is known of it, and `next`, where the next one begins."""
    known = None if attempt is None else found(stream.state.attempts, attempt)
    if known is None:
        return {}
    this, following = known
    return {"attempt": {**msgspec.structs.asdict(this), "next": following}}


def _payload(value: dict[str, Any]) -> Payload:
    return Payload.from_values([value], {})
