"""Records as bytes, and what is refused as a state or kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead_records.model.record import STATE_LIMIT_BYTES, STATE_LIMIT_LEVELS, check_kind, encode_state, make_record
from fairlead_router import InvalidArgument


def test_an_entry_is_the_whole_record_as_json() -> None:
    record = make_record(
        "job-1", "job", "alice", "p@1", version=3, revision=9, times_us=(5, 6), state=encode_state({"a": ["x", 1.5]})
    )
    assert json.loads(record.entry) == {
        "id": "job-1",
        "kind": "job",
        "owner": "alice",
        "object": "p@1",
        "version": 3,
        "created_us": 5,
        "changed_us": 6,
        "state": {"a": ["x", 1.5]},
    }
    assert record.state == {"a": ["x", 1.5]}


def test_binary_in_a_state_survives() -> None:
    record = make_record(
        "r", "job", "a", "r", version=1, revision=1, times_us=(0, 0), state=encode_state({"b": b"\xff"})
    )
    assert record.state == {"b": b"\xff"}


def nested(levels: int) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for _ in range(levels - 1):
        state = {"in": state}
    return state


def test_a_state_has_a_depth() -> None:
    encode_state(nested(STATE_LIMIT_LEVELS))
    with pytest.raises(InvalidArgument, match=f"more than {STATE_LIMIT_LEVELS} levels"):
        encode_state(nested(STATE_LIMIT_LEVELS + 1))


def test_a_state_has_a_size() -> None:
    with pytest.raises(InvalidArgument, match=f"at most {STATE_LIMIT_BYTES} are kept"):
        encode_state({"text": "x" * STATE_LIMIT_BYTES})


@pytest.mark.parametrize("kind", ["job", "arvados_container", "a", "j2"])
def test_a_kind_is_a_word(kind: str) -> None:
    assert check_kind(kind) == kind


@pytest.mark.parametrize("kind", ["", "Job", "2j", "a-b", "a.b", "j" * 65, "job\n"])
def test_other_kinds_are_refused_with_their_name(kind: str) -> None:
    with pytest.raises(InvalidArgument, match="a kind is a-z"):
        check_kind(kind)
