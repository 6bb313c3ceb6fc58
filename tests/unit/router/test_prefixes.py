"""Which prefix patterns a URI begins with."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.prefixes import PrefixIndex

WORDS = st.text("ab.", min_size=1, max_size=6)


def index_of(patterns: set[str]) -> PrefixIndex[str]:
    index: PrefixIndex[str] = PrefixIndex()
    for pattern in patterns:
        index.add(pattern, pattern)
    return index


@given(st.sets(WORDS), WORDS)
def test_all_prefixes_are_found_the_longest_first(patterns: set[str], uri: str) -> None:
    expected = sorted((each for each in patterns if uri.startswith(each)), key=len, reverse=True)
    assert index_of(patterns).matching(uri) == expected


@given(st.sets(WORDS), WORDS)
def test_longest_prefix_is_the_first_of_all(patterns: set[str], uri: str) -> None:
    index = index_of(patterns)
    assert index.longest(uri) == next(iter(index.matching(uri)), None)


@given(st.sets(WORDS), st.sets(WORDS), WORDS)
def test_removed_prefixes_leave_the_others(kept: set[str], removed: set[str], uri: str) -> None:
    index = index_of(kept | removed)
    for pattern in removed - kept:
        index.remove(pattern)
    assert set(index.matching(uri)) == {each for each in kept if uri.startswith(each)}
    assert all(index.get(pattern) is None for pattern in removed - kept)
