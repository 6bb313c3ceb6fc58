"""URIs: their grammar and how patterns match, by the loose rules of the spec (Basic Profile, URIs).

Components are separated by dots and hold no white space, no `#` and no further dots, nor U+0000: JSON readers of
WAMP take a string that begins with it for binary. The end
of a prefix pattern may be empty (`com.app.`); a wildcard pattern may have empty components.
"""

import random
import re
from collections.abc import Container
from typing import Literal

from fairlead_router.errors import InvalidUri, LimitExceeded

Match = Literal["exact", "prefix", "wildcard"]

_GRAMMAR = {
    "exact": re.compile(r"(?:[^\s.#\0]+\.)*[^\s.#\0]+"),
    "prefix": re.compile(r"(?:[^\s.#\0]+\.)*[^\s.#\0]*"),
    "wildcard": re.compile(r"(?:[^\s.#\0]*\.)*[^\s.#\0]*"),
}
_RULES = {
    "exact": "components separated by single dots, without white space or '#'",
    "prefix": "components separated by single dots, without white space or '#', a dot at the end allowed",
    "wildcard": "components separated by dots, each possibly empty, without white space or '#'",
}
_SHOWN_CHARACTERS = 200
"""An error text shows so much of a bad URI: enough to find it, too little to flood a log."""

META_PREFIX = "wamp."
"""Topics and procedures of the router itself."""

RESERVED_PREFIXES = (META_PREFIX, "fairlead.")
"""PUBLISH and REGISTER under these are for services joined in-process only: nobody else can speak in their name."""

MAX_ID = 1 << 53
"""Ids are integers from 1 to 2^53, what a double holds exactly (spec: Basic Profile, IDs)."""


def check_uri(uri: str, match: Match, limit: int) -> None:
    """Raise InvalidUri unless `uri` follows the grammar for this match policy and has at most `limit` characters."""
    if len(uri) > limit:
        raise InvalidUri(f"URI {uri[:_SHOWN_CHARACTERS]!r}... has {len(uri)} characters; at most {limit} are allowed")
    if _GRAMMAR[match].fullmatch(uri) is None or not uri:
        raise InvalidUri(f"URI {uri[:_SHOWN_CHARACTERS]!r} is not valid for match={match}: {_RULES[match]}")


def matches(pattern: str, match: Match, uri: str) -> bool:
    """Whether a valid URI matches a valid pattern (spec: Advanced Profile, Pattern-based Subscription).

    >>> matches("com..x", "wildcard", "com.app.x"), matches("com.ap", "prefix", "com.app.x")
    (True, True)
    """
    if match == "exact":
        return uri == pattern
    if match == "prefix":
        return uri.startswith(pattern)
    wanted, components = pattern.split("."), uri.split(".")
    return len(wanted) == len(components) and all(map(_fits, wanted, components))


def _fits(wanted: str, component: str) -> bool:
    return wanted in ("", component)


def check_components(pattern: str, limit: int) -> None:
    """Raise LimitExceeded if a wildcard pattern has more than `limit` components."""
    count = pattern.count(".") + 1
    if count > limit:
        text = f"a wildcard pattern of {count} components; at most {limit} are allowed"
        raise LimitExceeded(text, limit="wildcard_components")


def is_reserved(uri: str) -> bool:
    """Whether only in-process services may publish to or register this URI."""
    return uri.startswith(RESERVED_PREFIXES)


def new_id(taken: Container[int] = ()) -> int:
    """A random id of the global scope, none of `taken` (spec: Basic Profile, IDs).

    Of publications there is no table to look at: of a million of them two are alike with a chance of 1 to 20 000.
    """
    while (number := random.getrandbits(53) + 1) in taken:
        pass
    return number
