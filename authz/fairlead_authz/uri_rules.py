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

_OPEN = "#"
"""An object that is like no component of a rule: no URI has it."""

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
DIRECTORY_RULE = UriRule("fairlead.directory.{object}", subscribe="read")
"""The topics of the log service; the service itself says which object a stream has, for records and directory alike."""

RECORD_RULE = UriRule("fairlead.record.{object}", subscribe="read")
"""The topics of the record service, which says which object a record has."""

_BUILT_IN = (STREAM_RULE, DIRECTORY_RULE, RECORD_RULE)


class Found(NamedTuple):
    """A rule, and the object that a URI names by it."""

    rule: UriRule
    object_id: str


class UriRules:
    """The rules of a realm, in order: the first that fits counts."""

    def __init__(self, rules: tuple[UriRule, ...] = ()) -> None:
        """Raises ValueError, which names the rule."""
        self.replace(rules)

    def replace(self, rules: tuple[UriRule, ...]) -> None:
        """Judge by these from now on. Raises ValueError, which names the rule: the old ones stay in force."""
        self._rules = [_Place(rule) for rule in (*_BUILT_IN, *rules)]
        self.find: Callable[[str], Found | None] = lru_cache(REMEMBERED_URIS)(self._find)
        """The rule for a concrete URI. Asked for up to three times a message: 0.05 us, searching takes 0.17."""

    def _find(self, uri: str) -> Found | None:
        for place in self._rules:
            object_id = place.object_in(uri)
            if object_id is not None:
                return Found(place.rule, object_id)
        return None

    def covers(self, pattern: str, match: Match, action: Action) -> bool:
        """Whether a pattern may be subscribed to as a whole: by one rule, within which each event is judged.

        A pattern that reaches further (the prefix `fairlead.`, the wildcard `com..`) is not covered: who gets some of
        what it asked for takes it for all. Nor is one that the rule does not reach, or only behind an earlier one:
        it would be silent for ever.
        """
        for place in self._rules:
            typical = place.typical_prefix(pattern) if match == "prefix" else place.typical_wildcard(pattern)
            found = None if typical is None else self._find(typical)
            if found is not None and found.rule is place.rule and place.rule.level(action) is not None:
                return True
        return False


class _Place:
    """A rule, and where the object stands in its URIs."""

    def __init__(self, rule: UriRule) -> None:
        """Raises ValueError, which names the rule."""
        parts = rule.uri.split(".")
        if parts.count(_PLACE) != 1 or any("{" in part and part != _PLACE for part in parts):
            raise ValueError(f"rule {rule.uri!r} must have {_PLACE} exactly once, as a whole component")
        self.rule = rule
        self._parts = parts
        self._before, self._after = rule.uri.split(_PLACE)

    def object_in(self, uri: str) -> str | None:
        """The object that a URI names by this rule; None if the rule does not fit."""
        before, after = self._before, self._after
        if not (uri.startswith(before) and uri.endswith(after)):
            return None
        object_id = uri[len(before) : len(uri) - len(after)]
        return object_id if object_id and "." not in object_id else None

    def typical_prefix(self, prefix: str) -> str | None:
        """A URI of the rule that stands for all those that begin like this; None if there are others.

        What a prefix reaches beyond the rule is denied event by event.
        """
        if not prefix.startswith(self._before):
            return None
        begun, dot, behind = prefix[len(self._before) :].partition(".")
        if not dot:
            return f"{self._before}{begun}{_OPEN}{self._after}"
        return f"{self._before}{begun}{self._after}" if self._after.startswith(dot + behind) else None

    def typical_wildcard(self, pattern: str) -> str | None:
        """A URI that stands for all of the pattern; None unless it has the rule's literal components."""
        asked = pattern.split(".")
        if len(asked) != len(self._parts):
            return None
        if any(ruled not in (_PLACE, part) for part, ruled in zip(asked, self._parts, strict=True)):
            return None
        return ".".join(part or _OPEN for part in asked)
