"""What an append, a seal and an attempt do to a stream: L2 and L7 without any I/O."""

from __future__ import annotations

import pytest

from fairlead_logstream.errors import AttemptOutOfTurn, StreamSealed
from fairlead_logstream.model.records import BATCH_LIMIT_BYTES
from fairlead_logstream.model.rows import Producer, Sealed, State
from unit.logstream.fakes import append_of, texts_of
from unit.logstream.model.drafting import change_of, draft_of, markers_of, standings, stream_at

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
    assert change_of(draft).state == State(2, None)


def test_the_same_attempt_again_changes_nothing() -> None:
    draft = draft_of(stream_at(5))
    draft.begin_attempt(1)
    assert draft.is_empty


@pytest.mark.parametrize("attempt", [3, 7])
def test_attempts_are_numbered_without_holes(attempt: int) -> None:
    with pytest.raises(AttemptOutOfTurn) as caught:
        draft_of(stream_at(5)).begin_attempt(attempt)
    assert caught.value.details == {"expected": 2}
