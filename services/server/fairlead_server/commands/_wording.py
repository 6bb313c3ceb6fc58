"""What is not output of a log, in words: gaps, the end, and the markers in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fairlead_client.following import Corrupt, Item, Lagged, Reset, Revoked, Sealed
from fairlead_server.commands._notes import plural


def words_for(stream: str, item: Item, *, is_followed: bool) -> str:
    """What a reader should know of an item that is no output; nothing where that is nothing.

    The end is worth a word only to who waits for it.
    """
    if isinstance(item, Lagged):
        return f"not kept any more: {_lines(item)}"
    if isinstance(item, Corrupt):
        return f"damaged and left out: {_lines(item)}"
    if isinstance(item, Reset):
        return f"the log's store was replaced: this is {stream} from its oldest line on"
    if isinstance(item, Revoked):
        return f"the permission to read {stream} was revoked: {item.reason}"
    if isinstance(item, Sealed) and is_followed:
        return _end(stream, item)
    return ""


def marker_text(text: str) -> str:
    """A marker in words.

    >>> marker_text('{"lost": 3}')
    '3 lines were lost here'
    """
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        return text
    return "; ".join(_MARKERS.get(name, _other)(name, value) for name, value in facts.items() if name != "producer")


def _lines(gap: Lagged | Corrupt) -> str:
    return f"{plural(gap.stop - gap.start, 'line')} from number {gap.start} on"


def _end(stream: str, sealed: Sealed) -> str:
    reason = "" if sealed.reason is None else f" ({sealed.reason})"
    if sealed.exit_code is None:
        return f"the log {stream} has ended, without an exit status{reason}"
    return f"the log {stream} has ended, with exit status {sealed.exit_code}{reason}"


def _lost(_name: str, value: Any) -> str:
    return f"{plural(value, 'line')} {'was' if value == 1 else 'were'} lost here"


def _truncated(_name: str, value: Any) -> str:
    if not isinstance(value, dict):
        return f"the log was cut here: {value}"
    counts = (("line", value.get("records")), ("byte", value.get("bytes")))
    what = ", ".join(plural(count, noun) for noun, count in counts if count is not None) or "nobody knows how much,"
    return f"the log was cut here: {what} left out ({value.get('reason', 'no reason given')})"


def _attempt(_name: str, value: Any) -> str:
    return f"attempt {value} begins here"


def _other(name: str, value: Any) -> str:
    return f"{name}: {value}"


_MARKERS: dict[str, Callable[[str, Any], str]] = {"lost": _lost, "truncated": _truncated, "attempt": _attempt}
