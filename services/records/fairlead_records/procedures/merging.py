"""JSON merge patch (RFC 7396): what is given replaces, null removes, objects are merged."""

from __future__ import annotations

from typing import Any


def merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The target with the patch; neither is changed.

    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": 4}, "e": [None]})
    {'b': {'c': 4, 'd': 3}, 'e': [None]}
    """
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result
