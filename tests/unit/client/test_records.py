"""Records of what a program hands over as a whole."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from fairlead_client import ClientError
from fairlead_client import records as module
from fairlead_client.records import LONGEST_TEXT_BYTES, MARKER, PARTIAL, Record, records_of


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_each_line_of_a_text_is_a_record() -> None:
    assert records_of("app", "one\ntwo\n", 7) == [(7, "app", "one", 0), (7, "app", "two", 0)]
    assert records_of("app", "one", 7) == [(7, "app", "one", 0)]
    assert records_of("app", "", 7) == [(7, "app", "", 0)]


def test_partial_is_said_of_the_last_line_only() -> None:
    assert [flags for *_, flags in records_of("app", "one\ntwo", 0, PARTIAL)] == [0, PARTIAL]
    assert [flags for *_, flags in records_of("app", "one\ntwo\n", 0, PARTIAL)] == [0, 0]


def test_a_long_text_comes_in_parts() -> None:
    records = records_of("app", "x" * (LONGEST_TEXT_BYTES + 1), 0)
    assert [(len(text), flags) for _, _, text, flags in records] == [(LONGEST_TEXT_BYTES, PARTIAL), (1, 0)]


def test_a_text_that_utf8_cannot_hold_is_bytes() -> None:
    assert records_of("app", "\ud800", 0)[0][2] == b"\xed\xa0\x80"


@pytest.mark.parametrize(
    ("source", "text", "time_us", "flags", "complaint"),
    [
        ("", "x", 0, 0, "source is text of 1 to 64 characters, without U\\+0000 and surrogates, not ''"),
        ("s" * 65, "x", 0, 0, "source"),
        ("a\0b", "x", 0, 0, "source"),
        ("\ud800", "x", 0, 0, "source"),
        (5, "x", 0, 0, "source"),
        ("app", 5, 0, 0, "text is str or bytes, not int"),
        ("app", "x", -1, 0, "time_us is an integer from 0 to 9007199254740992, not -1"),
        ("app", "x", 1.5, 0, "time_us"),
        ("app", "x", 0, -1, "flags"),
        ("app", "no json", 0, MARKER, "one line of JSON, not 'no json'"),
        ("app", "{\n}", 0, MARKER, "JSON"),
        ("app", b"{}", 0, MARKER, "JSON"),
    ],
)
def test_what_the_service_would_refuse_is_an_error_of_who_writes_it(
    source: Any, text: Any, time_us: Any, flags: int, complaint: str
) -> None:
    with pytest.raises((ClientError, TypeError), match=complaint):
        records_of(source, text, time_us, flags)


def test_a_marker_of_json_is_taken() -> None:
    assert records_of("app", '{"attempt": 2}', 0, MARKER) == [(0, "app", '{"attempt": 2}', MARKER)]


def test_a_record_says_what_it_is() -> None:
    assert Record(0, 0, "app", "", 1).is_partial
    assert Record(0, 0, "app", "{}", 2).is_marker
    assert not Record(0, 0, "app", "", 4).is_partial
