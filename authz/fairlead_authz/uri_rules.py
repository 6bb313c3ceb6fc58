"""URI rules: which level on which object a topic or procedure needs. What no rule names is denied.

    UriRule("fairlead.stream.{object}", subscribe="read")

`{object}` stands for exactly one component of the URI, the object's id. An application adds rules for
its own URIs.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from fairlead_router.authorization import Action, Level
from fairlead_router.uris import Match

_PLACE = "{object}"

REMEMBERED_URIS = 4096
"""Whose rule is remembered, the last that were asked for: 1 MB of them, if they have some 200 characters each."""


class UriRule(msgspec.Struct, frozen=True):
    """The level that each action needs on the object in this URI; None: nobody but administrators may."""

    uri: str
    subscribe: Level | None = None
    publish: Level | None = None
    call: Level | None = None
    register: Level | None = None

    def level(self, action: Action) -> Level | None:
        """What this action needs."""
        level: Level | None = getattr(self, action)
        return level


STREAM_RULE = UriRule("fairlead.stream.{object}", subscribe="read")
"""The topics of the log service; the service itself says which object a stream has."""


class Found(NamedTuple):
    """A rule, and the object that a URI names by it."""

    rule: UriRule
    object_id: str


class UriRules:
    """The rules of a realm, in order: the first that fits counts."""

    def __init__(self, rules: tuple[UriRule, ...] = ()) -> None:
        self._rules = [(rule, *_split(rule.uri)) for rule in (STREAM_RULE, *rules)]
        self.find: Callable[[str], Found | None] = lru_cache(REMEMBERED_URIS)(self._find)
        """The rule for a concrete URI. Asked for up to three times a message: 0.05 us, searching takes 0.17."""

    def _find(self, uri: str) -> Found | None:
        for rule, before, after in self._rules:
            if uri.startswith(before) and uri.endswith(after):
                object_id = uri[len(before) : len(uri) - len(after)]
                if object_id and "." not in object_id:
                    return Found(rule, object_id)
        return None

    def covers(self, pattern: str, match: Match, action: Action) -> bool:
        """Whether every URI of a pattern is judged by the object in it, so that the pattern itself gives nothing away.

        A pattern that reaches further (the prefix `fairlead.`, the wildcard `com..`) is not: who gets some of what
        it asked for takes it for all.
        """
        reaches_no_further = _prefix_is_within if match == "prefix" else _wildcard_is_within
        return any(rule.level(action) is not None and reaches_no_further(pattern, rule) for rule, _, _ in self._rules)


def _prefix_is_within(prefix: str, rule: UriRule) -> bool:
    before, _ = _split(rule.uri)
    return prefix.startswith(before)


def _wildcard_is_within(pattern: str, rule: UriRule) -> bool:
    """As many components as the rule, and its literal ones; the object may be any, or a certain one."""
    asked, ruled = pattern.split("."), rule.uri.split(".")
    return len(asked) == len(ruled) and all(
        place == _PLACE or component == place for component, place in zip(asked, ruled, strict=True)
    )


def _split(uri: str) -> tuple[str, str]:
    """What stands before and after `{object}`. Raises ValueError, which names the rule."""
    parts = uri.split(".")
    if parts.count(_PLACE) != 1 or any("{" in part and part != _PLACE for part in parts):
        raise ValueError(f"rule {uri!r} must have {_PLACE} exactly once, as a whole component")
    before, after = uri.split(_PLACE)
    return before, after
