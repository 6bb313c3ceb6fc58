"""What is due when: the same as a plain dict says, and no dead entries without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.due_times import Due, DueTimes

KEYS = st.sampled_from("abcde")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.one_of(st.none(), st.integers(0, 20))),
        st.tuples(st.just("pop"), st.just(""), st.integers(0, 20)),
    )
)


def popped_at(due: DueTimes[str], now_us: int) -> list[str]:
    """The keys that are due at this time, taken out."""
    keys = []
    while (first := due.pop(now_us)) is not None:
        keys.append(first.key)
    return keys


@given(STEPS)
def test_due_times_are_those_that_a_dict_would_have(steps: list[tuple[str, str, int | None]]) -> None:
    due: DueTimes[str] = DueTimes()
    expected: dict[str, int] = {}
    for step, key, at_us in steps:
        if step == "pop" and at_us is not None:
            popped = popped_at(due, at_us)
            assert sorted(popped) == sorted(each for each, time in expected.items() if time <= at_us)
            times = [expected.pop(each) for each in popped]
            assert times == sorted(times)
        elif at_us is None:
            due.set(key, None)
            expected.pop(key, None)
        else:
            due.set(key, at_us)
            expected[key] = at_us
        assert due.next_us == min(expected.values(), default=None)
        assert len(due) == len(expected)


def test_what_is_due_comes_in_the_order_of_time() -> None:
    due: DueTimes[str] = DueTimes()
    for at_us, key in ((30, "c"), (10, "a"), (20, "b"), (40, "d")):
        due.set(key, at_us)
    assert popped_at(due, 30) == ["a", "b", "c"]


def test_what_is_set_while_others_are_taken_out_is_taken_out_too_if_it_is_due() -> None:
    due: DueTimes[str] = DueTimes()
    due.set("a", 1)
    first = due.pop(5)
    due.set("b", 3)
    assert (first, due.pop(5), due.pop(5)) == (Due("a", 1), Due("b", 3), None)


def test_times_that_are_moved_for_ever_take_no_room() -> None:
    due: DueTimes[str] = DueTimes()
    for at_us in range(10_000):
        due.set("a", 10_000 - at_us % 100)
        due.set("b", None if at_us % 2 else at_us)
    assert len(due._heap) <= 64
