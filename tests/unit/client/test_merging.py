"""Live events and history: each event once, in order, whatever comes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_client import merging
from fairlead_client.merging import Event, Merger, RecentIds


def event(publication: int) -> Event:
    return Event("com.example.x", [], {}, publication)


def publications(events: list[Event]) -> list[int]:
    return [each.publication for each in events]


def test_live_events_wait_for_the_history_and_come_behind_it() -> None:
    merger = Merger()
    assert publications(merger.live(event(1))) == [1]
    merger.hold()
    assert merger.live(event(3)) == []
    assert merger.live(event(4)) == []
    assert publications(merger.past([event(2), event(3)])) == [2, 3]
    assert publications(merger.release()) == [4]
    assert publications(merger.live(event(5))) == [5]
    assert merger.last == 5


def test_an_event_of_the_history_that_comes_live_afterwards_is_left_out() -> None:
    merger = Merger()
    merger.hold()
    assert publications(merger.past([event(1), event(2)])) == [1, 2]
    merger.release()
    assert merger.live(event(2)) == []


def test_own_publications_of_the_history_are_left_out() -> None:
    own = RecentIds()
    own.add(2)
    merger = Merger(own)
    merger.hold()
    assert publications(merger.past([event(1), event(2), event(3)])) == [1, 3]


def test_the_anchor_itself_is_still_handed_on_when_it_comes_live() -> None:
    merger = Merger()
    merger.hold()
    merger.live(event(7))
    merger.anchored(7)
    assert publications(merger.release()) == [7]


def test_who_is_held_for_too_long_is_let_go_and_no_history_comes_behind() -> None:
    merger = Merger()
    merger.hold()
    for number in range(merging.HELD_LIMIT):
        assert merger.live(event(number)) == []
    assert len(merger.live(event(merging.HELD_LIMIT))) == merging.HELD_LIMIT + 1
    assert not merger.is_holding
    assert merger.past([event(-1)]) == []
    assert merger.release() == []


def test_remembered_publications_are_bounded() -> None:
    recent = RecentIds(limit=3)
    for number in (1, 2, 2, 3, 4):
        recent.add(number)
    assert [number in recent for number in (1, 2, 3, 4)] == [False, True, True, True]


@given(cuts=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8)), max_size=8))
def test_each_event_is_handed_on_once_and_in_order(cuts: list[tuple[int, int, int]]) -> None:
    """Each round: events live, events missed, events that come live before the history answers, which has both."""
    merger = Merger()
    handed_on: list[int] = []
    number = 0
    for live, missed, early in cuts:
        for _ in range(live):
            number += 1
            handed_on += publications(merger.live(event(number)))
        seen = number
        number += missed
        merger.hold()
        for publication in range(number + 1, number + early + 1):
            assert merger.live(event(publication)) == []
        number += early
        handed_on += publications(merger.past(event(past) for past in range(seen + 1, number + 1)))
        handed_on += publications(merger.release())
    assert handed_on == list(range(1, number + 1))
