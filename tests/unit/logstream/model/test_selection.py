"""Filters: what they let pass, checked against looking at each record."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.records import Record, decode_records, pieces
from fairlead_logstream.model.selection import Filter, Selection, Selections, nothing, together
from unit.logstream.fakes import NOW_US, batch_of

SOURCES = ("stdout", "stderr", 'q"\\')


def a_batch(records: list[Record], first: int = 10) -> Batch:
    (piece,) = pieces(records)
    return Batch(first, piece.count, (piece.min_time_us, piece.max_time_us), 7, 1, piece.data)


def a_record(text: str | bytes, source: str = "stdout", time_us: int = NOW_US) -> Record:
    written = text if isinstance(text, str) else "\0" + base64.b64encode(text).decode()
    return Record(time_us, source, written, 0)


def found(wanted: Filter, batch: Batch) -> list[int]:
    selection = wanted.select(batch)
    return [] if selection is None else list(selection.seqs)


def test_a_selection_has_the_numbers_of_its_records() -> None:
    batch = a_batch([a_record("a"), a_record("b", "stderr"), a_record("c")])
    selection = Filter(frozenset({"stdout"})).select(batch)
    assert selection is not None
    assert selection.result.args == [
        {
            "first": 10,
            "records": [[NOW_US, "stdout", "a", 0], [NOW_US, "stdout", "c", 0]],
            "seqs": [10, 12],
            "next": 13,
            "epoch": 7,
        }
    ]
    assert selection.result.kwargs_bytes == b"{}"


def test_a_batch_that_passes_whole_is_not_written_anew() -> None:
    batch = a_batch([a_record("a"), a_record("b")])
    selection = Filter(frozenset({"stdout"})).select(batch)
    assert selection is not None
    assert selection.records is batch.records


@pytest.mark.parametrize(
    "wanted",
    [Filter(frozenset({"stderr"})), Filter(text="needle"), Filter(since=NOW_US + 9), Filter(until=NOW_US)],
)
def test_what_cannot_pass_is_not_decoded(wanted: Filter) -> None:
    unreadable = Batch(0, 1, (NOW_US, NOW_US), 7, 1, b"[nothing that could be decoded]")
    assert wanted.select(unreadable) is None


def test_a_text_that_is_the_name_of_a_source_is_not_of_that_source() -> None:
    assert found(Filter(frozenset({"stderr"})), a_batch([a_record("stderr"), a_record(',"stderr",')])) == []


def test_the_end_of_the_time_is_left_out() -> None:
    batch = a_batch([a_record(str(time), time_us=time) for time in (5, 3, 5, 4, 6)])
    assert found(Filter(since=4, until=6), batch) == [10, 12, 13]


@pytest.mark.parametrize(
    ("needle", "text", "is_found"),
    [
        ("b", "abc", True),
        ("B", "abc", False),
        ("\n", "a\nb", True),
        ("n", "a\nb", False),  # the letter of the escape
        ('"', 'say "hi"', True),
        ("\\", "a\\b", True),
        ("u001b", "\x1b[0m", False),
        ("é", "café", True),
        ("stdout", "nothing", False),  # only the source
        ("invalid \N{GRINNING FACE}", "invalid \N{GRINNING FACE}!", True),
        ("bin", b"\xff bin", True),
        ("\xff", b"\xff bin", False),
        ("AGJpbg", b"\0bin", False),  # its base64
        ("bin", b"\0bin", True),
    ],
)
def test_text_is_found_as_it_is_not_as_it_is_written(needle: str, text: str | bytes, is_found: bool) -> None:
    assert found(Filter(text=needle), a_batch([a_record(text)])) == [10] * is_found


@pytest.mark.parametrize(
    ("needle", "text", "is_found"),
    [
        ("ERROR", "an error", True),
        ("error", "an ERROR", True),
        ("STRASSE", "straße", True),
        ("k", "\N{KELVIN SIGN}", True),
        ("\x1bA", "\x1ba", True),
        ("BIN", b"\xff bin", True),
        ("U001B", "\x1b", False),
    ],
)
def test_case_may_be_ignored(needle: str, text: str | bytes, is_found: bool) -> None:
    assert found(Filter(text=needle, ignore_case=True), a_batch([a_record(text)])) == [10] * is_found


texts = st.one_of(
    st.text(alphabet='aAbkKs\N{KELVIN SIGN}ßS"\\\n\r\x1b\0éÉ\u2028', max_size=6),
    st.binary(max_size=6).map(lambda content: b"\xff" + content),
)
records = st.lists(
    st.builds(a_record, texts, st.sampled_from(SOURCES), st.integers(0, 5)),
    min_size=1,
    max_size=6,
)
filters = st.builds(
    Filter,
    sources=st.none() | st.frozensets(st.sampled_from([*SOURCES, "other"]), min_size=1),
    since=st.none() | st.integers(0, 6),
    until=st.none() | st.integers(0, 6),
    text=st.none() | st.text(alphabet='aAbkKsß"\\\nu0\x1bé', min_size=1, max_size=3),
    ignore_case=st.booleans(),
)


@given(st.data())
def test_a_filter_finds_what_looking_at_each_record_finds(data: st.DataObject) -> None:
    given_records = [record for record in data.draw(records) if not record.text.startswith("\0\0")]
    readable = [record for record in given_records if _is_valid(record.text)]
    if not readable:
        return
    batch, wanted = a_batch(readable), data.draw(filters)
    expected = [10 + index for index, record in enumerate(decode_records(batch.records)) if _passes(wanted, record)]
    selection = wanted.select(batch)
    assert (list(selection.seqs) if selection else []) == expected
    if selection is not None:
        every = [bytes(raw) for raw in msgspec.json.decode(batch.records, type=list[msgspec.Raw])]
        assert selection.records == b"[" + b",".join(every[seq - 10] for seq in expected) + b"]"


def _is_valid(text: str) -> bool:
    if not text.startswith("\0"):
        return True
    try:
        base64.b64decode(text[1:], validate=True)
    except ValueError:
        return False
    return True


def _passes(wanted: Filter, record: Record) -> bool:
    content = record.text_or_bytes
    if isinstance(content, bytes):
        content = content.decode(errors="surrogateescape")
    needle = wanted.text or ""
    return (
        (wanted.sources is None or record.source in wanted.sources)
        and (wanted.since is None or record.time_us >= wanted.since)
        and (wanted.until is None or record.time_us < wanted.until)
        and (needle.casefold() in content.casefold() if wanted.ignore_case else needle in content)
    )


# ---- parts and sums


def a_selection() -> Selection:
    batch = a_batch([a_record(text, source) for text, source in zip("abcde", "xyxyx", strict=True)])
    selection = Filter(frozenset({"x"})).select(batch)
    assert selection is not None
    return selection


@pytest.mark.parametrize(
    ("limit_count", "seqs", "following"), [(1, [10], 12), (2, [10, 12], 14), (3, [10, 12, 14], 15)]
)
def test_a_cut_goes_on_at_the_first_record_that_was_cut_off(limit_count: int, seqs: list[int], following: int) -> None:
    cut = a_selection().within(limit_count, 1000)
    assert (list(cut.seqs), cut.first, cut.next) == (seqs, 10, following)
    assert len(msgspec.json.decode(cut.records)) == len(seqs)


def test_a_cut_leaves_at_least_one() -> None:
    assert list(a_selection().within(5, 1).seqs) == [10]


def test_selections_go_together() -> None:
    second = Filter().select(batch_of(20, "f"))
    assert second is not None
    both = together(a_selection(), second)
    assert (both.first, both.next, list(both.seqs)) == (10, 21, [10, 12, 14, 20])
    assert [record[2] for record in msgspec.json.decode(both.records)] == ["a", "c", "e", "f"]
    after_nothing = together(nothing(5, 10, 7), a_selection())
    assert (after_nothing.first, list(after_nothing.seqs)) == (5, [10, 12, 14])


def test_followers_that_want_the_same_share_one_selection() -> None:
    selections, batch, wanted = Selections(), batch_of(3, "a", "b"), Filter(text="a")
    first = selections.select(wanted, batch, 1)
    assert first is not None
    assert first is selections.select(Filter(text="a"), batch, 1)
    assert first.first == 1
    other: Any = selections.select(Filter(text="b"), batch, 3)
    assert list(other.seqs) == [4]
    assert selections.select(Filter(text="z"), batch, 3) is None
