"""How `fairlead logs` shows logs: the items of followers as output, or as one JSON document a line.

As output, the source stdout goes to stdout and the others to stderr; what is not output (markers, gaps, the end) are
notes on stderr. `Plain` writes byte for byte what the command wrote; `_dressed.Dressed` is for people. As JSON
everything goes to stdout: records as `{seq, time_us, source, text, flags}` (`base64` instead of `text` where it is not
text), the other items under their names as in the protocol, with `stream` where several are shown.

No I/O here: `write(descriptor, data)` does it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from fairlead_client.following import Batch, Corrupt, Head, Item, Lagged, Reset, Revoked, Sealed
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._notes import printable
from fairlead_server.commands._wording import marker_text, words_for

STDOUT, STDERR = 1, 2

Write: TypeAlias = Callable[[int, bytes], None]


class Display(Protocol):
    """Shows items of logs, in the order of the calls."""

    def show(self, stream: str, item: Item) -> None:
        """Shows one item."""

    def note(self, text: str) -> None:
        """Says something about what is shown."""

    def failed(self, uri: str, text: str) -> None:
        """The error that ends it; the text itself is printed by whoever prints all of them."""


class Plain:
    """Shows one log as it was written."""

    def __init__(self, write: Write, *, is_followed: bool) -> None:
        self._write = write
        self._is_followed = is_followed

    def show(self, stream: str, item: Item) -> None:
        """Shows one item."""
        if isinstance(item, Batch):
            self._batch(item)
        elif words := words_for(stream, item, is_followed=self._is_followed):
            self.note(words)

    def note(self, text: str) -> None:
        """Says something."""
        self._write(STDERR, note_line(text))

    def failed(self, uri: str, text: str) -> None:
        """Nothing but the text."""

    def _batch(self, batch: Batch) -> None:
        parts: list[bytes] = []
        target = STDOUT
        for _, source, text, flags in batch.records:
            to = descriptor_of(source, flags)
            if to != target:
                self._write_some(target, parts)
                target = to
            parts.append(note_line(marker_text(str(text))) if flags & MARKER else _line(text, flags))
        self._write_some(target, parts)

    def _write_some(self, descriptor: int, parts: list[bytes]) -> None:
        if parts:
            self._write(descriptor, b"".join(parts))
            parts.clear()


class Json:
    """Shows items as JSON, one document a line."""

    def __init__(self, write: Write, *, names_streams: bool) -> None:
        self._write = write
        self._names_streams = names_streams

    def show(self, stream: str, item: Item) -> None:
        """Shows one item."""
        named = {"stream": stream} if self._names_streams else {}
        if isinstance(item, Batch):
            numbered = zip(item.seqs, item.records, strict=True)
            self._documents([{**named, **document(seq, *record)} for seq, record in numbered])
        elif not isinstance(item, Head):
            self._documents([{**named, type(item).__name__.lower(): _named(item)}])

    def note(self, text: str) -> None:
        """Says something, beside the documents."""
        self._write(STDERR, note_line(text))

    def failed(self, uri: str, text: str) -> None:
        """The error as a document."""
        self._documents([{"error": {"uri": uri, "text": text}}])

    def _documents(self, documents: list[dict[str, Any]]) -> None:
        if not documents:
            return
        lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in documents]
        self._write(STDOUT, "".join(lines).encode(errors="surrogatepass"))


def descriptor_of(source: str, flags: int) -> int:
    """Where a record goes; markers are about the log, not of a source."""
    return STDOUT if source == "stdout" and not flags & MARKER else STDERR


def note_line(text: str) -> bytes:
    """A note, as all of this command's."""
    return f"fairlead: {printable(text)}\n".encode()


def data_of(text: str | bytes) -> bytes:
    """What the command wrote."""
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _line(text: str | bytes, flags: int) -> bytes:
    data = data_of(text)
    return data if flags & PARTIAL else data + b"\n"


def document(seq: int, time_us: int, source: str, text: str | bytes, flags: int) -> dict[str, Any]:
    """A record as JSON."""
    shown = {"text": text} if isinstance(text, str) else {"base64": base64.b64encode(text).decode()}
    return {"seq": seq, "time_us": time_us, "source": source, **shown, "flags": flags}


def _named(item: Lagged | Corrupt | Reset | Sealed | Revoked) -> dict[str, Any]:
    names = {"start": "from", "stop": "to"}
    return {names.get(name, name): value for name, value in item._asdict().items()}
