"""Options of the form KEY=VALUE."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead_server.errors import CommandError


def pairs_of(given: Iterable[str], option: str) -> dict[str, str]:
    """The values by key, the last one of a key counts. Raises CommandError."""
    pairs: dict[str, str] = {}
    for each in given:
        key, separator, value = each.partition("=")
        if not separator or not key:
            raise CommandError(f"{option} {each!r} is no pair: write it as KEY=VALUE")
        pairs[key] = value
    return pairs
