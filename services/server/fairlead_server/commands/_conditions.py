"""Conditions on records as they are typed: `priority>0`, `state=Queued`, `runtime.node exists`, `state in A,B`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fairlead_server.errors import CommandError

KindOption = Annotated[str | None, typer.Option("--kind", metavar="K", help="Only of this kind.", show_default=False)]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", metavar="O", help="Only of this user or project.", show_default=False)
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COND", help="Only where this holds; may be repeated.", show_default=False),
]

_FORM = re.compile(
    r"\s*([A-Za-z0-9_.-]+)\s*((?:!=|<=|>=|=|<|>)(?![=<>!])|\bnot in\b|\bin\b|\bexists\b)\s*(.*?)\s*", re.DOTALL
)
"""An op of two signs too many is a mistake; a value that begins with one is written as JSON."""


def conditions_of(given: Sequence[str], option: str) -> list[list[Any]]:
    """[field, op, value] of each. A value is JSON, else a string as it stands. Raises CommandError.

    >>> conditions_of(["priority > 0", "state in Queued,Locked", "log exists"], "--where")
    [['priority', '>', 0], ['state', 'in', ['Queued', 'Locked']], ['log', 'exists', True]]
    """
    return [_condition(text, option) for text in given]


def value_of(text: str) -> Any:
    """JSON, else the string itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _condition(text: str, option: str) -> list[Any]:
    match = _FORM.fullmatch(text)
    if match is None:
        rule = "write it as 'priority>0', 'state=Queued', 'state in Queued,Locked' or 'log exists'"
        raise CommandError(f"{option} {text!r} is no condition: {rule}")
    field, op, value = match.groups()
    if op in ("in", "not in"):
        return [field, op, [value_of(each.strip()) for each in value.split(",")]]
    if op == "exists":
        return [field, op, value_of(value) if value else True]
    return [field, op, value_of(value)]
