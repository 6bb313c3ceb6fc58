"""Static rules: which one counts, and what they say about patterns, compared with asking about every URI."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router import Match, Principal
from fairlead_router.authorizers.rules import ActionRules, InvalidRule, Rule, RuleSet

ALICE = Principal("alice", "user")

Verdicts = dict[tuple[Match, str], bool]

RULE_COMPONENTS = ["a", "b", "ab"]
"""`ab` is under the prefix `a`."""

ALL_URIS = [
    ".".join(components)
    for length in range(1, 5)
    for components in product(["a", "b", "ab", "z", "az", "abz"], repeat=length)
]
"""With components, and with a length, that no rule names: what a pattern leaves open."""

LONGER_THAN_RULES = 6 + 6**2 + 6**3
"""Where the URIs of four components begin."""


def uris() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(RULE_COMPONENTS), min_size=1, max_size=3).map(".".join)


def prefixes() -> st.SearchStrategy[str]:
    return uris().flatmap(lambda uri: st.integers(0, len(uri)).map(lambda length: uri[:length]))


def wildcards() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(["", *RULE_COMPONENTS]), min_size=1, max_size=3).map(".".join)


def patterns() -> st.SearchStrategy[tuple[Match, str]]:
    return st.one_of(
        uris().map(lambda uri: ("exact", uri)),
        prefixes().map(lambda uri: ("prefix", uri)),
        wildcards().map(lambda uri: ("wildcard", uri)),
    )


def rules() -> st.SearchStrategy[Verdicts]:
    return st.dictionaries(patterns(), st.booleans(), max_size=7)


def matches(pattern: str, match: Match, uri: str) -> bool:
    """As the spec says it."""
    if match == "exact":
        return uri == pattern
    if match == "prefix":
        return uri.startswith(pattern)
    return re.fullmatch("\\.".join(re.escape(part) or "[^.]+" for part in pattern.split(".")), uri) is not None


def verdict_of_most_specific(verdicts: Verdicts, uri: str) -> bool | None:
    """As the documentation says it."""

    def rank(pattern: tuple[Match, str]) -> tuple[Any, ...]:
        match, text = pattern
        if match == "wildcard":
            return 0, tuple(component != "" for component in text.split("."))
        return {"prefix": 1, "exact": 2}[match], (len(text),)

    fitting = [pattern for pattern in verdicts if matches(pattern[1], pattern[0], uri)]
    return verdicts[max(fitting, key=rank)] if fitting else None


@given(rules())
def test_most_specific_rule_counts(verdicts: Verdicts) -> None:
    judge = ActionRules(verdicts)
    for uri in ALL_URIS[:LONGER_THAN_RULES]:
        assert judge.judge(uri) == verdict_of_most_specific(verdicts, uri)


def test_exact_counts_before_prefix_before_wildcard_and_the_longer_and_the_earlier_before_the_others() -> None:
    ranking: list[tuple[Match, str]] = [
        ("exact", "com.app.x"),
        ("prefix", "com.app."),
        ("prefix", "com"),
        ("wildcard", "com.app."),
        ("wildcard", "com..x"),
        ("wildcard", ".app.x"),
        ("wildcard", ".."),
    ]
    for number in range(len(ranking)):
        verdicts = dict.fromkeys(ranking[number:], False)
        verdicts[ranking[number]] = True
        assert ActionRules(verdicts).judge("com.app.x") is True, ranking[number]


@given(rules(), patterns())
def test_pattern_is_wholly_allowed_exactly_if_each_of_its_uris_is(verdicts: Verdicts, asked: tuple[Match, str]) -> None:
    judge = ActionRules(verdicts)
    match, pattern = asked
    each_is_allowed = all(judge.judge(uri) is True for uri in ALL_URIS if matches(pattern, match, uri))
    assert (judge.judge_all(pattern, match) is True) == each_is_allowed


@given(rules(), patterns())
def test_pattern_is_wholly_undecided_only_if_none_of_its_uris_is_denied(
    verdicts: Verdicts, asked: tuple[Match, str]
) -> None:
    judge = ActionRules(verdicts)
    match, pattern = asked
    if judge.judge_all(pattern, match) is None:
        assert all(judge.judge(uri) is not False for uri in ALL_URIS if matches(pattern, match, uri))


@given(rules(), patterns())
def test_pattern_is_judged_by_a_rule_that_holds_for_all_of_it(verdicts: Verdicts, asked: tuple[Match, str]) -> None:
    match, pattern = asked
    inside = [uri for uri in ALL_URIS if matches(pattern, match, uri)]
    holding = {key: verdict for key, verdict in verdicts.items() if all(matches(key[1], key[0], uri) for uri in inside)}
    assert ActionRules(verdicts).judge_pattern(pattern, match) == verdict_of_most_specific(holding, inside[-1])


@given(rules(), patterns())
def test_what_a_subscriber_is_not_told_of_an_allowed_pattern_is_what_is_not_allowed(
    verdicts: Verdicts, asked: tuple[Match, str]
) -> None:
    """Whoever may have a pattern wholly, has it as a whole too."""
    judge = ActionRules(verdicts)
    match, pattern = asked
    if judge.judge_all(pattern, match):
        assert judge.judge_pattern(pattern, match) is True


def judged(given_rules: list[Rule], uri: str, who: Principal = ALICE) -> bool | None:
    return RuleSet(given_rules).for_principal(who)["subscribe"].judge(uri)


def allow(uri: str = "com.x", **fields: Any) -> Rule:
    return Rule(uri=uri, allow=frozenset({"subscribe"}), **{"roles": frozenset({"*"}), **fields})


def deny(uri: str = "com.x", **fields: Any) -> Rule:
    return Rule(uri=uri, deny=frozenset({"subscribe"}), **{"roles": frozenset({"*"}), **fields})


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_rules_with_the_same_pattern_the_denial_counts(order: int) -> None:
    for one, another in ((allow(), deny()), (allow(authids=frozenset({"alice"})), deny(roles=frozenset({"user"})))):
        assert judged([one, another][::order], "com.x") is False


@pytest.mark.parametrize(
    ("fields", "is_for_alice"),
    [
        ({"roles": frozenset({"*"})}, True),
        ({"roles": frozenset({"user", "admin"})}, True),
        ({"roles": frozenset({"admin"})}, False),
        ({"roles": frozenset(), "authids": frozenset({"alice"})}, True),
        ({"roles": frozenset(), "authids": frozenset({"bob"})}, False),
        ({"roles": frozenset({"admin"}), "authids": frozenset({"alice"})}, True),
        ({"roles": frozenset({"user"}), "authids": frozenset({"bob"})}, True),
        ({"roles": frozenset({"alice"}), "authids": frozenset({"user"})}, False),
    ],
)
def test_rule_is_for_its_roles_and_its_authids(fields: dict[str, Any], is_for_alice: bool) -> None:
    assert judged([allow(**fields)], "com.x") is (True if is_for_alice else None)


def test_actions_are_judged_apart() -> None:
    rule = Rule(
        uri="com.x", roles=frozenset({"*"}), allow=frozenset({"call", "publish"}), deny=frozenset({"subscribe"})
    )
    judges = RuleSet([rule]).for_principal(ALICE)
    assert {action: judges[action].judge("com.x") for action in judges} == {
        "subscribe": False,
        "publish": True,
        "call": True,
        "register": None,
    }


def test_many_strangers_are_one_kind() -> None:
    rules = RuleSet([allow(roles=frozenset({"user"}), authids=frozenset({"alice"}))])
    first, *others = [rules.for_principal(Principal(f"s{number}", f"role{number}")) for number in range(1000)]
    assert all(other is first for other in others)


@pytest.mark.parametrize(
    ("rule", "key", "said"),
    [
        (allow("com..x"), "uri", "'com..x'"),
        (allow(""), "uri", "''"),
        (allow("com.x", match="wildcard"), "match", "use match=exact"),
        (allow("com x", match="prefix"), "uri", "white space"),
        (allow(roles=frozenset()), "roles", "for nobody"),
        (Rule(uri="com.x", roles=frozenset({"*"})), "allow", "subscribe, publish, call, register"),
        (
            Rule(uri="a", roles=frozenset({"*"}), allow=frozenset({"call"}), deny=frozenset({"call"})),
            "deny",
            "call cannot be allowed and denied",
        ),
    ],
)
def test_rule_that_cannot_be_meant_is_refused_by_place_and_key(rule: Rule, key: str, said: str) -> None:
    with pytest.raises(InvalidRule, match=re.escape(said)) as caught:
        RuleSet([allow(), rule])
    assert (caught.value.index, caught.value.key) == (1, key)
    assert str(caught.value).startswith(f"rule 2: {key}: ")


def test_empty_prefix_is_a_rule_for_everything() -> None:
    assert judged([allow("", match="prefix")], "any.thing") is True
