"""docs/limits.md says every limit and option with its default."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fairlead_router import Limits, RealmOptions

PAGE = Path(__file__).parents[3] / "docs" / "limits.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]+) \|", re.MULTILINE)


def page() -> str:
    """Without the parts of the services, which have fixed bounds of their own."""
    return re.sub(r"(?ms)^## The (log|record) service$.*?(?=^## )", "", PAGE.read_text(encoding="utf-8"))


def shown(value: object) -> str:
    if value is None:
        return "none"
    return "empty" if value == () else str(value)


@pytest.mark.parametrize("struct", [Limits, RealmOptions])
def test_page_lists_each_field_with_its_default(struct: type[msgspec.Struct]) -> None:
    rows = {name: default for name, default, _ in ROW.findall(page())}
    defaults = struct()
    said = {name: rows.get(name, "no row").strip("`") for name in struct.__struct_fields__}
    assert said == {name: shown(getattr(defaults, name)) for name in struct.__struct_fields__}


def test_page_lists_nothing_that_is_not_there() -> None:
    names = {name for name, _, _ in ROW.findall(page())}
    assert names == {*Limits.__struct_fields__, *RealmOptions.__struct_fields__}
