"""Repetitions, gaps, fencing and units: L3 without any I/O."""

from __future__ import annotations

import pytest

from fairlead_logstream.errors import Fenced, Gap
from fairlead_logstream.model.rows import Producer
from fairlead_router import InvalidArgument, LimitExceeded
from unit.logstream.fakes import append_of
from unit.logstream.model.drafting import change_of, draft_of, markers_of, standings, stands, stream_at, texts_stored

# ---- idempotence


@pytest.mark.parametrize(
    ("seq", "texts", "stored"),
    [(3, "de", "de"), (2, "cde", "de"), (0, "abcde", "de"), (0, "abc", ""), (1, "b", "")],
)
def test_what_is_stored_already_is_cut_off(seq: int, texts: str, stored: str) -> None:
    draft = draft_of(stream_at(10, p=Producer(0, 3)))
    assert draft.append(append_of(*texts, producer="p", seq=seq))[:2] == (10, 10 + len(stored))
    assert texts_stored(draft) == list(stored)
    assert stands(draft, "p") == (0, 3 + len(stored))


def test_a_cut_reaches_across_pieces() -> None:
    texts = [str(index) * 3000 for index in range(60)]
    draft = draft_of(stream_at(0, p=Producer(0, 37)))
    draft.append(append_of(*texts, producer="p", seq=0))
    assert texts_stored(draft) == texts[37:]


def test_a_repetition_in_the_same_write_is_stored_once() -> None:
    draft = draft_of(stream_at())
    assert draft.append(append_of("a", "b", producer="p", seq=0))[:2] == (0, 2)
    assert draft.append(append_of("a", "b", producer="p", seq=0))[:2] == (2, 2)
    assert draft.append(append_of("b", "c", producer="p", seq=1))[:2] == (2, 3)
    assert texts_stored(draft) == ["a", "b", "c"]


def test_producers_do_not_disturb_each_other() -> None:
    draft = draft_of(stream_at())
    draft.append(append_of("a", producer="p", seq=0))
    draft.append(append_of("x", producer="q", seq=0))
    draft.append(append_of("b", producer="p", seq=1))
    draft.append(append_of("n"))
    assert texts_stored(draft) == ["a", "x", "b", "n"]
    assert standings(change_of(draft).producers) == {"p": (0, 2), "q": (0, 1)}


def test_without_seq_a_producer_goes_on_where_it_stands() -> None:
    draft = draft_of(stream_at(0, p=Producer(0, 5)))
    draft.append(append_of("a", "b", producer="p"))
    draft.append(append_of("c", producer="p", seq=7))
    assert stands(draft, "p") == (0, 8)


# ---- gaps and losses


def test_a_gap_is_refused_with_the_expected_number() -> None:
    draft = draft_of(stream_at(0, p=Producer(2, 5)))
    with pytest.raises(Gap, match="producer 'p' of stream 's' goes on at 5, not at 7") as caught:
        draft.append(append_of("a", producer="p", term=2, seq=7))
    assert caught.value.details == {"expected": 5, "term": 2}
    assert caught.value.uri == "fairlead.error.gap"
    assert draft.is_empty


def test_lost_records_are_skipped_behind_a_marker() -> None:
    draft = draft_of(stream_at(5, p=Producer(0, 5)))
    assert draft.append(append_of("h", producer="p", seq=7, lost=2))[:2] == (5, 7)
    assert markers_of(draft) == [{"lost": 2, "producer": "p"}]
    assert texts_stored(draft) == ["h"]
    assert stands(draft, "p") == (0, 8)


def test_a_repeated_loss_is_marked_once() -> None:
    stream = stream_at(5, p=Producer(0, 5))
    first = draft_of(stream)
    first.append(append_of("h", producer="p", seq=7, lost=2))
    stream.adopt(change_of(first), first.head)
    again = draft_of(stream)
    assert again.append(append_of("h", producer="p", seq=7, lost=2))[:2] == (7, 7)
    assert again.is_empty


def test_the_marker_counts_what_is_missing_not_what_the_writer_thinks() -> None:
    draft = draft_of(stream_at(0, p=Producer(0, 5)))
    draft.append(append_of("h", producer="p", seq=7, lost=4))
    assert markers_of(draft) == [{"lost": 2, "producer": "p"}]


def test_a_loss_that_does_not_cover_the_gap_is_refused() -> None:
    with pytest.raises(Gap):
        draft_of(stream_at(0, p=Producer(0, 5))).append(append_of("h", producer="p", seq=9, lost=3))


def test_a_loss_without_records_or_producer_is_marked_too() -> None:
    draft = draft_of(stream_at(0, p=Producer(0, 5)))
    assert draft.append(append_of(producer="p", seq=9, lost=4))[:2] == (0, 1)
    assert draft.append(append_of("x", lost=3))[:2] == (1, 3)
    assert markers_of(draft) == [{"lost": 4, "producer": "p"}, {"lost": 3}]
    assert stands(draft, "p") == (0, 9)


# ---- a producer that the stream does not know


def test_a_first_append_at_0_is_plain() -> None:
    draft = draft_of(stream_at())
    draft.append(append_of("a", producer="p", term=3, seq=0))
    assert markers_of(draft) == []
    assert stands(draft, "p") == (3, 1)


def test_a_first_append_without_records_is_kept() -> None:
    draft = draft_of(stream_at())
    assert draft.append(append_of(producer="p", term=2, seq=0))[:2] == (0, 0)
    assert standings(change_of(draft).producers) == {"p": (2, 0)}


def test_a_first_append_at_any_number_comes_behind_a_marker() -> None:
    draft = draft_of(stream_at())
    assert draft.append(append_of("a", producer="p", seq=500))[:2] == (0, 2)
    assert markers_of(draft) == [{"lost": 500, "producer": "p"}]
    assert stands(draft, "p") == (0, 501)


def test_what_was_sent_behind_a_failed_first_append_is_not_the_first() -> None:
    """Two pipelined appends, and the write of the first fails: the second does not make its records "stored"."""
    stream = stream_at()
    first, second = append_of("a", producer="p", seq=0), append_of("b", producer="p", seq=1)
    stream.offered(first)
    draft_of(stream).append(first)  # and is never adopted
    stream.offered(second)
    with pytest.raises(Gap) as caught:
        draft_of(stream).append(second)
    assert caught.value.details["expected"] == 0

    draft = draft_of(stream)
    draft.append(first)
    draft.append(second)
    stream.adopt(change_of(draft), draft.head)
    assert stream.first_offered == {}
    assert texts_stored(draft) == ["a", "b"]


def test_producers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead_logstream.model.stream.PRODUCERS_LIMIT", 3)
    stream = stream_at(0, a=Producer(0, 1), b=Producer(0, 1))
    draft = draft_of(stream)
    draft.append(append_of("x", producer="c", seq=0))
    with pytest.raises(LimitExceeded, match="has 3 producers already"):
        draft.append(append_of("x", producer="d", seq=0))
    draft.append(append_of("y", producer="a", seq=1))
    for name in "cde":
        stream.offered(append_of("x", producer=name, seq=0))
    stream.offered(append_of("x", producer="e", seq=0))
    with pytest.raises(LimitExceeded):
        stream.offered(append_of("x", producer="f", seq=0))


@pytest.mark.parametrize("about", [{"seq": 2**53}, {"lost": 2**53 - 5}])
def test_a_producer_ends_at_2_53(about: dict[str, int]) -> None:
    draft = draft_of(stream_at(0, p=Producer(0, 5)))
    with pytest.raises(InvalidArgument, match=r"beyond 2\^53 records"):
        draft.append(append_of("x", producer="p", **{"lost": 2**53, **about}))
    assert draft.is_empty


# ---- terms


def test_a_stale_term_is_fenced_off() -> None:
    draft = draft_of(stream_at(0, p=Producer(2, 5)))
    with pytest.raises(Fenced) as caught:
        draft.append(append_of("a", producer="p", term=1, seq=5))
    assert caught.value.details == {"expected": 5, "term": 2}
    with pytest.raises(Fenced):
        draft.append(append_of("a", producer="p", term=1))


def test_a_higher_term_takes_over_where_the_last_one_stood() -> None:
    draft = draft_of(stream_at(0, p=Producer(2, 5)))
    draft.append(append_of("f", producer="p", term=3, seq=5))
    assert stands(draft, "p") == (3, 6)
    with pytest.raises(Fenced):
        draft.append(append_of("g", producer="p", term=2, seq=6))


def test_a_higher_term_that_counts_anew_is_refused_not_taken_for_a_repetition() -> None:
    with pytest.raises(Gap) as caught:
        draft_of(stream_at(0, p=Producer(2, 5))).append(append_of("other", producer="p", term=3, seq=0))
    assert caught.value.details == {"expected": 5, "term": 2}


def test_an_empty_append_of_a_higher_term_fences_at_once() -> None:
    draft = draft_of(stream_at(0, p=Producer(2, 5)))
    assert draft.append(append_of(producer="p", term=3, seq=5))[:2] == (0, 0)
    assert not draft.is_empty
    assert standings(change_of(draft).producers) == {"p": (3, 5)}
    assert change_of(draft).batches == []
