"""Conditions: what they mean, and that nothing is ignored."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_records.model.query import CONDITIONS_LIMIT, Query, Seen, alternatives, conditions
from fairlead_records.model.record import encode_state, make_record
from fairlead_router import InvalidArgument

STATE = {"n": 5, "text": "b", "yes": True, "in": {"deep": [1]}, "nothing": None}


def seen(state: dict[str, Any] | None = None) -> Seen:
    encoded = encode_state(STATE if state is None else state)
    return Seen(make_record("r", "job", "alice", "p", version=3, revision=9, times_us=(1, 2), state=encoded))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (["n", "=", 5], True),
        (["n", "=", 5.0], True),
        (["n", "=", "5"], False),
        (["yes", "=", True], True),
        (["yes", "=", 1], False),
        (["n", "!=", 4], True),
        (["missing", "=", None], True),
        (["nothing", "=", None], True),
        (["missing", "!=", 1], True),
        (["n", "<", 6], True),
        (["n", "<=", 4.9], False),
        (["n", ">", "4"], False),
        (["yes", ">", 0], False),
        (["missing", "<", 9], False),
        (["text", ">=", "b"], True),
        (["text", "<", "a"], False),
        (["n", "in", [4, 5]], True),
        (["n", "not in", [4, 5]], False),
        (["missing", "not in", [4]], True),
        (["in.deep", "=", [1]], True),
        (["in.deep.x", "exists", False], True),
        (["nothing", "exists", True], False),
        (["in", "exists", True], True),
        (["id", "=", "r"], True),
        (["owner", "in", ["alice"]], True),
        (["version", ">", 3], False),
        (["object", "=", "p"], True),
    ],
)
def test_a_condition_holds_or_not(condition: list[Any], holds: bool) -> None:
    (checked,) = conditions("where", [condition])
    assert checked.holds(seen()) is holds


def test_all_of_where_and_one_of_any_must_hold() -> None:
    one = conditions("where", [["n", "=", 5], ["text", "=", "b"]])
    other = alternatives("any", [[["n", "=", 4]], [["n", "=", 5], ["text", "=", "x"]]])
    assert Query(where=one).matches(seen())
    assert not Query(where=one, any=other).matches(seen())
    assert Query(where=one, any=other).matches(seen({"n": 5, "text": "x"})) is False
    assert Query(any=other).matches(seen({"n": 5, "text": "x"}))


def test_kind_and_owner_must_be_the_ones() -> None:
    assert Query(kind="job", owner="alice").matches(seen())
    assert not Query(kind="disk").matches(seen())
    assert not Query(owner="bob").matches(seen())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["n", "="], "where[0] is no condition"),
        (["n", "like", 5], "where[0]: the op 'like' is not one of =, !="),
        ([5, "=", 5], "is no condition"),
        (["", "=", 5], "has an empty part"),
        (["a..b", "=", 5], "has an empty part"),
        (["n", "<", None], "< compares with a number or a string, not None"),
        (["n", ">", True], "> compares with a number or a string"),
        (["n", "in", 5], "in takes a list of 1 to"),
        (["n", "in", []], "in takes a list of 1 to"),
        (["n", "exists", 1], "exists takes true or false"),
    ],
)
def test_what_is_no_condition_is_refused(given: list[Any], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        conditions("where", [given])
    assert text in str(caught.value)


def test_a_query_has_an_end() -> None:
    with pytest.raises(InvalidArgument, match="at most 64 are looked at"):
        conditions("where", [["n", "=", 1]] * (CONDITIONS_LIMIT + 1))
    with pytest.raises(InvalidArgument, match="more than 64 conditions in all"):
        alternatives("any", [[["n", "=", 1]] * 40] * 2)
    with pytest.raises(InvalidArgument, match="an empty list, which would be true of everything"):
        alternatives("any", [[]])
