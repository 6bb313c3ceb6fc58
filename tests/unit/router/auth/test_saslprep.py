"""SASLprep, by the examples of RFC 4013 and against another implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passlib.utils import saslprep as passlib_saslprep

from fairlead_router.auth.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("", ""),
    ],
)
def test_examples(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\ud800", "\u0221"])
def test_what_is_not_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 4013"):
        saslprep(text)


def outcome(prepare: object, text: str) -> str | None:
    assert callable(prepare)
    try:
        return str(prepare(text))
    except ValueError:
        return None


@given(st.text(st.characters(codec="utf-8"), max_size=5) | st.text("a\u05d0\u05d1\u06611\u00a0\u00ad.", max_size=5))
def test_agrees_with_passlib(text: str) -> None:
    assert outcome(saslprep, text) == outcome(passlib_saslprep, text)
