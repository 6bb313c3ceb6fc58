"""A stream in memory: it moves with what is durable, and remembers where an unknown producer began."""

from __future__ import annotations

import pytest

from fairlead_logstream.errors import NoSuchAttempt
from fairlead_logstream.model.attempts import Attempt
from fairlead_logstream.model.rows import Producer, Sealed, State, StreamRow
from fairlead_logstream.model.stream import PRODUCERS_LIMIT, Stream, check_producers
from fairlead_router import LimitExceeded
from unit.logstream.fakes import NOW_US, append_of
from unit.logstream.model.drafting import adopted, draft_of, stream_at


def test_it_stands_where_its_row_says() -> None:
    sealed = Sealed(3, "done", 10)
    row = StreamRow(1, "s", "o", 7, NOW_US, State(2, sealed), oldest=4, head=10, written_bytes=100, trimmed_bytes=40)
    stream = Stream(row)
    assert (stream.key.id, stream.key.epoch) == (1, 7)
    assert (stream.attempt, stream.sealed, stream.oldest, stream.head) == (2, sealed, 4, 10)
    assert stream.stored_bytes == 60


@pytest.mark.parametrize(
    ("attempts", "text", "known"),
    [((Attempt(4, 9, NOW_US), Attempt(5, 12, NOW_US)), "but of 4 to 5", [4, 5]), ((), "but of none", [])],
)
def test_an_attempt_that_is_not_known_has_no_first_record(
    attempts: tuple[Attempt, ...], text: str, known: list[int]
) -> None:
    stream = Stream(StreamRow(1, "s", "o", 7, NOW_US, State(5, attempts=attempts), head=20))
    with pytest.raises(NoSuchAttempt, match=f"stream 's' knows of no attempt 3, {text}") as caught:
        stream.first_of(3)
    assert caught.value.details == {"attempts": known}


def test_a_durable_change_moves_the_head_the_size_and_the_producers() -> None:
    stream = stream_at()
    draft = draft_of(stream)
    draft.append(append_of("a", "b", producer="p", seq=0))
    assert stream.head == 0
    adopted(stream, draft)
    assert stream.head == 2
    assert stream.stored_bytes > 0
    assert stream.producers is not None
    assert stream.producers["p"].seq == 2
    assert stream.last_us == NOW_US + 1


def test_where_an_unknown_producer_began_is_remembered_until_it_is_known() -> None:
    stream = stream_at()
    for seq in (5, 7):
        stream.offered(append_of("a", producer="p", seq=seq))
    assert stream.first_offered == {"p": 5}
    draft = draft_of(stream)
    draft.append(append_of("a", producer="p", seq=5))
    adopted(stream, draft)
    assert stream.first_offered == {}


def test_a_known_producer_and_records_without_one_begin_nowhere() -> None:
    stream = stream_at(p=Producer(0, 2))
    stream.offered(append_of("a", producer="p", seq=9))
    stream.offered(append_of("a"))
    assert stream.first_offered == {}


def test_one_producer_too_many_is_refused_by_the_limits_name() -> None:
    check_producers("s", PRODUCERS_LIMIT - 1)
    with pytest.raises(LimitExceeded, match="stream 's' has 10000 producers already"):
        check_producers("s", PRODUCERS_LIMIT)


def test_what_retention_took_is_not_given_back_by_a_step_that_comes_late() -> None:
    stream = stream_at(10)
    stream.written_bytes = 100
    stream.trim(6, 60, NOW_US)
    stream.trim(4, 40, NOW_US - 1)
    assert (stream.oldest, stream.stored_bytes, stream.oldest_us) == (6, 40, NOW_US)
