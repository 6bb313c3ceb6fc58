"""docs/features.md has every feature that is announced, and tests and pages that there are."""

from __future__ import annotations

import re

import pytest

from fairlead_router.features import ROUTER_ROLES
from support.project import ROOT
from support.vectors import load

PAGE = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
FEATURES = [row for row in ROWS if row[0] != "feature"]
ANNOUNCED = {name for role in ROUTER_ROLES.values() for name, has in role["features"].items() if has}
EACH = pytest.mark.parametrize("row", FEATURES, ids=lambda row: row[0])


def named(text: str) -> list[str]:
    """What stands in code."""
    return re.findall(r"`([^`]+)`", text)


def test_every_announced_feature_has_a_row() -> None:
    rows = [name for row in FEATURES for name in named(row[0]) if name in ANNOUNCED]
    assert sorted(rows) == sorted(ANNOUNCED)


def test_conversations_are_named_where_there_are_some() -> None:
    with_conversations = {vector["feature"] for vector in load() if "feature" in vector}
    rows = {name for row in FEATURES if "vectors/advanced.json" in named(row[3]) for name in named(row[0])}
    assert with_conversations <= rows


@EACH
def test_row_has_a_status_of_the_specification(row: list[str]) -> None:
    assert row[1] in {"stable", "beta", "alpha", "sketch", "text", "extension"}


@EACH
def test_row_names_a_page_that_there_is(row: list[str]) -> None:
    pages = re.findall(r"\]\(([^)]+)\)", row[2])
    assert pages
    assert all((ROOT / "docs" / page).is_file() for page in pages)


@EACH
def test_row_names_tests_that_there_are(row: list[str]) -> None:
    tests = named(row[3])
    assert tests
    assert [each for each in tests if not (ROOT / "tests" / each).is_file()] == []
