"""Scopes: what a token is good for, of what its user may.

    subscribe fairlead.stream.c1      ACTION URI: exactly this one
    call fairlead.log.                a URI that ends in "." stands for all that begin with it
    *                                 any of the actions; without a URI, every URI

ACTION is subscribe, publish, call, register or `*`. A scope allows nothing by itself: the user must have the right too.
It is about URIs and not about objects: what a service answers to a call that is in scope is judged by the user's
rights alone. Scopes of Arvados' HTTP API (`GET /arvados/v1/...`) are kept and allow nothing here.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, get_args

from fairlead_router.authorization import Action
from fairlead_router.errors import InvalidArgument, InvalidUri, LimitExceeded
from fairlead_router.uris import Match, check_uri

SCOPES_PER_TOKEN = 100
"""All are looked at for a message that none allows: some 20 us."""

SCOPE_LENGTH = 300
"""Characters: an action, and a URI that is as long as the router takes."""

_ACTIONS: Final = (*get_args(Action), "*")
_HTTP = re.compile(r"[A-Z]+ /.*")
_EVERYTHING: Final = "all"
"""Arvados' scope of a token without limits."""

_SHOWN_CHARACTERS = 40


class Scope(NamedTuple):
    """One scope that allows something."""

    action: str
    uri: str
    is_prefix: bool

    def allows(self, action: str, uri: str) -> bool:
        """Whether a concrete URI is in scope."""
        return self.action in ("*", action) and (uri.startswith(self.uri) if self.is_prefix else uri == self.uri)

    def allows_all(self, action: str, pattern: str) -> bool:
        """Whether every URI of a pattern is in scope; of a wildcard too, as what it begins with is literal."""
        return self.is_prefix and self.allows(action, pattern)

    def allows_some(self, action: str, pattern: str, match: Match) -> bool:
        """Whether there may be a URI of a pattern that is in scope."""
        if self.action not in ("*", action):
            return False
        if match == "prefix":
            return self.uri.startswith(pattern) or self.allows_all(action, pattern)
        return self._meets(pattern.split("."))

    def includes(self, other: "Scope") -> bool:
        """Whether this one allows all that the other does."""
        if other.is_prefix:
            return self.allows_all(other.action, other.uri)
        return self.allows(other.action, other.uri)

    def _meets(self, components: list[str]) -> bool:
        """Whether a URI in scope matches a wildcard pattern of these components."""
        own = self.uri.split(".")
        if self.is_prefix:
            own.pop()
            components = components[: len(own)] if len(components) > len(own) else []
        return len(components) == len(own) and all(map(_fits, components, own))


class Scopes:
    """The scopes of one token."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.parsed = tuple(_parsed(text) for text in texts if not _is_http(text))

    def allow(self, action: Action, uri: str, match: Match) -> bool:
        """Whether a request is in scope.

        A pattern may be subscribed to if it reaches something that is: its events are judged one by one. Whatever else
        is asked for with a pattern must be in scope as a whole.
        """
        if match == "exact":
            return any(scope.allows(action, uri) for scope in self.parsed)
        if action == "subscribe":
            return any(scope.allows_some(action, uri, match) for scope in self.parsed)
        return any(scope.allows_all(action, uri) for scope in self.parsed)

    def include(self, others: "Scopes") -> bool:
        """Whether these allow all that the others do, scope by scope."""
        return all(any(scope.includes(other) for scope in self.parsed) for other in others.parsed)


def check_scopes(texts: Sequence[str]) -> tuple[str, ...] | None:
    """The scopes as they are kept, each once; None if one is everything. Raises InvalidArgument, LimitExceeded."""
    if len(texts) > SCOPES_PER_TOKEN:
        text = f"{len(texts)} scopes; a token may have at most {SCOPES_PER_TOKEN}"
        raise LimitExceeded(text, limit="scopes_per_token")
    kept = dict.fromkeys(_checked(text) for text in texts)
    return None if _EVERYTHING in kept else tuple(kept)


def _checked(text: str) -> str:
    text = text.strip()
    if len(text) > SCOPE_LENGTH:
        shown = f"{text[:_SHOWN_CHARACTERS]!r}..."
        raise LimitExceeded(f"scope {shown} has more than {SCOPE_LENGTH} characters", limit="scope_length")
    action, _, uri = text.partition(" ")
    if text == _EVERYTHING or _is_http(text):
        return text
    if action not in _ACTIONS:
        raise InvalidArgument(f"scope {text!r} has no action: it is 'ACTION URI', ACTION one of {', '.join(_ACTIONS)}")
    try:
        if uri:
            check_uri(uri, "prefix" if uri.endswith(".") else "exact", SCOPE_LENGTH)
    except InvalidUri as error:
        raise InvalidArgument(f"scope {text!r}: {error.text}") from None
    return text


def _parsed(text: str) -> Scope:
    action, _, uri = text.partition(" ")
    return Scope(action, uri, not uri or uri.endswith("."))


def _is_http(text: str) -> bool:
    return _HTTP.fullmatch(text) is not None


def _fits(component: str, literal: str) -> bool:
    return component in ("", literal)
