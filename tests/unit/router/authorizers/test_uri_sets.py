"""Sets of URIs, compared with the URIs themselves."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.authorizers.uri_sets import UriSet
from fairlead_router.uris import Match

LETTERS = ["a", "b", "ab", "az"]
ALL_URIS = [".".join(components) for length in range(1, 4) for components in product(LETTERS, repeat=length)]

Pattern = tuple[str, Match]


def matches(pattern: Pattern, uri: str) -> bool:
    """As the spec says it."""
    text, match = pattern
    if match == "exact":
        return uri == text
    if match == "prefix":
        return uri.startswith(text)
    return re.fullmatch("\\.".join(re.escape(part) or "[^.]+" for part in text.split(".")), uri) is not None


def patterns() -> st.SearchStrategy[Pattern]:
    uris = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3).map(".".join)
    prefixes = uris.flatmap(lambda uri: st.integers(0, len(uri)).map(lambda length: uri[:length]))
    wildcards = st.lists(st.sampled_from(["", *LETTERS]), min_size=1, max_size=3).map(".".join)
    return st.one_of(
        uris.map(lambda uri: (uri, "exact")),
        prefixes.map(lambda uri: (uri, "prefix")),
        wildcards.map(lambda uri: (uri, "wildcard")),
    )


@given(patterns(), patterns())
def test_two_sets_meet_in_the_uris_that_both_match(one: Pattern, another: Pattern) -> None:
    met = UriSet.of(*one).met_by(UriSet.of(*another))
    both = {uri for uri in ALL_URIS if matches(one, uri) and matches(another, uri)}
    if met is None:
        assert both == set()
    else:
        assert {uri for uri in ALL_URIS if met.met_by(UriSet.of(uri, "exact")) is not None} == both


@given(patterns(), patterns())
def test_meeting_has_no_order(one: Pattern, another: Pattern) -> None:
    first, second = UriSet.of(*one), UriSet.of(*another)
    assert first.met_by(second) == second.met_by(first)


@pytest.mark.parametrize(
    ("pattern", "match", "typical"),
    [
        ("com.app", "exact", "com.app"),
        ("com.app", "prefix", "com.app#.#.#"),
        ("com.app.", "prefix", "com.app.#.#"),
        ("com.app.x.y.z", "prefix", "com.app.x.y.z#"),
        ("", "prefix", "#.#.#.#"),
        ("com..x", "wildcard", "com.#.x"),
        ("com.x", "wildcard", "com.x"),
    ],
)
def test_typical_uri_is_like_no_uri_in_what_the_pattern_leaves_open(pattern: str, match: Match, typical: str) -> None:
    assert UriSet.of(pattern, match).typical(4) == typical
