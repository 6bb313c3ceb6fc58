"""The table of errors of each service is the truth about them."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import fairlead_logstream.errors
import fairlead_records.errors
from fairlead_common import errors as shared
from fairlead_router import LimitExceeded, RequestError

each_service = pytest.mark.parametrize(
    "errors", [fairlead_logstream.errors, fairlead_records.errors], ids=lambda module: module.__name__
)


def classes_of(module: ModuleType) -> list[type[RequestError]]:
    found = [value for value in vars(module).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, RequestError) and value is not RequestError]


@each_service
def test_every_error_of_ours_is_in_the_table_once_and_no_other(errors: ModuleType) -> None:
    classes = [*classes_of(errors), *classes_of(shared)]
    ours = {error.uri for error in classes} | {LimitExceeded.uri}
    listed = re.findall(r"^\| `(fairlead\.error\.\w+)`", errors.__doc__ or "", re.MULTILINE)
    assert sorted(listed) == sorted(ours)
    assert len(ours) == len(classes) + 1


@each_service
def test_the_reference_has_each_of_them_with_the_same_facts(errors: ModuleType) -> None:
    reference = (Path(__file__).parents[3] / "docs" / "reference.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(fairlead\.error\.\w+)` \| ([^|]*) \|", errors.__doc__ or "", re.MULTILINE)
    assert rows
    for uri, facts in rows:
        told = f"`{uri}` {{{facts.strip()}}}" if facts.strip() else f"`{uri}` |"
        assert f"| {told}" in reference
