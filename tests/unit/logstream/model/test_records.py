"""Records: what is accepted, what it becomes, and what a refusal says."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.model.records import (
    BATCH_LIMIT_BYTES,
    CARRIAGE_RETURN,
    MARKER,
    PARTIAL,
    TEXT_LIMIT_BYTES,
    Record,
    decode_records,
    joined,
    marker,
    pieces,
    split,
)
from fairlead_router import InvalidArgument


def canonical(*records: list[Any]) -> list[Any]:
    """What is stored for these records as a client writes them in JSON."""
    return [
        record for piece in pieces(decode_records(msgspec.json.encode(records))) for record in json.loads(piece.data)
    ]


def binary(content: bytes) -> str:
    return "\0" + base64.b64encode(content).decode()


def test_an_ordinary_line_stays_as_it_is() -> None:
    assert canonical([5, "stdout", "hello é\u2028", PARTIAL]) == [[5, "stdout", "hello é\u2028", PARTIAL]]


def test_pieces_know_their_count_and_times() -> None:
    (piece,) = pieces([Record(7, "a", "x", 0), Record(3, "a", "y", 0), Record(5, "a", "z", 0)])
    assert (piece.count, piece.min_time_us, piece.max_time_us) == (3, 3, 7)
    assert pieces([]) == []


def test_invalid_utf_8_survives_as_binary() -> None:
    ((_, _, text, _),) = canonical([1, "stdout", binary(b"\xff\xfe"), 0])
    assert text == binary(b"\xff\xfe")
    assert Record(1, "stdout", text, 0).text_or_bytes == b"\xff\xfe"


def test_a_text_that_begins_with_nul_is_binary() -> None:
    assert canonical([1, "stdout", binary(b"\0abc"), 0])[0][2] == binary(b"\0abc")


def test_binary_that_is_text_becomes_text() -> None:
    """Readers get the same, whatever the writer chose."""
    assert canonical([1, "stdout", binary("zwölf".encode()), 0])[0][2] == "zwölf"
    assert canonical([1, "stdout", binary(b"a\0b"), 0])[0][2] == "a\0b"
    assert canonical([1, "stdout", binary(b""), 0])[0][2] == ""


def test_a_carriage_return_is_flagged_in_text_and_in_binary() -> None:
    first, second, third = canonical([1, "o", "10%\r20%", 0], [1, "o", binary(b"\xff\r"), 0], [1, "o", "C:\\run", 0])
    assert first[3] == second[3] == CARRIAGE_RETURN
    assert third[3] == 0


def test_unknown_flags_are_kept() -> None:
    assert canonical([1, "o", "x", 64])[0][3] == 64


def test_a_text_of_control_characters_is_kept_in_its_shorter_form() -> None:
    """In JSON each of them takes six bytes; no record may be too large for an answer."""
    text = "\x01" * TEXT_LIMIT_BYTES
    (piece,) = pieces([Record(1, "o", text, 0)])
    assert len(piece.data) < 128 << 10
    assert decode_records(piece.data)[0].text_or_bytes == text.encode()


@pytest.mark.parametrize(
    "text",
    ["x" * (TEXT_LIMIT_BYTES + 1), "é" * (TEXT_LIMIT_BYTES // 2 + 1), binary(b"\xff" * (TEXT_LIMIT_BYTES + 1))],
)
def test_a_longer_line_must_be_cut(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"records\[1\] has a text of 6553\d bytes: at most 65536.*partial"):
        canonical([1, "o", "x", 0], [1, "o", text, 0])


def test_large_batches_are_cut_and_nothing_is_lost() -> None:
    records = [Record(index, "o", "x" * (index * 37 % 3000), 0) for index in range(500)]
    expected = [record.text for record in records]
    cut = pieces(records)
    assert all(len(piece.data) <= BATCH_LIMIT_BYTES for piece in cut)
    assert [record.text for piece in cut for record in decode_records(piece.data)] == expected
    assert sum(piece.count for piece in cut) == 500
    assert (cut[0].min_time_us, cut[-1].max_time_us) == (0, 499)


def test_a_marker_says_its_facts_in_json() -> None:
    record = marker(9, lost=3, producer="p")
    assert (record.time_us, record.source, record.flags) == (9, "fairlead", MARKER)
    assert json.loads(record.text) == {"lost": 3, "producer": "p"}


@pytest.mark.parametrize(
    ("records", "text"),
    [
        (
            {"a": 1},
            r"records is {'a': 1}: Expected `array`, got `object`; a record is \[time_us, source,",
        ),
        ([[1, "o", "x", 0], 7], r"records\[1\] is 7: Expected `array`, got `int`"),
        ([[1, "o", "x"]], r"records\[0\] is \[1, 'o', 'x'\]: Expected `array` of at least length 4, got 3"),
        ([[1, "o", "x", 0], [1, "o", 7, 0]], r"records\[1\] text is 7: Expected `str`, got `int`"),
        ([["1", "o", "x", 0]], r"records\[0\] time_us is '1': Expected `int`, got `str`"),
        ([[-1, "o", "x", 0]], r"records\[0\] time_us is -1: Expected `int` >= 0"),
        ([[2**53 + 1, "o", "x", 0]], r"records\[0\] time_us is 9007199254740993: Expected `int` <= 9007199254740992"),
        ([[1.5, "o", "x", 0]], r"records\[0\] time_us is 1\.5: Expected `int`, got `float`"),
        ([[1, "", "x", 0]], r"records\[0\] source is '': Expected `str` of length >= 1"),
        ([[1, "s" * 65, "x", 0]], r"records\[0\] source is 's+\.\.\.: Expected `str` of length <= 64"),
        ([[1, "o", "x", -1]], r"records\[0\] flags is -1: Expected `int` >= 0"),
        ([[1, "o", None, 0]], r"records\[0\] text is None: Expected `str`, got `null`"),
    ],
)
def test_a_wrong_record_is_named_with_value_and_rule(records: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        decode_records(msgspec.json.encode(records))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ([1, "o", "\0not base64!", 0], r"records\[0\] has a text that begins with U\+0000 and is not base64"),
        ([1, "a\0", "x", 0], r"records\[0\] has the source 'a\\x00': U\+0000 is not allowed"),
        ([1, "o", "no json", MARKER], r"records\[0\] is a marker .* 'no json' is not JSON"),
    ],
)
def test_what_the_types_cannot_say_is_checked(record: list[Any], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        canonical(record)


@pytest.mark.parametrize(
    "data", [b"[[1,", b'[[1,"o","\xff",0]]', b'[[1,"o","\\ud800",0]]', b"[" * 5000, b'[[1,"o",7,0],']
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="records cannot be read"):
        decode_records(data)


def test_arrays_are_split_and_joined() -> None:
    first, second = b'[[1,"o","a",0],[2,"o","],[",0]]', b'[[3,"o","c",0]]'
    assert split(first) == [b'[1,"o","a",0]', b'[2,"o","],[",0]']
    assert joined([first, second]) == first[:-1] + b"," + second[1:]
    assert joined([second]) == second


@given(st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 5)), min_size=1, max_size=50))
def test_bytes_are_kept_exactly(contents: list[tuple[bytes, int]]) -> None:
    """Whatever a program prints comes out as it went in, as text or as bytes."""
    given_records = [[index, "o", binary(content), flags & PARTIAL] for index, (content, flags) in enumerate(contents)]
    kept = [Record(*record).text_or_bytes for record in canonical(*given_records)]
    assert [text if isinstance(text, bytes) else text.encode() for text in kept] == [content for content, _ in contents]
    assert not any(isinstance(text, str) and text.startswith("\0") for text in kept)
