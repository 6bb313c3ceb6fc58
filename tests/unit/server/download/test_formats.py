"""The two formats of a download, page by page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead_server.download import formats
from fairlead_server.download.formats import MARKER, PARTIAL, Ndjson, Text


def page(*records: tuple[str | bytes, str, int], first: int = 0, **also: Any) -> dict[str, Any]:
    """Records as (text, source, flags), a microsecond apart."""
    wire = [[first + index, source, text, flags] for index, (text, source, flags) in enumerate(records)]
    return {"first": first, "records": wire, "next": first + len(wire), **also}


def test_a_line_in_parts_goes_over_pages_and_other_lines_pass_it() -> None:
    text = Text()
    assert text.page(page(("a", "out", PARTIAL), ("b", "out", PARTIAL), ("x", "err", 0)), None) == b"x\n"
    assert text.page(page(("c", "out", 0), ("d", "out", PARTIAL)), None) == b"abc\n"
    assert text.rest() == b"d"
    assert text.rest() == b""


def test_lines_without_end_are_held_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "HELD_LIMIT_BYTES", 5)
    text = Text()
    parts = [("abc", "out", PARTIAL), ("def", "out", PARTIAL), ("ghi", "out", PARTIAL), ("j", "out", 0)]
    assert text.page(page(*parts), None) + text.rest() == b"abcdefghij\n"


def test_what_the_service_says_is_a_line_of_its_own() -> None:
    damaged = page(('{"lost":3}', "fairlead", MARKER), ("a", "out", 0), lagged={"from": 1, "to": 2, "damaged": True})
    remark = b'[fairlead] {"lagged":{"from":1,"to":2,"damaged":true}}\n'
    assert Text().page(damaged, None) == remark + b'[fairlead] {"lost":3}\na\n'
    lines = [json.loads(line) for line in Ndjson().page(damaged, None).splitlines()]
    assert lines[0] == {"lagged": {"from": 1, "to": 2, "damaged": True}}
    assert (lines[1]["text"], lines[1]["flags"]) == ('{"lost":3}', MARKER)


def test_numbers_are_those_of_the_stream_also_through_a_filter() -> None:
    filtered = page(("a", "out", 0), ("b", "out", 0), first=5) | {"seqs": [5, 9], "next": 12}
    assert [json.loads(line)["seq"] for line in Ndjson().page(filtered, None).splitlines()] == [5, 9]
    assert [json.loads(line)["seq"] for line in Ndjson().page(page(("a", "out", 0), first=7), None).splitlines()] == [7]


def test_an_end_of_the_time_leaves_out_what_is_behind_it() -> None:
    records = page(("a", "out", 0), ("b", "out", 0), ("c", "out", 0))
    assert Text().page(records, 2) == b"a\nb\n"
    assert len(Ndjson().page(records, 1).splitlines()) == 1
