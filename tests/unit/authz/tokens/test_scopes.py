"""Scopes: what a token may be good for."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_authz.tokens.scopes import SCOPE_LENGTH, SCOPES_PER_TOKEN, Scopes, check_scopes
from fairlead_router import Action, InvalidArgument, LimitExceeded, Match
from fairlead_router.uris import matches

ACTIONS: tuple[Action, ...] = get_args(Action)


@pytest.mark.parametrize(
    ("scope", "action", "uri", "is_allowed"),
    [
        ("subscribe com.app.x", "subscribe", "com.app.x", True),
        ("subscribe com.app.x", "publish", "com.app.x", False),
        ("subscribe com.app.x", "subscribe", "com.app.x.y", False),
        ("subscribe com.app.x", "subscribe", "com.app", False),
        ("call com.app.", "call", "com.app.x", True),
        ("call com.app.", "call", "com.app.x.y", True),
        ("call com.app.", "call", "com.apple", False),
        ("call com.app.", "call", "com.app", False),
        ("call", "call", "anything.at.all", True),
        ("call", "register", "anything.at.all", False),
        ("* com.app.x", "register", "com.app.x", True),
        ("* com.app.x", "register", "com.app.y", False),
        ("*", "publish", "com.app.x", True),
        ("GET /arvados/v1/collections", "call", "com.app.x", False),
        ("GET /", "call", "/", False),
    ],
)
def test_a_scope_allows_its_action_on_its_uris(scope: str, action: Action, uri: str, is_allowed: bool) -> None:
    assert Scopes([scope]).allow(action, uri, "exact") is is_allowed


def test_no_scope_allows_nothing() -> None:
    assert not any(Scopes([]).allow(action, "com.app.x", "exact") for action in ACTIONS)


@pytest.mark.parametrize(
    ("scope", "pattern", "match", "is_allowed"),
    [
        ("subscribe com.app.x", "com.app.", "prefix", True),
        ("subscribe com.app.x", "com.app.x", "prefix", True),
        ("subscribe com.app.x", "com.app.y", "prefix", False),
        ("subscribe com.app.", "com.", "prefix", True),
        ("subscribe com.app.", "com.app.x", "prefix", True),
        ("subscribe com.app.", "org.", "prefix", False),
        ("subscribe com.app.x", "com..x", "wildcard", True),
        ("subscribe com.app.x", "com..y", "wildcard", False),
        ("subscribe com.app.x", "com..x.", "wildcard", False),
        ("subscribe com.app.", ".app.", "wildcard", True),
        ("subscribe com.app.", "com..", "wildcard", True),
        ("subscribe com.app.", "com.", "wildcard", False),
        ("subscribe com.app.", "org..x", "wildcard", False),
        ("subscribe", "..", "wildcard", True),
        ("publish com.app.", "com.app.", "prefix", False),
    ],
)
def test_a_pattern_may_be_subscribed_to_if_something_of_it_is_in_scope(
    scope: str, pattern: str, match: Match, is_allowed: bool
) -> None:
    assert Scopes([scope]).allow("subscribe", pattern, match) is is_allowed


@pytest.mark.parametrize(
    ("scope", "pattern", "match", "is_allowed"),
    [
        ("register com.app.", "com.app.x", "prefix", True),
        ("register com.app.", "com.app.", "prefix", True),
        ("register com.app.", "com.", "prefix", False),
        ("register com.app.x", "com.app.x", "prefix", False),
        ("register com.app.", "com.app..x", "wildcard", True),
        ("register com.app.", "com..x", "wildcard", False),
        ("register", "com..x", "wildcard", True),
    ],
)
def test_a_pattern_may_be_registered_if_all_of_it_is_in_scope(
    scope: str, pattern: str, match: Match, is_allowed: bool
) -> None:
    assert Scopes([scope]).allow("register", pattern, match) is is_allowed


WORDS = st.sampled_from(["a", "b", "aa"])
URIS = st.lists(WORDS, min_size=1, max_size=3).map(".".join)
SCOPES = st.builds(
    "{} {}{}".format, st.sampled_from(["subscribe", "*", "call"]), URIS, st.sampled_from(["", "."])
) | st.sampled_from(["*", "call", "subscribe"])
PATTERNS = st.tuples(
    st.lists(st.sampled_from(["", "a", "b", "aa"]), min_size=1, max_size=3).map(".".join),
    st.sampled_from(["prefix", "wildcard"]),
)


@given(SCOPES, URIS, PATTERNS)
def test_what_reaches_a_uri_in_scope_is_allowed_as_a_pattern(scope: str, uri: str, pattern: tuple[str, Match]) -> None:
    scopes = Scopes([scope])
    text, match = pattern
    if scopes.allow("subscribe", uri, "exact") and matches(text, match, uri):
        assert scopes.allow("subscribe", text, match)


@given(SCOPES, URIS, PATTERNS)
def test_what_may_be_registered_as_a_pattern_is_in_scope_throughout(
    scope: str, uri: str, pattern: tuple[str, Match]
) -> None:
    scopes = Scopes([scope])
    text, match = pattern
    if scopes.allow("call", text, match) and matches(text, match, uri):
        assert scopes.allow("call", uri, "exact")


@given(st.lists(SCOPES, max_size=3), st.lists(SCOPES, max_size=3), st.sampled_from(ACTIONS), URIS)
def test_what_is_included_is_allowed(outer: list[str], inner: list[str], action: Action, uri: str) -> None:
    if Scopes(outer).include(Scopes(inner)) and Scopes(inner).allow(action, uri, "exact"):
        assert Scopes(outer).allow(action, uri, "exact")


@pytest.mark.parametrize(
    ("outer", "inner", "is_included"),
    [
        ("call com.", "call com.app.", True),
        ("call com.", "call com.app.x", True),
        ("call com.app.x", "call com.app.x", True),
        ("*", "call", True),
        ("* com.", "call com.x", True),
        ("call com.app.", "call com.", False),
        ("call com.app.x", "call com.app.x.", False),
        ("call", "*", False),
        ("call", "subscribe", False),
        ("call com.", "GET /everything", True),
        ("GET /everything", "call com.x", False),
    ],
)
def test_scopes_that_are_no_wider_are_included(outer: str, inner: str, is_included: bool) -> None:
    assert Scopes([outer]).include(Scopes([inner])) is is_included


def test_scopes_are_kept_as_they_were_asked_for_each_once() -> None:
    assert check_scopes([" call com.x ", "GET /a b", "call com.x", "*"]) == ("call com.x", "GET /a b", "*")
    assert check_scopes([]) == ()


def test_arvados_all_is_everything() -> None:
    assert check_scopes(["call com.x", "all"]) is None


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        ("", "'ACTION URI'"),
        ("com.app.x", "ACTION one of subscribe, publish, call, register, *"),
        ("read com.app.x", "'read com.app.x' has no action"),
        ("call com..x", "not valid"),
        ("call com.x y", "not valid"),
        ("call .", "not valid"),
        ("call  com.x", "not valid"),
    ],
)
def test_what_is_no_scope_is_refused(scope: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_scopes([scope])
    assert text in caught.value.text


def test_scopes_are_bounded() -> None:
    check_scopes([f"call com.x{number}" for number in range(SCOPES_PER_TOKEN)])
    with pytest.raises(LimitExceeded, match="at most 100") as many:
        check_scopes(["call"] * (SCOPES_PER_TOKEN + 1))
    with pytest.raises(LimitExceeded, match="more than 300 characters") as long:
        check_scopes([f"call {'x' * SCOPE_LENGTH}"])
    assert (many.value.details["limit"], long.value.details["limit"]) == ("scopes_per_token", "scope_length")
