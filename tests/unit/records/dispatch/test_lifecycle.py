"""The lifecycle table: the users' page shows it as it is, and it is one that a container can get through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairlead_records.dispatch.errors import WrongState
from fairlead_records.dispatch.lifecycle import FINAL, HELD, LOCK_LIMIT, TRANSITIONS, check_source

PAGE = Path(__file__).parents[4] / "docs" / "dispatch.md"


def rows() -> list[tuple[str, ...]]:
    """The table under "The lifecycle", without its head."""
    [section] = re.findall(r"(?ms)^## The lifecycle$.*?(?=^## )", PAGE.read_text(encoding="utf-8"))
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines[2:]]


def test_the_page_shows_each_transition_as_it_is_enforced() -> None:
    assert rows() == [(row.source or "", *row[1:]) for row in TRANSITIONS]


def test_the_conditions_name_the_limit_of_locks() -> None:
    assert {int(number) for row in TRANSITIONS for number in re.findall(r"(\d+) times", row.when)} == {LOCK_LIMIT}


def test_nothing_leads_out_of_an_end_and_everything_else_leads_to_one() -> None:
    sources = {row.source for row in TRANSITIONS}
    targets = {row.target for row in TRANSITIONS}
    assert not sources & FINAL
    assert targets - sources == FINAL
    assert {row.source for row in TRANSITIONS if row.who == "holder"} == HELD


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("by", sorted({row.by for row in TRANSITIONS}))
def test_what_has_ended_is_refused_everything(state: str, by: str) -> None:
    with pytest.raises(WrongState, match=f"container 'c' is {state}: {by} takes one that is "):
        check_source("c", state, by)  # type: ignore[arg-type]
