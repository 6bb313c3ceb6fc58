"""What an append, a seal and an attempt do to a stream: L2 and L7 without any I/O."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.errors import AttemptOutOfTurn, StreamSealed
from fairlead_logstream.model.attempts import Attempt
from fairlead_logstream.model.budget import Budget, Budgets
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.records import BATCH_LIMIT_BYTES, MARKER, Record
from fairlead_logstream.model.rows import Dropped, Producer, Sealed, State
from unit.logstream.fakes import NOW_US, append_of, texts_of
from unit.logstream.model.drafting import (
    adopted,
    change_of,
    draft_of,
    markers_of,
    records_stored,
    standings,
    stands,
    stream_at,
    texts_stored,
)

# ---- numbers


def test_records_get_the_numbers_behind_the_head() -> None:
    draft = draft_of(stream_at(10))
    assert draft.append(append_of("a", "b"))[:2] == (10, 12)
    assert draft.append(append_of("c"))[:2] == (12, 13)
    change = change_of(draft)
    assert [(batch.first, batch.next) for batch in change.batches] == [(10, 13)]
    assert texts_of(change.batches) == ["a", "b", "c"]
    assert change.batches[0].epoch == 7
    assert change.batches[0].publication == 100


def test_nothing_asked_changes_nothing() -> None:
    draft = draft_of(stream_at(3, p=Producer(0, 3)))
    assert draft.append(append_of())[:2] == (3, 3)
    assert draft.append(append_of("c", producer="p", seq=2))[:2] == (3, 3)
    assert draft.is_empty


def test_a_stream_changes_only_when_it_adopts() -> None:
    stream = stream_at()
    draft = draft_of(stream)
    draft.append(append_of("a", producer="p", seq=0))
    draft.seal(1, None)
    assert (stream.head, stream.producers, stream.sealed) == (0, {}, None)
    stream.adopt(change_of(draft), draft.head)
    assert (stream.head, standings(stream.producers), stream.sealed) == (1, {"p": (0, 1)}, Sealed(1, None, 1))


def test_many_appends_go_into_batches_of_64_kib() -> None:
    draft = draft_of(stream_at())
    for index in range(40):
        draft.append(append_of(str(index) * 4000))
    batches = change_of(draft).batches
    assert len(batches) < 10
    assert all(batch.size <= BATCH_LIMIT_BYTES + len(batches) for batch in batches)
    assert [batch.first for batch in batches[1:]] == [batch.next for batch in batches[:-1]]
    assert batches[-1].next == 40
    assert len({batch.publication for batch in batches}) == len(batches)


# ---- the end, and attempts


def test_a_sealed_stream_takes_no_records() -> None:
    stream = stream_at(4)
    draft = draft_of(stream)
    draft.append(append_of("a"))
    assert draft.seal(3, "killed") == 5
    with pytest.raises(StreamSealed, match=r"stream 's' was sealed at 5 \(exit code 3, killed\)") as caught:
        draft.append(append_of("b"))
    assert caught.value.details == {"exit_code": 3, "reason": "killed", "next": 5}
    assert change_of(draft).state == State(1, Sealed(3, "killed", 5))


def test_a_repetition_is_acknowledged_after_the_seal_as_well() -> None:
    """The acknowledgement of the last append may have been lost."""
    stream = stream_at(5, p=Producer(0, 5))
    stream.state = State(1, Sealed(0, None, 5))
    draft = draft_of(stream)
    assert draft.append(append_of("d", "e", producer="p", seq=3))[:2] == (5, 5)
    with pytest.raises(StreamSealed):
        draft.append(append_of("e", "f", producer="p", seq=4))


def test_a_seal_is_idempotent_and_never_changes() -> None:
    stream = stream_at(5)
    stream.state = State(1, Sealed(1, None, 5))
    draft = draft_of(stream)
    assert draft.seal(1, None) == 5
    assert draft.is_empty
    for values in ((0, None), (1, "why"), (None, None)):
        with pytest.raises(StreamSealed):
            draft.seal(*values)


def test_the_next_attempt_is_marked_and_reopens() -> None:
    stream = stream_at(5)
    stream.state = State(1, Sealed(1, None, 5))
    draft = draft_of(stream)
    draft.begin_attempt(2)
    assert markers_of(draft) == [{"attempt": 2}]
    assert draft.append(append_of("again"))[:2] == (6, 7)
    assert change_of(draft).state == State(2, None, attempts=(Attempt(2, 5, NOW_US),))


def test_an_attempt_begins_with_its_marker_and_ends_with_the_seal() -> None:
    stream = stream_at(5)
    draft = draft_of(stream, Budgets(stream=Budget(records=5)))
    draft.append(append_of("too much"))
    draft.begin_attempt(2)
    draft.seal(3, "killed")
    assert list(map(list, markers_of(draft))) == [["truncated"], ["attempt"]]
    assert change_of(draft).state == State(2, Sealed(3, "killed", 7), attempts=(Attempt(2, 6, NOW_US, 3, "killed"),))


def test_an_attempt_that_is_overtaken_has_no_exit_code() -> None:
    draft = draft_of(stream_at(5))
    draft.begin_attempt(2)
    draft.begin_attempt(3)
    assert draft.state.attempts == (Attempt(2, 5, NOW_US), Attempt(3, 6, NOW_US))


def test_the_same_attempt_again_changes_nothing() -> None:
    draft = draft_of(stream_at(5))
    draft.begin_attempt(1)
    assert draft.is_empty


@pytest.mark.parametrize("attempt", [3, 7])
def test_attempts_are_numbered_without_holes(attempt: int) -> None:
    with pytest.raises(AttemptOutOfTurn) as caught:
        draft_of(stream_at(5)).begin_attempt(attempt)
    assert caught.value.details == {"expected": 2}


# ---- budgets


def size_of(text: str) -> int:
    """The bytes of a record as they are stored."""
    (piece,) = append_of(text).pieces
    return len(piece.data) - len("[]")


def test_what_exceeds_a_budget_is_counted_and_not_stored() -> None:
    draft = draft_of(stream_at(), Budgets(stream=Budget(records=2)))
    told = draft.append(append_of("a", "b", "c", "d", producer="p", seq=0))
    dropped = Dropped(2, 2 * size_of("c"), "stream_size", "p")
    assert told == (0, 2, dropped)
    assert texts_stored(draft) == ["a", "b"]
    assert change_of(draft).state == State(dropped=dropped)
    assert stands(draft, "p") == (0, 4), "what is acknowledged is not sent again"


def test_what_was_dropped_is_told_before_the_next_record_that_is_stored() -> None:
    stream = stream_at()
    budgets = Budgets(producer=Budget(records_per_s=2, burst_s=1))
    first = draft_of(stream, budgets)
    first.append(append_of(*"abcde", producer="p", seq=0))
    adopted(stream, first)
    closed = draft_of(stream, budgets, NOW_US + 100_000)
    closed.append(append_of("f", producer="p", seq=5))
    adopted(stream, closed)
    again = draft_of(stream, budgets, NOW_US + 2_000_000)
    assert again.append(append_of("g", producer="p", seq=6))[:2] == (2, 4)
    assert texts_of(change_of(again).batches)[1:] == ["g"]
    truncated = {"records": 4, "bytes": 4 * size_of("c"), "reason": "producer_rate"}
    assert markers_of(again) == [{"truncated": truncated, "producer": "p"}]
    assert change_of(again).state == State()


@pytest.mark.parametrize("end", [lambda draft: draft.seal(0, None), lambda draft: draft.begin_attempt(2)])
def test_what_was_dropped_is_told_before_the_end_and_before_an_attempt(end: Callable[[Draft], object]) -> None:
    draft = draft_of(stream_at(), Budgets(stream=Budget(records=1)))
    draft.append(append_of("a", "b", "c"))
    end(draft)
    truncated = {"records": 2, "bytes": 2 * size_of("c"), "reason": "stream_size"}
    assert markers_of(draft)[0] == {"truncated": truncated}
    assert draft.state.dropped == Dropped()


def test_what_several_producers_lost_is_one_marker_without_a_name() -> None:
    draft = draft_of(stream_at(), Budgets(stream=Budget(records=1)))
    draft.append(append_of("a", "b", producer="p", seq=0))
    draft.append(append_of("c", producer="q", seq=0))
    draft.tell_dropped()
    draft.tell_dropped()
    assert markers_of(draft) == [{"truncated": {"records": 2, "bytes": 2 * size_of("c"), "reason": "stream_size"}}]


def test_a_loss_over_the_budget_is_part_of_what_was_dropped() -> None:
    """Markers of losses are records too: who announces one after the other fills no stream with them."""
    draft = draft_of(stream_at(), Budgets(stream=Budget(records=1)))
    draft.append(append_of("a", producer="p", seq=0))
    draft.append(append_of("f", producer="p", seq=5, lost=4))
    assert draft.state.dropped.records == 5
    assert markers_of(draft) == []


def test_what_was_dropped_stays_a_number_that_every_reader_has() -> None:
    draft = draft_of(stream_at(), Budgets(stream=Budget(records=1)))
    draft.append(append_of("stored"))
    dropped = [draft.append(append_of("x", lost=2**53)).dropped for _ in range(3)]
    assert [each.records for each in dropped] == [2**53] * 3
    draft.seal(0, None)
    (marker,) = markers_of(draft)
    assert marker["truncated"]["records"] == 2**53


def test_one_producer_over_its_budget_takes_nothing_from_the_others() -> None:
    draft = draft_of(stream_at(), Budgets(producer=Budget(bytes=2 * size_of("a"))))
    draft.append(append_of("a", "b", "c", producer="p", seq=0))
    draft.append(append_of("x", "y", producer="q", seq=0))
    assert texts_stored(draft) == ["a", "b", "x", "y"]


def test_a_size_counts_what_is_stored_already() -> None:
    stream = stream_at(5, p=Producer(0, 9, records=3))
    draft = draft_of(stream, Budgets(stream=Budget(records=100), producer=Budget(records=4)))
    draft.append(append_of("a", "b", producer="p", seq=9))
    assert texts_stored(draft) == ["a"]


def test_a_write_that_failed_has_spent_nothing() -> None:
    stream, budgets = stream_at(), Budgets(stream=Budget(records_per_s=1, burst_s=2))
    draft_of(stream, budgets).append(append_of("a", "b"))
    again = draft_of(stream, budgets)
    again.append(append_of("a", "b"))
    assert texts_stored(again) == ["a", "b"]
    adopted(stream, again)
    later = draft_of(stream, budgets)
    later.append(append_of("c"))
    assert texts_stored(later) == []


appends_given = st.lists(
    st.tuples(st.sampled_from("pq"), st.integers(0, 6), st.integers(0, 3_000_000), st.booleans()), max_size=25
)


@given(appends_given, st.integers(1, 8), st.integers(1, 30), st.integers(1, 20))
def test_what_is_acknowledged_is_stored_or_told(
    appends: list[tuple[str, int, int, bool]], rate: int, size: int, producer_size: int
) -> None:
    """Over failing writes too: records sent = records stored + records in truncated markers."""
    budgets = Budgets(Budget(records_per_s=rate, burst_s=1, records=size), Budget(records=producer_size))
    stream, now_us = stream_at(), NOW_US
    sent = {"p": 0, "q": 0}
    stored: list[Record] = []
    for name, count, wait_us, is_failing in appends:
        now_us += wait_us
        append = append_of(*[f"{name}{sent[name] + index}" for index in range(count)], producer=name, seq=sent[name])
        draft = draft_of(stream, budgets, now_us)
        draft.append(append)
        if not is_failing:
            stored += records_stored(draft)
            sent[name] += count
            adopted(stream, draft)
    last = draft_of(stream, budgets, now_us)
    last.seal(0, None)
    stored += records_stored(last)
    markers = [json.loads(record.text)["truncated"]["records"] for record in stored if record.flags & MARKER]
    lines_stored = [record.text for record in stored if not record.flags & MARKER]
    assert len(lines_stored) + sum(markers) == sum(sent.values())
    for name in "pq":
        numbers = [int(text[1:]) for text in lines_stored if text[0] == name]
        assert numbers == sorted(set(numbers))
        assert len(numbers) <= producer_size
