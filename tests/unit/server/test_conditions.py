"""Conditions as they are typed, and what is none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fairlead_server.commands._conditions import conditions_of
from fairlead_server.errors import CommandError


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("priority>0", ["priority", ">", 0]),
        (" free <= 1.5 ", ["free", "<=", 1.5]),
        ("state=Queued", ["state", "=", "Queued"]),
        ("state!=", ["state", "!=", ""]),
        ('text=">1"', ["text", "=", ">1"]),
        ("state in Queued, Locked", ["state", "in", ["Queued", "Locked"]]),
        ("n not in 1,2", ["n", "not in", [1, 2]]),
        ("log exists", ["log", "exists", True]),
        ("log exists false", ["log", "exists", False]),
        ("runtime.node=n1", ["runtime.node", "=", "n1"]),
    ],
)
def test_a_condition_is_a_field_an_op_and_a_value(text: str, condition: list[Any]) -> None:
    assert conditions_of([text], "--where") == [condition]


@pytest.mark.parametrize("text", ["", "priority", "priority>>0", "priority==0", "priority=>0", "a b>1", ">1"])
def test_what_is_none_is_told_with_the_rule(text: str) -> None:
    with pytest.raises(CommandError, match=f"^--where {re.escape(repr(text))} is no condition: write it as "):
        conditions_of([text], "--where")
