"""URI rules: which object a URI names, and which prefixes are judged object by object."""

from __future__ import annotations

import pytest

from fairlead_authz.uri_rules import STREAM_RULE, UriRule, UriRules

APP = UriRule("com.app.{object}.state", subscribe="read", publish="write")
RULES = UriRules((APP,))


@pytest.mark.parametrize(
    ("uri", "rule", "object_id"),
    [
        ("fairlead.stream.x", STREAM_RULE, "x"),
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
    "prefix", ["fairlead.stream.", "fairlead.stream.a", "com.app.", "com.app.x.", "com.app.x.state"]
)
def test_a_prefix_is_covered_where_each_event_is_judged_by_its_object(prefix: str) -> None:
    assert RULES.covers(prefix, "prefix", "subscribe")


@pytest.mark.parametrize("prefix", ["", "f", "fairlead.", "fairlead.stream", "com.", "com.app", "wamp.", "org."])
def test_a_prefix_that_reaches_further_is_not(prefix: str) -> None:
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
