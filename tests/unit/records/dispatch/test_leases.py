"""Leases: each ends once, when it was not extended, and renewing without end takes no memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_records.dispatch.leases import SLACK, Leases

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.sampled_from("abc"), st.integers(1, 20)),
        st.tuples(st.just("end"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("pass"), st.just(""), st.integers(0, 10)),
    ),
    max_size=200,
)


@given(STEPS)
def test_leases_end_as_a_plain_table_says(steps: list[tuple[str, str, int]]) -> None:
    leases, due_s, now_s = Leases(), dict[str, int](), 0
    for step, id_, number in steps:
        if step == "extend":
            due_s[id_] = now_s + number
            leases.extend(id_, due_s[id_])
        elif step == "end":
            due_s.pop(id_, None)
            leases.end(id_)
        else:
            now_s += number
            ended = {each for each, at_s in due_s.items() if at_s <= now_s}
            assert sorted(leases.due(now_s)) == sorted(ended)
            due_s = {each: at_s for each, at_s in due_s.items() if each not in ended}
        assert len(leases) == len(due_s)
        assert leases.next_due_s() == min(due_s.values(), default=None)


def test_renewing_as_often_as_one_likes_keeps_no_more_than_twice_the_leases() -> None:
    leases = Leases()
    for number in range(10_000):
        leases.extend("a", 1_000.0 + number)
    assert len(leases._order) <= 2 + SLACK
    assert leases.due(1_000.0 + 9_998) == []
    assert leases.due(1_000.0 + 9_999) == ["a"]
