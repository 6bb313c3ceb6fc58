"""The grammar of URIs and patterns."""

from __future__ import annotations

import pytest

from fairlead_router.errors import InvalidUri
from fairlead_router.uris import MAX_ID, Match, check_uri, is_reserved, new_id


@pytest.mark.parametrize("uri", ["a", "com.app.x", "com.app.1", "fairlead.stream.a-b_c@d+e", "é.ß", "a" * 1024])
def test_uri_is_valid(uri: str) -> None:
    check_uri(uri, "exact", 1024)
    check_uri(uri, "prefix", 1024)


@pytest.mark.parametrize(
    "uri", ["", ".", "a.", ".a", "a..b", "a b", "a\tb", "a#b", "a\n", "\na", "a.\u2003.b", "a\u0085b"]
)
def test_uri_is_invalid(uri: str) -> None:
    with pytest.raises(InvalidUri, match="not valid for match=exact"):
        check_uri(uri, "exact", 1024)


@pytest.mark.parametrize(
    ("uri", "match", "is_valid"),
    [
        ("com.app.", "prefix", True),
        ("com.app", "prefix", True),
        ("com..app", "prefix", False),
        (".com", "prefix", False),
        ("", "prefix", False),
        ("com..app", "wildcard", True),
        (".", "wildcard", True),
        ("com.#.app", "wildcard", False),
    ],
)
def test_pattern(uri: str, match: Match, is_valid: bool) -> None:
    if is_valid:
        check_uri(uri, match, 1024)
    else:
        with pytest.raises(InvalidUri):
            check_uri(uri, match, 1024)


def test_long_uri_is_refused_and_shown_in_part() -> None:
    with pytest.raises(InvalidUri) as caught:
        check_uri("x" * 100_000, "exact", 1024)
    assert "100000 characters; at most 1024" in caught.value.text
    assert len(caught.value.text) < 400


def test_bad_uri_is_shown_in_part() -> None:
    with pytest.raises(InvalidUri) as caught:
        check_uri("#" * 1000, "exact", 1024)
    assert len(caught.value.text) < 500


def test_grammar_takes_time_in_proportion() -> None:
    """A nested quantifier would take 2^n."""
    with pytest.raises(InvalidUri):
        check_uri("a." * 5000 + "#", "exact", 100_000)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("wamp.x", True), ("fairlead.x", True), ("wamp", False), ("fairlead", False), ("wampx.y", False)],
)
def test_reserved(uri: str, expected: bool) -> None:
    assert is_reserved(uri) is expected


def test_ids_are_what_a_double_holds() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(1 <= each <= MAX_ID for each in ids)
