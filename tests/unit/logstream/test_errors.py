"""The table of errors is the truth about them."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead_logstream import errors
from fairlead_router import LimitExceeded, RequestError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RequestError)]


def test_every_error_of_ours_is_in_the_table_once_and_no_other() -> None:
    ours = {error.uri for error in CLASSES if error.uri.startswith("fairlead.")} | {LimitExceeded.uri}
    listed = re.findall(r"^\| `(fairlead\.error\.\w+)`", errors.__doc__ or "", re.MULTILINE)
    assert sorted(listed) == sorted(ours)
    assert len(ours) == len(CLASSES)


def test_the_reference_has_each_of_them_with_the_same_facts() -> None:
    reference = (Path(__file__).parents[3] / "docs" / "reference.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(fairlead\.error\.\w+)` \| ([^|]*) \|", errors.__doc__ or "", re.MULTILINE)
    assert rows
    for uri, facts in rows:
        told = f"`{uri}` {{{facts.strip()}}}" if facts.strip() else f"`{uri}` |"
        assert f"| {told}" in reference
