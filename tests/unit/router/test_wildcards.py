"""Which wildcard patterns match a URI, and which of them best."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.wildcards import WildcardIndex

COMPONENTS = st.sampled_from(["a", "b", "c"])
URIS = st.lists(COMPONENTS, min_size=1, max_size=5).map(".".join)
PATTERNS = st.lists(COMPONENTS | st.just(""), min_size=1, max_size=5).map(".".join)


def index_of(*patterns: str) -> WildcardIndex[str]:
    index: WildcardIndex[str] = WildcardIndex()
    for pattern in patterns:
        index.add(pattern, pattern)
    return index


def matches(pattern: str, uri: str) -> bool:
    """The rule, said directly."""
    wanted, given_ = pattern.split("."), uri.split(".")
    return len(wanted) == len(given_) and all(one in ("", other) for one, other in zip(wanted, given_, strict=True))


def portions(pattern: str) -> list[int]:
    """The lengths of the portions before each wildcard, in components."""
    lengths = [0]
    for component in pattern.split("."):
        if component:
            lengths[-1] += 1
        else:
            lengths.append(0)
    return lengths


@pytest.mark.parametrize(
    ("uri", "best"),
    [
        ("a1.b2.c55.d4.e5", "a1.b2..d4.e5"),
        ("a1.b2.c33.d4.e5", "a1.b2.c33..e5"),
        ("a1.b2.c88.d4.e5.f6.g7", "a1.b2..d4.e5..g7"),
        ("a2.b2.c2.d2.e2", None),
        ("a1.b2.c55.d4", None),
    ],
)
def test_best_match_has_the_longest_portion_before_a_wildcard(uri: str, best: str | None) -> None:
    index = index_of("a1.b2..d4.e5", "a1.b2.c33..e5", "a1.b2..d4.e5..g7", "a1.b2..d4..f6.g7")
    assert next(iter(index.matching(uri)), None) == best


@given(st.sets(PATTERNS), URIS)
def test_every_pattern_that_matches_is_found_in_the_order_of_its_portions(patterns: set[str], uri: str) -> None:
    expected = sorted((each for each in patterns if matches(each, uri)), key=portions, reverse=True)
    assert index_of(*patterns).matching(uri) == expected


@given(st.sets(PATTERNS), st.sets(PATTERNS), URIS)
def test_removed_patterns_leave_the_others(kept: set[str], removed: set[str], uri: str) -> None:
    index = index_of(*sorted(kept | removed))
    for pattern in removed - kept:
        index.remove(pattern)
    assert set(index.matching(uri)) == {each for each in kept if matches(each, uri)}
    for pattern in removed - kept:
        index.add(pattern, pattern)
    assert set(index.matching(uri)) == {each for each in kept | removed if matches(each, uri)}


def test_pattern_is_in_the_index_once() -> None:
    with pytest.raises(AssertionError, match="already"):
        index_of("a..b", "a..b")


def test_look_up_does_not_grow_with_patterns_that_differ_early() -> None:
    few, many = index_of("a..c"), index_of("a..c", *(f"x{number}..c" for number in range(20_000)))
    assert _best_time_s(many) < 5 * _best_time_s(few)


def _best_time_s(index: WildcardIndex[str]) -> float:
    return min(timeit.repeat(lambda: index.matching("a.b.c"), number=200, repeat=5))
