"""docs/configuration.md has every table and every key, with its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from msgspec.inspect import Field

from fairlead_server.config import Config
from fairlead_server.config.wording import keys_of, tables_of

TEXT = (Path(__file__).parents[4] / "docs" / "configuration.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \|", re.MULTILINE)

TABLES = tables_of(Config)

# Tables with the keys of another, which the page describes once.
ELSEWHERE = {
    place: place.replace("realms.", other, 1)
    for place in TABLES
    for other in ("auth.", "")
    if place.startswith("realms.") and place.replace("realms.", other, 1) in TABLES
}


def rows(place: str) -> dict[str, str]:
    """The keys of a table and their defaults: those of the Markdown table behind the name in brackets."""
    marker = "## The file itself" if place == "" else re.search(rf"`\[+{re.escape(place)}\]+`[^|]*\n\| key", TEXT)
    assert marker is not None, f"there is no table for {place!r}"
    begin = TEXT.index(marker) if isinstance(marker, str) else marker.start()
    return dict(ROW.findall(TEXT[begin : TEXT.index("\n\n", TEXT.index("| key", begin))]))


def shown(field: Field) -> object:
    """The default as TOML has it."""
    if field.required:
        return "required"
    default = msgspec.to_builtins(field.default)
    return "none" if default is None else list(default) if isinstance(default, tuple) else default


def read(text: str) -> object:
    value = text.strip().strip("`")
    return value if value in ("none", "required") else tomllib.loads(f"x = {value}")["x"]


@pytest.mark.parametrize("place", [place for place in TABLES if place != "limits" and place not in ELSEWHERE])
def test_each_key_is_described_with_its_default(place: str) -> None:
    described = {key: read(default) for key, default in rows(place).items() if default.strip()}
    inherited = keys_of(TABLES["auth"]) if place == "realms" else []
    keys = {field.encode_name: shown(field) for field in TABLES[place].fields if field.encode_name not in inherited}
    tables = {key for key in keys if f"{place}.{key}".lstrip(".") in TABLES}
    assert {key: default for key, default in described.items() if key not in tables} == {
        key: default for key, default in keys.items() if key not in tables
    }


def test_each_table_has_an_example() -> None:
    examples = "\n".join(re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL))
    for place in TABLES:
        assert f"[{place}]" in examples or place in ("", *ELSEWHERE), place
