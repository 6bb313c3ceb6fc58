"""What `fairlead logs` writes, and where."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fairlead_client.following import Batch, Corrupt, Head, Lagged, Reset, Revoked, Sealed
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._display import Display, JsonDisplay, OutputClosed, marker_text


def batch(*records: tuple[str, str | bytes, int]) -> Batch:
    return Batch(range(len(records)), [[1000 + seq, *record] for seq, record in enumerate(records)])


def shown(capfd: pytest.CaptureFixture[str], display: Display, *items: Any) -> tuple[str, str]:
    for item in items:
        display.show(item)
    return tuple(capfd.readouterr())  # type: ignore[return-value]


def test_stdout_goes_to_stdout_and_all_else_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    items = batch(("stdout", "one", 0), ("stderr", "two", 0), ("crunchstat", "three", 0), ("stdout", "four", 0))
    assert shown(capfd, Display("log"), items) == ("one\nfour\n", "two\nthree\n")


def test_parts_are_joined(capfd: pytest.CaptureFixture[str]) -> None:
    items = batch(("stdout", "a", PARTIAL), ("stdout", "b", PARTIAL), ("stdout", "", 0), ("stdout", "end", PARTIAL))
    assert shown(capfd, Display("log"), items) == ("ab\nend", "")


def test_bytes_are_written_as_they_are(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Display("log").show(batch(("stdout", b"\0\xff", 0), ("stdout", "é\r", 4)))
    assert capfdbinary.readouterr().out == b"\0\xff\n\xc3\xa9\r\n"


@pytest.mark.parametrize(("sources", "out", "err"), [(["stdout"], "one\n", ""), (["stderr", "other"], "", "two\n")])
def test_only_the_wanted_sources_are_shown(
    capfd: pytest.CaptureFixture[str], sources: Sequence[str], out: str, err: str
) -> None:
    items = batch(("stdout", "one", 0), ("stderr", "two", 0))
    assert shown(capfd, Display("log", sources), items) == (out, err)


def test_markers_are_notes_whatever_the_source(capfd: pytest.CaptureFixture[str]) -> None:
    items = batch(("stdout", '{"lost":3}', MARKER))
    assert shown(capfd, Display("log", ["stderr"]), items) == ("", "fairlead: 3 lines were lost here\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"lost":1,"producer":"w"}', "1 line was lost here"),
        ('{"attempt":2}', "attempt 2 begins here"),
        ('{"truncated":"1 MB"}', "the log was cut here: 1 MB"),
        ('{"other":1}', "other: 1"),
        ("[1]", "[1]"),
        ("no json", "no json"),
    ],
)
def test_a_marker_in_words(text: str, words: str) -> None:
    assert marker_text(text) == words


def test_what_is_not_there_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    out, err = shown(capfd, Display("log"), Lagged(0, 5), Corrupt(5, 6), Reset(2, 0, 0), Head(6), Sealed(0, None, 6))
    assert out == ""
    assert err.splitlines() == [
        "fairlead: not kept any more: 5 lines from number 0 on",
        "fairlead: damaged and left out: 1 line from number 5 on",
        "fairlead: the log's store was replaced: this is log from its oldest line on",
    ]


def test_json_has_one_document_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    items = [batch(("stdout", "é", 0), ("stderr", b"\xff", 1)), Lagged(2, 5), Head(5), Sealed(3, "why", 5)]
    out, err = shown(capfd, JsonDisplay("log"), *items, Revoked("gone"))
    assert err == ""
    assert [json.loads(line) for line in out.splitlines()] == [
        {"seq": 0, "time_us": 1000, "source": "stdout", "text": "é", "flags": 0},
        {"seq": 1, "time_us": 1001, "source": "stderr", "base64": "/w==", "flags": 1},
        {"lagged": {"from": 2, "to": 5}},
        {"sealed": {"exit_code": 3, "reason": "why", "next": 5}},
        {"revoked": {"reason": "gone"}},
    ]


def test_a_reader_that_went_away_ends_it(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    kept = os.dup(1)
    os.dup2(write, 1)
    try:
        with pytest.raises(OutputClosed):
            Display("log").show(batch(("stdout", "one", 0)))
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(write)
