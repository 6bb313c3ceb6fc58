"""docs/limits.md says the log service's own bounds as they are."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead_logstream.live.directory import STREAMS_LIMIT
from fairlead_logstream.model.stream import PRODUCERS_LIMIT
from fairlead_logstream.procedures.arguments import WAIT_LIMIT_S
from fairlead_logstream.procedures.cursors import CURSORS_LIMIT, CURSORS_PER_OWNER_LIMIT

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "limits.md"
PACKAGE = ROOT / "services" / "logstream" / "fairlead_logstream"
ROW = re.compile(r"^\| `(\w+)` \| ([\d ]+) \|", re.MULTILINE)


def rows() -> dict[str, int]:
    [section] = re.findall(r"(?ms)^## The log service$.*?(?=^## )", PAGE.read_text(encoding="utf-8"))
    return {name: int(value.replace(" ", "")) for name, value in ROW.findall(section)}


def test_page_lists_each_limit_with_its_value() -> None:
    assert rows() == {
        "streams_per_realm": STREAMS_LIMIT,
        "producers_per_stream": PRODUCERS_LIMIT,
        "cursors_per_stream": CURSORS_LIMIT,
        "cursors_per_owner": CURSORS_PER_OWNER_LIMIT,
        "wait_s": WAIT_LIMIT_S,
    }


def test_every_limit_that_an_error_names_is_on_the_page() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'limit="(\w+)"', sources))
    assert named
    assert named <= set(rows())
