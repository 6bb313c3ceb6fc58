"""How a downloaded log is written: as the bytes that were logged, or as a JSON object a record."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

PARTIAL = 1
MARKER = 2
"""Flags of a record: docs/reference.md."""

HELD_LIMIT_BYTES = 1 << 20
"""Of lines that are not complete yet and wait for their ends; a longer one is written in parts."""

_encode = msgspec.json.Encoder().encode


class Format(Protocol):
    """Writes one log from beginning to end."""

    @property
    def content_type(self) -> str:
        """Of the body."""
        ...

    @property
    def suffix(self) -> str:
        """Of a file with it."""
        ...

    def page(self, page: dict[str, Any], until: int | None) -> bytes:
        """The records of a page that are before a time."""
        ...

    def rest(self) -> bytes:
        """What was held back."""
        ...


class Text:
    """The text of all sources, byte for byte, each line in one piece.

    A line that comes in parts waits for its end, so that lines of other sources don't break it. What the service has
    to say itself is a line that begins with `[fairlead]`.
    """

    content_type = "text/plain; charset=utf-8"
    suffix = "log"

    def __init__(self) -> None:
        self._held: dict[str, list[bytes]] = {}
        self._held_bytes = 0

    def page(self, page: dict[str, Any], until: int | None) -> bytes:
        written = [_remark(page["lagged"])] if "lagged" in page else []
        for time_us, source, text, flags in page["records"]:
            if until is None or time_us < until:
                self._add(written, source, text if isinstance(text, bytes) else text.encode(), flags)
        return b"".join(written)

    def rest(self) -> bytes:
        rest = b"".join(part for parts in self._held.values() for part in parts)
        self._held.clear()
        self._held_bytes = 0
        return rest

    def _add(self, written: list[bytes], source: str, text: bytes, flags: int) -> None:
        if flags & MARKER:
            written += [b"[fairlead] ", text, b"\n"]
        elif flags & PARTIAL and self._held_bytes + len(text) <= HELD_LIMIT_BYTES:
            self._held.setdefault(source, []).append(text)
            self._held_bytes += len(text)
        else:
            before = self._held.pop(source, [])
            self._held_bytes -= sum(map(len, before))
            written += [*before, text, b"" if flags & PARTIAL else b"\n"]


class Ndjson:
    """`{seq, time_us, source, text | base64, flags}` a line; `{lagged: {from, to}}` where records are missing."""

    content_type = "application/x-ndjson"
    suffix = "ndjson"

    def page(self, page: dict[str, Any], until: int | None) -> bytes:
        lines = [_encode({"lagged": page["lagged"]})] if "lagged" in page else []
        seqs = page.get("seqs", range(page["first"], page["next"]))
        for seq, (time_us, source, text, flags) in zip(seqs, page["records"], strict=True):
            if until is None or time_us < until:
                lines.append(_encode({"seq": seq, "time_us": time_us, "source": source, **_text(text), "flags": flags}))
        return b"".join(line + b"\n" for line in lines)

    def rest(self) -> bytes:
        return b""


FORMATS: dict[str, Callable[[], Format]] = {"text": Text, "ndjson": Ndjson}


def _remark(lagged: dict[str, Any]) -> bytes:
    return b"[fairlead] %b\n" % _encode({"lagged": lagged})


def _text(text: str | bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(text).decode()} if isinstance(text, bytes) else {"text": text}
