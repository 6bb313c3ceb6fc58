"""An append as it was sent, and what is left of it when its beginning is stored already.

A producer counts its records, or the bytes of its source. A record is the bytes of its text there, and one more for
its newline unless it is partial; so an agent that knows its position in a file may split the lines anew after a
restart, anywhere, and what is stored already is cut off inside a record too.
"""

from __future__ import annotations

import base64

import msgspec

from fairlead_logstream.model.records import CARRIAGE_RETURN, PARTIAL, Piece, Record, decode_records, pieces
from fairlead_logstream.model.rows import BYTES, RECORDS


class Append(msgspec.Struct, frozen=True):
    """Records in canonical form; without a producer there is no repetition and no gap.

    `seq` and `lost` are in the producer's `unit`. Without `seq` it goes on where it stands, in the unit that it has.
    """

    pieces: list[Piece]
    producer: str | None = None
    term: int = 0
    seq: int | None = None
    lost: int = 0
    unit: int = RECORDS

    @property
    def count(self) -> int:
        """Records sent."""
        return sum(piece.count for piece in self.pieces)

    @property
    def size(self) -> int:
        """Bytes in canonical form."""
        return sum(len(piece.data) for piece in self.pieces)

    def span(self, unit: int) -> int:
        """By how much the producer's number grows."""
        if unit == RECORDS:
            return self.count
        return sum(source_size(record) for piece in self.pieces for record in decode_records(piece.data))


def source_size(record: Record) -> int:
    """The bytes that a record is in its producer's source."""
    content = record.text_or_bytes
    size = len(content.encode() if isinstance(content, str) else content)
    return size if record.flags & PARTIAL else size + 1


def first_records(given: list[Piece], count: int) -> list[Piece]:
    """Only so many of the records."""
    kept: list[Piece] = []
    for piece in given:
        if count >= piece.count:
            kept.append(piece)
        elif count > 0:
            kept += pieces(decode_records(piece.data)[:count])
        count -= piece.count
    return kept


def without_first(given: list[Piece], cut: int, unit: int) -> list[Piece]:
    """The records behind those that are stored already, which are so many records or bytes."""
    if cut == 0:
        return given
    return _without_bytes(given, cut) if unit == BYTES else _without_records(given, cut)


def _without_records(given: list[Piece], count: int) -> list[Piece]:
    left: list[Piece] = []
    for piece in given:
        if count < piece.count:
            left += pieces(decode_records(piece.data)[count:]) if count else [piece]
        count = max(0, count - piece.count)
    return left


def _without_bytes(given: list[Piece], cut: int) -> list[Piece]:
    records = [record for piece in given for record in decode_records(piece.data)]
    for index, record in enumerate(records):
        size = source_size(record)
        if cut < size:
            return pieces([_rest(record, cut), *records[index + 1 :]])
        cut -= size
    return []


def _rest(record: Record, cut: int) -> Record:
    """What follows the first bytes of a record; its newline alone is an empty line, which ends the part before it."""
    if cut == 0:
        return record
    content = record.text_or_bytes
    rest = (content.encode() if isinstance(content, str) else content)[cut:]
    # As binary: `pieces` makes text of it where it is text, and looks for `\r` again.
    text = "\0" + base64.b64encode(rest).decode()
    return Record(record.time_us, record.source, text, record.flags & ~CARRIAGE_RETURN)
