"""What is left of an append whose beginning is stored already, in records and in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.model.append import Append, first_records, source_size, without_first
from fairlead_logstream.model.records import CARRIAGE_RETURN, PARTIAL, Piece, decode_records, pieces
from fairlead_logstream.model.rows import BYTES, RECORDS
from unit.logstream.fakes import lines
from unit.logstream.sources import records_of_source, source_of


def texts(given_pieces: list[Piece]) -> list[str]:
    return [record.text for piece in given_pieces for record in decode_records(piece.data)]


def binary(content: bytes, flags: int = 0) -> list[Piece]:
    return pieces(records_of_source([(content, flags)]))


@pytest.mark.parametrize(("cut", "left"), [(0, "abc"), (1, "bc"), (3, ""), (9, "")])
def test_records_are_cut_off_whole(cut: int, left: str) -> None:
    assert texts(without_first(pieces(lines(*"abc")), cut, RECORDS)) == list(left)


@pytest.mark.parametrize(
    ("cut", "left"),
    [(0, ["ab", "ü"]), (1, ["b", "ü"]), (2, ["", "ü"]), (3, ["ü"]), (4, ["\0vA=="]), (5, [""]), (6, []), (7, [])],
)
def test_bytes_are_cut_off_inside_a_record_too(cut: int, left: list[str]) -> None:
    """Behind a text is its newline; a character of two bytes, cut in its middle, is binary."""
    assert texts(without_first(pieces(lines("ab", "ü")), cut, BYTES)) == left


def test_a_part_has_no_newline() -> None:
    assert Append(binary(b"ab", PARTIAL)).span(BYTES) == 2
    assert Append(binary(b"ab")).span(BYTES) == 3
    assert Append(binary(b"\xff\0", PARTIAL)).span(BYTES) == 2
    assert Append(binary(b"ab")).span(RECORDS) == 1


def test_what_is_left_of_a_record_keeps_its_flags_and_looks_for_its_carriage_returns_again() -> None:
    (left,) = without_first(binary(b"10%\r20%", PARTIAL), 4, BYTES)
    assert decode_records(left.data)[0].flags == PARTIAL
    (left,) = without_first(binary(b"10%\r20%", PARTIAL), 3, BYTES)
    assert decode_records(left.data)[0].flags == PARTIAL | CARRIAGE_RETURN


@pytest.mark.parametrize("count", [0, 1, 20, 37, 60, 70])
def test_the_first_records_are_taken_across_pieces(count: int) -> None:
    lines_given = [str(index) * 3000 for index in range(60)]
    assert texts(first_records(pieces(lines(*lines_given)), count)) == lines_given[:count]


@given(st.lists(st.tuples(st.binary(max_size=12), st.sampled_from([0, PARTIAL]))), st.integers(0, 60))
def test_cutting_bytes_off_the_records_is_cutting_them_off_the_source(parts: list[tuple[bytes, int]], cut: int) -> None:
    whole = source_of(records_of_source(parts))
    given_pieces = pieces(records_of_source(parts))
    left = [record for piece in without_first(given_pieces, cut, BYTES) for record in decode_records(piece.data)]
    assert source_of(left) == whole[cut:]
    assert sum(source_size(record) for record in left) == max(0, len(whole) - cut)
