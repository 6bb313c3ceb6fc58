"""Where a follower goes on, and what it will not take on trust."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_client.errors import CallFailed, Incontiguous, Refused
from fairlead_client.following import (
    Batch,
    Corrupt,
    Cursor,
    Follower,
    Head,
    Item,
    Lagged,
    Reset,
    Revoked,
    Sealed,
    Start,
)
from fairlead_client.requests import FOLLOW, READ, Request
from support.log_service import LogService


def service_with(count: int, epoch: int = 1) -> LogService:
    service = LogService(epoch)
    service.records = [[number, "stdout", f"line {number}", 0] for number in range(count)]
    return service


def step(follower: Follower, service: LogService) -> list[Item]:
    request = follower.request()
    assert request.procedure == READ
    return [*follower.succeeded(request, service.answer(request))]


def at(follower: Follower, service: LogService) -> Follower:
    """The follower when it has read all that there is."""
    step(follower, service)
    return follower


def batch(first: int, count: int, epoch: int = 1, **others: Any) -> dict[str, Any]:
    records = [[number, "stdout", f"line {number}", 0] for number in range(first, first + count)]
    return {"first": first, "records": records, "next": first + count, "epoch": epoch, **others}


def take(items: Iterable[Item]) -> None:
    """Hands them all out."""
    for _ in items:
        pass


def seqs(items: Iterable[Item]) -> list[int]:
    return [seq for item in items if isinstance(item, Batch) for seq in item.seqs]


def test_it_begins_with_a_read_and_goes_on_with_follow_from_there() -> None:
    follower = Follower("log")
    items = step(follower, service_with(5))
    assert seqs(items) == [0, 1, 2, 3, 4]
    request = follower.request()
    assert (request.procedure, request.args, request.wants_progress) == (FOLLOW, ("log",), True)
    assert request.kwargs == {"start": 5, "epoch": 1}


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (Start(), [0, 1, 2, 3, 4]),
        (Start(tail=2), [3, 4]),
        (Start(tail=0), []),
        (Start(since_us=3), [3, 4]),
        (Start(Cursor(1, 4)), [4]),
    ],
)
def test_it_begins_where_it_was_told(start: Start, expected: list[int]) -> None:
    follower = Follower("log", start)
    assert seqs(step(follower, service_with(5))) == expected
    assert follower.cursor == Cursor(1, 5)


def test_an_empty_stream_still_gives_a_place_to_go_on_from() -> None:
    follower = Follower("log", Start(tail=0))
    assert step(follower, service_with(0)) == [Head(0)]
    assert follower.request().kwargs == {"start": 0, "epoch": 1}


def test_progressive_results_move_the_cursor() -> None:
    follower = at(Follower("log"), service_with(5))
    assert seqs(follower.progressed(batch(5, 2))) == [5, 6]
    assert [*follower.progressed({"head": 7})] == [Head(7)]
    assert follower.cursor == Cursor(1, 7)


def test_records_know_their_numbers_also_behind_a_filter() -> None:
    follower = at(Follower("log"), service_with(0))
    result = {"first": 0, "records": [[9, "stdout", "x", 0]], "seqs": [3], "next": 10, "epoch": 1}
    [item] = follower.progressed(result)
    assert isinstance(item, Batch)
    assert [record.seq for record in item.each()] == [3]
    assert follower.cursor == Cursor(1, 10)


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        (batch(6, 1), "hole"),
        (batch(4, 1), "repeat"),
        (batch(5, 1, epoch=2), "epoch"),
        ({**batch(5, 2), "next": 8}, "do not reach"),
        ({"lagged": {"from": 7, "to": 9}}, "hole"),
        ({"sealed": {"exit_code": 0, "reason": None, "next": 9}}, "sealed at 9"),
    ],
)
def test_what_does_not_fit_is_an_error(result: dict[str, Any], complaint: str) -> None:
    follower = at(Follower("log"), service_with(5))
    with pytest.raises(Incontiguous, match=complaint):
        take(follower.progressed(result))


def test_lagged_moves_the_cursor_and_is_told() -> None:
    follower = at(Follower("log"), service_with(5))
    assert [*follower.progressed({"lagged": {"from": 5, "to": 8}})] == [Lagged(5, 8)]
    assert seqs(follower.progressed(batch(8, 1))) == [8]


def test_a_reset_is_told_and_followed_by_the_oldest_of_the_new_store() -> None:
    follower = at(Follower("log"), service_with(5))
    items = follower.progressed({"reset": {"epoch": 2, "oldest": 0, "next": 0}})
    assert [*items] == [Reset(2, 0, 0)]
    assert seqs(follower.progressed(batch(0, 3, epoch=2))) == [0, 1, 2]


def test_after_a_reset_the_service_may_also_go_on_at_its_next() -> None:
    follower = at(Follower("log"), service_with(5))
    take(follower.progressed({"reset": {"epoch": 2, "oldest": 0, "next": 7}}))
    assert seqs(follower.progressed(batch(7, 1, epoch=2))) == [7]


def test_the_cursor_is_behind_what_was_handed_out_and_not_behind_what_comes_with_it() -> None:
    follower = at(Follower("log"), service_with(5))
    items = follower.progressed({"lagged": {"from": 5, "to": 8}, **batch(8, 2)})
    assert next(items) == Lagged(5, 8)
    assert follower.cursor == Cursor(1, 8)
    assert seqs(items) == [8, 9]
    assert follower.cursor == Cursor(1, 10)


def test_a_reset_in_a_read_comes_before_its_records() -> None:
    follower = Follower("log", Start(Cursor(1, 5)))
    items = step(follower, service_with(3, epoch=2))
    assert items[0] == Reset(2, 0, 0)
    assert seqs(items) == [0, 1, 2]


def test_it_ends_at_the_seal_in_a_read() -> None:
    service = service_with(3)
    service.seal(7, "done")
    follower = Follower("log")
    assert step(follower, service)[-1] == Sealed(7, "done", 3)
    assert follower.is_finished


def test_a_seal_is_not_told_before_the_last_record() -> None:
    service = service_with(5)
    service.seal(0)
    follower = Follower("log", progressive=False)
    items = [*follower.succeeded(follower.request(), service.read(limit=3))]
    assert not follower.is_finished
    assert not any(isinstance(item, Sealed) for item in items)
    assert step(follower, service)[-1] == Sealed(0, None, 5)


def test_it_ends_at_the_seal_of_follow_once() -> None:
    follower = at(Follower("log"), service_with(5))
    sealed = {"sealed": {"exit_code": 2, "reason": None, "next": 5}}
    request = follower.request()
    assert [*follower.progressed(sealed)] == [Sealed(2, None, 5)]
    assert [*follower.succeeded(request, sealed)] == []
    assert follower.is_finished


def test_up_to_the_head_means_the_head_of_the_first_answer() -> None:
    service = service_with(5)
    follower = Follower("log", to_the_end=False)
    take(follower.succeeded(follower.request(), service.read(limit=3)))
    service.records += batch(5, 100)["records"]
    assert not follower.is_finished
    step(follower, service)
    assert follower.is_finished
    assert follower.request().procedure == READ


def test_without_progressive_results_it_waits_in_read() -> None:
    follower = at(Follower("log"), service_with(5))
    request = follower.request()
    assert follower.failed(request, CallFailed("fairlead.error.no_progress")) == []
    request = follower.request()
    assert request.procedure == READ
    assert request.kwargs["start"] == 5
    assert request.kwargs["wait_s"] > 0


def test_losing_the_right_to_read_is_told_and_the_end() -> None:
    follower = at(Follower("log"), service_with(5))
    error = CallFailed("wamp.error.not_authorized", "no more")
    assert follower.failed(follower.request(), error) == [Revoked("no more")]
    assert follower.is_finished


def test_a_lost_token_is_a_lost_right() -> None:
    follower = at(Follower("log"), service_with(5))
    assert follower.refused(Refused("wamp.error.authentication_failed", "unknown token")) == [Revoked("unknown token")]


def test_never_having_had_the_right_is_an_error() -> None:
    follower = Follower("log")
    with pytest.raises(CallFailed, match="not allowed"):
        follower.failed(follower.request(), CallFailed("wamp.error.not_authorized", "not allowed"))
    with pytest.raises(Refused):
        follower.refused(Refused("wamp.error.authentication_failed"))


def test_an_error_that_passes_leaves_the_cursor() -> None:
    follower = at(Follower("log"), service_with(5))
    request = follower.request()
    assert follower.failed(request, CallFailed("wamp.error.no_such_procedure")) == []
    assert follower.request().procedure == FOLLOW
    assert follower.cursor == Cursor(1, 5)


def test_damaged_records_are_told_and_skipped() -> None:
    follower = at(Follower("log"), service_with(5))
    assert [*follower.progressed({"lagged": {"from": 5, "to": 9, "damaged": True}})] == [Corrupt(5, 9)]
    assert follower.request().kwargs["start"] == 9


def test_a_position_ahead_of_the_head_is_an_error() -> None:
    follower = at(Follower("log"), service_with(5))
    with pytest.raises(CallFailed, match="ahead"):
        follower.failed(Request(READ), CallFailed("fairlead.error.ahead"))


def test_an_answer_that_gets_nowhere_is_an_error() -> None:
    follower = at(Follower("log", Start(Cursor(1, 5))), service_with(5))
    with pytest.raises(Incontiguous, match="none from 5"):
        take(follower.succeeded(Request(READ), {**batch(5, 0), "head": 9}))


@given(st.data())
def test_any_history_of_losses_shows_every_record_once(data: st.DataObject) -> None:
    """Batches of any size, sessions lost at any time, records appended and trimmed meanwhile."""
    service = service_with(data.draw(st.integers(0, 20)))
    follower = Follower("log")
    items = step(follower, service)
    request = follower.request()
    for _ in range(data.draw(st.integers(0, 20))):
        service.records += batch(len(service.records), data.draw(st.integers(0, 5)))["records"]
        if data.draw(st.booleans()):
            request = follower.request()  # a new session
        assert follower.cursor is not None
        sent = service.read(**request.kwargs | {"start": follower.cursor.next}, limit=data.draw(st.integers(1, 9)))
        items += follower.progressed({key: sent[key] for key in ("first", "records", "next", "epoch")})
        if data.draw(st.integers(0, 5)) == 0:
            request = follower.request()
    service.seal(0)
    while not follower.is_finished:
        request = follower.request()
        items += follower.succeeded(request, service.read(**request.kwargs))
    assert seqs(items) == [*range(len(service.records))]
    assert isinstance(items[-1], Sealed)


# ---------------------------------------------------------------- what is left out, and an end of one's own


def test_other_sources_are_left_out_and_their_numbers_are_passed() -> None:
    service = service_with(10)
    for number in (1, 4, 9):
        service.records[number][1] = "stderr"
    follower = Follower("log", Start(sources=["stderr"]))
    items = step(follower, service)
    assert seqs(items) == [1, 4, 9]
    request = follower.request()
    assert request.kwargs == {"start": 10, "epoch": 1, "sources": ["stderr"]}


def test_what_is_wanted_is_asked_for() -> None:
    follower = Follower("log", Start(tail_bytes=1000, sources=["a"], heartbeat_s=5.0))
    read = follower.request()
    assert read.kwargs == {"tail_bytes": 1000, "sources": ["a"], "limit": 10_000}
    take(follower.succeeded(read, batch(0, 0, head=0)))
    assert follower.request().kwargs == {"start": 0, "epoch": 1, "sources": ["a"], "heartbeat_s": 5.0}


@pytest.mark.parametrize(
    ("start", "expected", "after"),
    [
        (Start(until_seq=3), [0, 1, 2], 3),
        (Start(until_seq=0), [], 0),
        (Start(until_seq=5), [0, 1, 2, 3, 4], 5),
        (Start(until_us=2), [0, 1], 2),
        (Start(until_us=2, until_seq=1), [0], 1),
        (Start(Cursor(1, 4), until_seq=2), [], 4),
        (Start(until_seq=3, sources=["stderr"]), [1], 3),
    ],
)
def test_it_ends_where_it_was_told_and_the_cursor_is_there(start: Start, expected: list[int], after: int) -> None:
    service = service_with(5)
    service.records[1][1] = service.records[4][1] = "stderr"
    service.seal(0)
    follower = Follower("log", start)
    items = step(follower, service)
    assert seqs(items) == expected
    assert follower.is_finished
    assert not any(isinstance(item, Sealed) for item in items)
    assert follower.cursor == Cursor(1, after)


def test_an_end_that_has_not_come_is_followed_to() -> None:
    follower = at(Follower("log", Start(until_seq=7)), service_with(5))
    assert not follower.is_finished
    assert seqs(follower.progressed(batch(5, 5))) == [5, 6]
    assert follower.is_finished


def test_a_time_that_is_past_ends_at_the_head_and_not_before() -> None:
    follower = Follower("log", Start(until_us=1000))
    service = service_with(5)
    step(follower, service)
    follower.look_at_clock(2000)
    assert not follower.is_finished  # records of the time before may be on their way
    take(follower.progressed({"head": 5}))
    follower.look_at_clock(999)
    assert not follower.is_finished
    follower.look_at_clock(1000)
    assert follower.is_finished


# ---- attempts


def service_with_attempts() -> LogService:
    """Numbers 0 and 1, the marker 2 and number 3, the marker 4 and number 5."""
    service = service_with(2)
    service.seal(3, "killed")
    for attempt in (2, 3):
        service.begin_attempt(attempt)
        service.records.append([0, "stderr", "a line", 0])
    return service


def all_of(follower: Follower, service: LogService) -> list[Item]:
    """Until it is finished, or follows."""
    items: list[Item] = []
    while not follower.is_finished and (request := follower.request()).procedure == READ:
        items += follower.succeeded(request, service.answer(request))
    return items


@pytest.mark.parametrize(
    ("attempt", "expected", "end"),
    [(1, [0, 1], Sealed(3, "killed", 2)), (2, [2, 3], Sealed(None, None, 4))],
)
def test_an_attempt_ends_where_the_next_one_begins(attempt: int, expected: list[int], end: Sealed) -> None:
    follower = Follower("log", Start(attempt=attempt))
    items = all_of(follower, service_with_attempts())
    assert (seqs(items), items[-1]) == (expected, end)
    assert follower.is_finished
    assert follower.cursor == Cursor(1, end.next)


def test_the_latest_attempt_ends_with_the_seal() -> None:
    service = service_with_attempts()
    follower = Follower("log", Start(attempt=3))
    assert seqs(all_of(follower, service)) == [4, 5]
    assert (follower.is_finished, follower.request().procedure) == (False, FOLLOW)
    sealed = {"exit_code": 7, "reason": None, "next": 6}
    assert [*follower.progressed({"sealed": sealed})] == [Sealed(7, None, 6)]


def test_an_attempt_that_is_overtaken_while_it_is_followed_ends_with_how_it_ended() -> None:
    service = service_with(2)
    follower = Follower("log", Start(attempt=1))
    all_of(follower, service)
    follow = follower.request()
    service.seal(9)
    service.begin_attempt(2)
    page = service.read(start=2, epoch=1)
    assert [*follower.progressed({name: page[name] for name in ("first", "records", "next", "epoch")})] == []
    assert follower.is_done_with(follow)
    assert all_of(follower, service) == [Sealed(9, None, 2)]
    assert follower.is_finished


def test_a_marker_that_lies_ends_nothing() -> None:
    service = service_with(2)
    service.records += [[0, "stdout", '{"attempt":2}', 2], [0, "stdout", "more", 0]]
    follower = Follower("log", Start(attempt=1))
    assert seqs(all_of(follower, service)) == [0, 1]
    page = service.read(start=2, epoch=1)
    assert seqs(follower.progressed({name: page[name] for name in ("first", "records", "next", "epoch")})) == [2, 3]
    assert not follower.is_finished


def test_what_only_looks_like_a_later_attempt_is_a_record() -> None:
    service = service_with(0)
    texts: list[str | bytes] = ['{"attempt":1}', '{"attempt":"2"}', "[2]", "{", b"\xff", '{"lost":2}']
    service.records = [[0, "stdout", text, 2] for text in texts] + [[0, "stdout", '{"attempt":2}', 0]]
    follower = Follower("log", Start(attempt=1))
    assert seqs(step(follower, service)) == []  # where it begins
    assert seqs(step(follower, service)) == [*range(7)]


def test_an_attempt_goes_on_at_a_cursor_and_still_ends() -> None:
    follower = Follower("log", Start(Cursor(1, 1), attempt=1))
    items = all_of(follower, service_with_attempts())
    assert (seqs(items), items[-1]) == ([1], Sealed(3, "killed", 2))


def test_an_attempt_that_is_gone_altogether_has_an_end_all_the_same() -> None:
    service = service_with_attempts()
    service.oldest = 3
    follower = Follower("log", Start(attempt=1))
    assert all_of(follower, service) == [Lagged(0, 3), Sealed(3, "killed", 2)]


def test_an_empty_attempt_is_its_end() -> None:
    service = service_with(0)
    service.begin_attempt(2)
    assert all_of(Follower("log", Start(attempt=1)), service) == [Sealed(None, None, 0)]


def test_the_markers_come_with_an_attempt_whatever_the_sources() -> None:
    follower = Follower("log", Start(attempt=2, sources=["stdout"]))
    service = service_with_attempts()
    assert seqs(all_of(follower, service)) == [2]
    assert follower.cursor == Cursor(1, 4)


def test_an_attempt_up_to_the_head_is_all_of_it_or_up_to_the_head() -> None:
    service = service_with_attempts()
    past = Follower("log", Start(attempt=2), to_the_end=False)
    assert seqs(all_of(past, service)) == [2, 3]
    latest = Follower("log", Start(attempt=3), to_the_end=False)
    items = all_of(latest, service)
    assert (seqs(items), latest.is_finished, latest.end) == ([4, 5], True, 6)
    assert not any(isinstance(item, Sealed) for item in items)


def test_an_attempt_that_is_not_there_is_an_error() -> None:
    follower = Follower("log", Start(attempt=4))
    with pytest.raises(CallFailed, match="no_such_attempt"):
        follower.failed(follower.request(), CallFailed("fairlead.error.no_such_attempt"))


def test_in_another_store_the_attempt_is_asked_for_again() -> None:
    follower = Follower("log", Start(attempt=2))
    old = service_with_attempts()
    step(follower, old)
    new = service_with_attempts()
    new.epoch = 2
    items = all_of(follower, new)
    assert isinstance(items[0], Reset)
    assert items[-1] == Sealed(None, None, 4)


def test_an_attempt_and_another_begin_are_the_services_to_refuse() -> None:
    assert Follower("log", Start(attempt=2, tail=3)).request().kwargs == {"attempt": 2, "limit": 1, "tail": 3}
    assert Follower("log", Start(Cursor(1, 5), attempt=2, tail=3)).request().kwargs == {"attempt": 2, "limit": 1}
