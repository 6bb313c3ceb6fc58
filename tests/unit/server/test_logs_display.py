"""What `fairlead logs` writes, and where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead_client.following import Batch, Corrupt, Head, Lagged, Reset, Revoked, Sealed
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._display import Display, Json, Plain, Write
from fairlead_server.commands._wording import marker_text


def batch(*records: tuple[str, str | bytes, int]) -> Batch:
    return Batch(range(len(records)), [[1000 + seq, *record] for seq, record in enumerate(records)])


class Written:
    """What was written, and where."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""

    def write(self, descriptor: int, data: bytes) -> None:
        if descriptor == 1:
            self.out += data
        else:
            self.err += data


def plain(write: Write) -> Display:
    return Plain(write, is_followed=True)


def shown(make: Any, *items: Any) -> tuple[bytes, bytes]:
    written = Written()
    display = make(written.write)
    for item in items:
        display.show("log", item)
    return written.out, written.err


def test_stdout_goes_to_stdout_and_all_else_to_stderr() -> None:
    items = batch(("stdout", "one", 0), ("stderr", "two", 0), ("crunchstat", "three", 0), ("stdout", "four", 0))
    assert shown(plain, items) == (b"one\nfour\n", b"two\nthree\n")


def test_parts_are_joined() -> None:
    items = batch(("stdout", "a", PARTIAL), ("stdout", "b", PARTIAL), ("stdout", "", 0), ("stdout", "end", PARTIAL))
    assert shown(plain, items) == (b"ab\nend", b"")


def test_bytes_are_written_as_they_are() -> None:
    assert shown(plain, batch(("stdout", b"\0\xff", 0), ("stdout", "é\r", 4)))[0] == b"\0\xff\n\xc3\xa9\r\n"


def test_markers_are_notes_whatever_the_source() -> None:
    assert shown(plain, batch(("stdout", '{"lost":3}', MARKER))) == (b"", b"fairlead: 3 lines were lost here\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"lost":1,"producer":"w"}', "1 line was lost here"),
        ('{"attempt":2}', "attempt 2 begins here"),
        ('{"truncated":"1 MB"}', "the log was cut here: 1 MB"),
        (
            '{"truncated":{"records":2,"bytes":9,"reason":"too fast"}}',
            "the log was cut here: 2 lines, 9 bytes left out (too fast)",
        ),
        (
            '{"truncated":{"records":null,"bytes":null,"reason":"cut off"}}',
            "the log was cut here: nobody knows how much, left out (cut off)",
        ),
        ('{"other":1}', "other: 1"),
        ("[1]", "[1]"),
        ("no json", "no json"),
    ],
)
def test_a_marker_in_words(text: str, words: str) -> None:
    assert marker_text(text) == words


def test_what_is_not_there_is_said() -> None:
    out, err = shown(plain, Lagged(0, 5), Corrupt(5, 6), Reset(2, 0, 0), Head(6), Revoked("so"), Sealed(3, "why", 6))
    assert out == b""
    assert err.decode().splitlines() == [
        "fairlead: not kept any more: 5 lines from number 0 on",
        "fairlead: damaged and left out: 1 line from number 5 on",
        "fairlead: the log's store was replaced: this is log from its oldest line on",
        "fairlead: the permission to read log was revoked: so",
        "fairlead: the log log has ended, with exit status 3 (why)",
    ]


def test_notes_give_a_terminal_no_orders_whoever_wrote_their_texts() -> None:
    marker = batch(("stdout", '{"note":"\\u001b[2J\\nfairlead: forged"}', MARKER))
    _, err = shown(plain, marker, Sealed(0, "\x1b]0;x\x07", 1))
    assert err.decode().splitlines() == [
        r"fairlead: note: \x1b[2J\nfairlead: forged",
        r"fairlead: the log log has ended, with exit status 0 (\x1b]0;x\x07)",
    ]


def test_the_end_is_told_only_to_who_waits_for_it() -> None:
    assert shown(lambda write: Plain(write, is_followed=False), Sealed(3, None, 6)) == (b"", b"")


def test_json_has_one_document_a_line() -> None:
    items = [batch(("stdout", "é", 0), ("stderr", b"\xff", 1)), Lagged(2, 5), Head(5), Sealed(3, "why", 5)]
    out, err = shown(lambda write: Json(write, names_streams=False), *items, Revoked("gone"))
    assert err == b""
    assert [json.loads(line) for line in out.splitlines()] == [
        {"seq": 0, "time_us": 1000, "source": "stdout", "text": "é", "flags": 0},
        {"seq": 1, "time_us": 1001, "source": "stderr", "base64": "/w==", "flags": 1},
        {"lagged": {"from": 2, "to": 5}},
        {"sealed": {"exit_code": 3, "reason": "why", "next": 5}},
        {"revoked": {"reason": "gone"}},
    ]


def test_json_of_several_logs_names_them() -> None:
    out, _ = shown(lambda write: Json(write, names_streams=True), batch(("stdout", "a", 0)), Sealed(0, None, 1))
    assert [json.loads(line)["stream"] for line in out.splitlines()] == ["log", "log"]
