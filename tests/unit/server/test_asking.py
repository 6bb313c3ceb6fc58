"""What the commands about permissions say, and what stands in the way of a file of changes."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_server.commands._asking import aligned, would_end


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "would end nothing that is live"),
        ({"calls": 1, "users": 1}, "would end 1 call of 1 user"),
        (
            {"subscriptions": 312, "registrations": 3, "calls": 2, "sessions": 4, "users": 9},
            "would end 312 subscriptions of 9 users, 3 registrations, 2 calls, 4 sessions",
        ),
    ],
)
def test_a_dry_run_in_words(counts: dict[str, Any], said: str) -> None:
    zeros = dict.fromkeys(("subscriptions", "registrations", "calls", "sessions", "users"), 0)
    assert would_end({"would_end": {**zeros, **counts}}) == said


def test_columns_stand_below_each_other() -> None:
    assert aligned([("a", "bcd", ""), ("abc", "d", "e")]) == "a    bcd\nabc  d    e"
    assert aligned([]) == ""


def test_a_name_cannot_move_the_cursor_of_who_lists_it() -> None:
    assert aligned([("\x1b[2J\n\u202e", "Zo\u00eb")]) == "\\x1b[2J\\n\\u202e  Zo\u00eb"
