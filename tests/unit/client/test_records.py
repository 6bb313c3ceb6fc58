"""Records of what a program hands over as a whole."""

from __future__ import annotations

import doctest

from fairlead_client import records as module
from fairlead_client.records import LONGEST_TEXT_BYTES, PARTIAL, Record, records_of


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


def test_a_record_says_what_it_is() -> None:
    assert Record(0, 0, "app", "", 1).is_partial
    assert Record(0, 0, "app", "{}", 2).is_marker
    assert not Record(0, 0, "app", "", 4).is_partial
