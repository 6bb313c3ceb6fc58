"""URI rules: which object a URI names, and which prefixes are judged object by object."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_authz.uri_rules import DIRECTORY_RULE, RECORD_RULE, STREAM_RULE, UriRule, UriRules
from fairlead_router.uris import Match, matches

APP = UriRule("com.app.{object}.state", subscribe="read", publish="write")
RULES = UriRules((APP,))


@pytest.mark.parametrize(
    ("uri", "rule", "object_id"),
    [
        ("fairlead.stream.x", STREAM_RULE, "x"),
        ("fairlead.directory.x", DIRECTORY_RULE, "x"),
        ("fairlead.record.x", RECORD_RULE, "x"),
        ("fairlead.stream.zzzzz-xvhdp-000000000000000", STREAM_RULE, "zzzzz-xvhdp-000000000000000"),
        ("com.app.x.state", APP, "x"),
    ],
)
def test_the_object_is_one_component(uri: str, rule: UriRule, object_id: str) -> None:
    assert RULES.find(uri) == (rule, object_id)


@pytest.mark.parametrize(
    "uri",
    ["fairlead.stream.", "fairlead.stream", "fairlead.stream.x.y", "com.app.state", "com.app..state",
     "com.app.x.y.state", "com.app.x.state.z", "xcom.app.x.state", "fairlead.streamx.y", ""],
)  # fmt: skip
def test_what_no_rule_fits_names_nothing(uri: str) -> None:
    assert RULES.find(uri) is None


@pytest.mark.parametrize(
    "prefix",
    [
        "fairlead.stream.",
        "fairlead.stream.a",
        "fairlead.directory.",
        "fairlead.record.",
        "com.app.",
        "com.app.x",
        "com.app.x.",
        "com.app.x.sta",
    ],
)
def test_a_prefix_is_covered_where_each_event_is_judged_by_its_object(prefix: str) -> None:
    assert RULES.covers(prefix, "prefix", "subscribe")


@pytest.mark.parametrize("prefix", ["", "f", "fairlead.", "fairlead.stream", "com.", "com.app", "wamp.", "org."])
def test_a_prefix_that_reaches_further_is_not(prefix: str) -> None:
    assert not RULES.covers(prefix, "prefix", "subscribe")


@pytest.mark.parametrize("prefix", ["com.app.x.other", "com.app.x.state.", "com.app.x.statement", "fairlead.stream.x."])
def test_a_prefix_that_no_uri_of_the_rule_has_is_not(prefix: str) -> None:
    assert not RULES.covers(prefix, "prefix", "subscribe")


@pytest.mark.parametrize("pattern", ["fairlead.stream.", "fairlead.stream.x", "com.app..state", "com.app.x.state"])
def test_a_wildcard_is_covered_where_only_the_object_is_left_open(pattern: str) -> None:
    assert RULES.covers(pattern, "wildcard", "subscribe")


@pytest.mark.parametrize(
    "pattern",
    ["", ".", "..", "...", "fairlead.", "fairlead..x", "..x", "fairlead.stream..", "fairlead.stream", "com...state",
     "com..x.state", "com.app..", "com.app.x.", ".app.x.state", "com.app", "com.app..states", "org.app..state"],
)  # fmt: skip
def test_a_wildcard_that_leaves_more_open_or_has_other_components_is_not(pattern: str) -> None:
    assert not RULES.covers(pattern, "wildcard", "subscribe")


def test_a_prefix_is_covered_only_for_actions_that_the_rule_has() -> None:
    assert not RULES.covers("fairlead.stream.", "prefix", "publish")


def test_the_first_rule_that_fits_counts() -> None:
    first, second = UriRule("a.{object}", call="read"), UriRule("a.{object}", call="manage")
    found = UriRules((first, second)).find("a.x")
    assert found is not None
    assert found.rule is first


@pytest.mark.parametrize(
    "uri", ["com.app", "com.{object}.{object}", "com.x{object}", "com.{id}.{object}", "{object", ""]
)
def test_a_rule_without_exactly_one_place_is_refused_by_name(uri: str) -> None:
    with pytest.raises(ValueError, match=r"must have \{object\} exactly once") as caught:
        UriRules((UriRule(uri),))
    assert repr(uri) in str(caught.value)


# ---- patterns against brute force ----

WORDS = ("a", "b", "aa", "q")
"""Components of rules and patterns. No rule names q: with it there is always an object like none of its components."""

COMPONENTS = (*WORDS, *(f"{word}q" for word in WORDS))
"""And with more letters than a prefix may have of them."""

URIS = [".".join(parts) for length in (1, 2, 3) for parts in product(COMPONENTS, repeat=length)]

PARTS = st.sampled_from(WORDS[:3])


@st.composite
def rules(draw: st.DrawFn) -> UriRule:
    parts = draw(st.lists(PARTS, max_size=2))
    parts.insert(draw(st.integers(0, len(parts))), "{object}")
    return UriRule(".".join(parts), subscribe=draw(st.sampled_from(["read", None])))


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, Match]:
    if draw(st.booleans()):
        return ".".join(draw(st.lists(PARTS | st.just(""), min_size=1, max_size=3))), "wildcard"
    parts = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
    return ".".join(parts) + draw(st.sampled_from(["", "."][: 4 - len(parts)])), "prefix"


def fits(rule: UriRule, uri: str) -> bool:
    ruled, parts = rule.uri.split("."), uri.split(".")
    return len(ruled) == len(parts) and all(map(lambda one, other: one in ("{object}", other), ruled, parts))


def covered(known: list[UriRule], pattern: str, match: Match) -> bool:
    """By looking at each URI: a rule's part before the object is in all of them, and some are the rule's own."""
    within = [uri for uri in URIS if matches(pattern, match, uri)]
    for rule in known:
        before = rule.uri.partition("{object}")[0]
        reaches_no_further = all(uri.startswith(before) if match == "prefix" else fits(rule, uri) for uri in within)
        own = any(next((each for each in known if fits(each, uri)), None) is rule for uri in within)
        if rule.subscribe is not None and reaches_no_further and own:
            return True
    return False


@given(st.lists(rules(), max_size=3), patterns())
def test_patterns_are_covered_as_a_look_at_every_uri_says(known: list[UriRule], asked: tuple[str, Match]) -> None:
    pattern, match = asked
    assert UriRules(tuple(known)).covers(pattern, match, "subscribe") == covered(known, pattern, match)


@given(st.lists(rules(), max_size=3), st.sampled_from(URIS))
def test_the_rule_of_a_uri_is_the_first_that_fits_component_by_component(known: list[UriRule], uri: str) -> None:
    found = UriRules(tuple(known)).find(uri)
    assert (None if found is None else found.rule) is next((rule for rule in known if fits(rule, uri)), None)
