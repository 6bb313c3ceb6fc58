"""How `fairlead logs` shows a log: the items of a follower as output, or as one JSON document a line.

As output, the source stdout goes to stdout and the others to stderr, byte for byte as the command wrote them; what is
not output (markers, gaps, the end) are notes on stderr. As JSON everything goes to stdout: records as
`{seq, time_us, source, text, flags}` (`base64` instead of `text` where it is not text), the other items under their
names as in the protocol.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection
from typing import Any

from fairlead_client.following import Batch, Corrupt, Head, Item, Lagged, Reset, Revoked, Sealed
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._echo import write_all
from fairlead_server.commands._notes import note, plural

STDOUT, STDERR = 1, 2


class OutputClosed(Exception):
    """Nobody reads our stdout any more."""


class Display:
    """Shows items; raises OutputClosed. `sources` empty shows all."""

    def __init__(self, stream: str, sources: Collection[str] = ()) -> None:
        self._stream = stream
        self._sources = frozenset(sources)

    def show(self, item: Item) -> None:
        """Shows one item."""
        if isinstance(item, Batch):
            self.batch(item)
        else:
            text = self.said(item)
            if text:
                note(text)

    def failed(self, uri: str, text: str) -> None:
        """The error that ends it; the text itself is printed by whoever prints all of them."""

    def is_shown(self, source: str, flags: int) -> bool:
        """Markers are about the log, not of a source."""
        return not self._sources or source in self._sources or bool(flags & MARKER)

    def batch(self, batch: Batch) -> None:
        """Shows records."""
        parts: list[bytes] = []
        target = STDOUT
        for record in batch.records:
            source, text, flags = record[1], record[2], record[3]
            if not self.is_shown(source, flags):
                continue
            to = STDOUT if source == "stdout" and not flags & MARKER else STDERR
            if to != target:
                _write(target, parts)
                target = to
            parts.append(_line(text, flags))
        _write(target, parts)

    def said(self, item: Item) -> str:
        """What is not output, in words; nothing for what a reader need not know."""
        if isinstance(item, Lagged):
            return f"not kept any more: {plural(item.stop - item.start, 'line')} from number {item.start} on"
        if isinstance(item, Corrupt):
            return f"damaged and left out: {plural(item.stop - item.start, 'line')} from number {item.start} on"
        if isinstance(item, Reset):
            return f"the log's store was replaced: this is {self._stream} from its oldest line on"
        return ""


class JsonDisplay(Display):
    """Shows items as JSON, one document a line."""

    def show(self, item: Item) -> None:
        """Shows one item."""
        if isinstance(item, Batch):
            self.batch(item)
        elif not isinstance(item, Head):
            _write_json([{type(item).__name__.lower(): _named(item)}])

    def failed(self, uri: str, text: str) -> None:
        """The error that ends it."""
        _write_json([{"error": {"uri": uri, "text": text}}])

    def batch(self, batch: Batch) -> None:
        """Shows records."""
        _write_json(
            [
                {"seq": seq, "time_us": record[0], "source": record[1], **_text(record[2]), "flags": record[3]}
                for seq, record in zip(batch.seqs, batch.records, strict=True)
                if self.is_shown(record[1], record[3])
            ]
        )


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


def _lost(_name: str, value: Any) -> str:
    return f"{plural(value, 'line')} {'was' if value == 1 else 'were'} lost here"


def _truncated(_name: str, value: Any) -> str:
    return f"the log was cut here: {value}"


def _attempt(_name: str, value: Any) -> str:
    return f"attempt {value} begins here"


def _other(name: str, value: Any) -> str:
    return f"{name}: {value}"


_MARKERS: dict[str, Callable[[str, Any], str]] = {"lost": _lost, "truncated": _truncated, "attempt": _attempt}


def _line(text: str | bytes, flags: int) -> bytes:
    if flags & MARKER:
        return f"fairlead: {marker_text(str(text))}\n".encode()
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return data if flags & PARTIAL else data + b"\n"


def _named(item: Lagged | Corrupt | Reset | Sealed | Revoked) -> dict[str, Any]:
    names = {"start": "from", "stop": "to"}
    return {names.get(name, name): value for name, value in item._asdict().items()}


def _text(text: str | bytes) -> dict[str, str]:
    return {"text": text} if isinstance(text, str) else {"base64": base64.b64encode(text).decode()}


def _write_json(documents: list[dict[str, Any]]) -> None:
    lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in documents]
    _write(STDOUT, [line.encode(errors="surrogatepass") for line in lines])


def _write(descriptor: int, parts: list[bytes]) -> None:
    if parts and not write_all(descriptor, b"".join(parts)) and descriptor == STDOUT:
        raise OutputClosed
    parts.clear()
