"""What records the lines of log files are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from fairlead_client.records import PARTIAL
from fairlead_server.commands._formats import FORMATS, Format, Plain, size_of
from fairlead_server.commands._opening import Opened, identity_of, source_of
from fairlead_server.commands._stamps import stamps_of
from fairlead_server.errors import CommandError

UTC = stamps_of(None, are_utc=True)
NOON_US = 1_764_158_400_000_000


def read(reader: Format, data: bytes, cut: int = 7) -> list[tuple]:
    records = [record for at in range(0, len(data), cut) for record in reader.feed(data[at : at + cut])]
    return [*records, *reader.finish()]


@pytest.mark.parametrize(
    ("line", "time_us"),
    [
        ("2025-11-26T12:00:00Z hello", NOON_US),
        ("2025-11-26 12:00:00.5 hello", NOON_US + 500_000),
        ("[2025-11-26T13:00:00,000001+01:00] hello", NOON_US + 1),
        ("2025-11-26T12:00:00.123456789Z", NOON_US + 123_456),
        ("2025-11-26T14:00:00 +0200 hello", NOON_US),
        ("2025-13-26T12:00:00Z", None),
        ("hello 2025-11-26T12:00:00Z", None),
        ("", None),
        ("1", None),
    ],
)
def test_an_iso_time_at_the_begin_of_a_line_is_found(line: str, time_us: int | None) -> None:
    assert UTC(line) == time_us


@pytest.mark.parametrize(
    ("pattern", "line", "time_us"),
    [
        ("%d/%b/%Y:%H:%M:%S", "26/Nov/2025:12:00:00 GET /", NOON_US),
        ("[%Y.%m.%d %H:%M:%S.%f]", "[2025.11.26 12:00:00.000002] x", NOON_US + 2),
        ("%Y%m%d%H%M%S%z", "20251126130000+0100x", NOON_US),
        ("%H:%M %d %b %Y", "12:00  6 foo", None),
    ],
)
def test_a_pattern_says_what_lines_begin_with(pattern: str, line: str, time_us: int | None) -> None:
    assert stamps_of(pattern, are_utc=True)(line) == time_us


@pytest.mark.parametrize(
    ("pattern", "text"), [("%Q", "%Q is none of"), ("abc", "nothing to read"), ("%", "% is none of")]
)
def test_what_is_no_pattern_is_an_error(pattern: str, text: str) -> None:
    with pytest.raises(CommandError, match=text):
        stamps_of(pattern, are_utc=True)


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    data = b"first\n2025-11-26T12:00:00Z a\n  more\n2025-11-26T12:00:01Z b\nend"
    assert [(time_us, text, flags) for time_us, _, text, flags in read(Plain("s", UTC, 5), data)] == [
        (5, "first", 0),
        (NOON_US, "2025-11-26T12:00:00Z a", 0),
        (NOON_US, "  more", 0),
        (NOON_US + 1_000_000, "2025-11-26T12:00:01Z b", 0),
        (NOON_US + 1_000_000, "end", PARTIAL),
    ]


LINES = st.lists(
    st.one_of(
        st.binary(max_size=30), st.just(b"2025-11-26T12:00:00Z x"), st.just(b"2026-01-01 00:00:00 y"), st.just(b"")
    ),
    max_size=8,
)


@given(LINES, st.integers(0, 300), st.integers(1, 40))
def test_a_plain_file_may_be_gone_on_with_at_any_byte(lines: list[bytes], begin: int, cut: int) -> None:
    data = b"\n".join(lines)
    begin = min(begin, len(data))
    within = begin - (data[:begin].rfind(b"\n") + 1)
    assume(within == 0 or within >= len("2025-11-26T12:00:00Z"))  # not within a time, which is none then
    whole = read(Plain("s", UTC, 5), data, cut)
    assert sum(map(size_of, whole)) == len(data)
    rest = Plain("s", UTC, 5)
    rest.went_before(data[:begin], is_all=True)
    again = read(rest, data[begin:], cut)
    assert sum(map(size_of, again)) == len(data) - begin
    # Byte by byte, each has the time that it had.
    assert times(again) == times(whole)[begin:]


def times(records: list[tuple]) -> list[int]:
    return [time_us for time_us, *rest in records for _ in range(size_of((time_us, *rest)))]


def test_docker_s_lines_have_source_time_and_parts() -> None:
    lines = [
        {"log": "one\n", "stream": "stdout", "time": "2025-11-26T12:00:00.000001234Z"},
        {"log": "par", "stream": "stderr", "time": "2025-11-26T12:00:00Z"},
        {"log": "t\r\n", "stream": "stderr", "time": "2025-11-26T12:00:00Z"},
    ]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert read(FORMATS["docker"]("x", UTC, 0), data) == [
        (NOON_US + 1, "stdout", "one", 0),
        (NOON_US, "stderr", "par", PARTIAL),
        (NOON_US, "stderr", "t\r", 4),
    ]


def test_arvados_lines_lose_the_time_and_jobs_say_their_source() -> None:
    data = (
        b"2025-11-26T12:00:00.000001000Z hello 2\n"
        b"continued\n"
        b"2025-11-26_12:00:00 zzzzz-8i9sb-0123456789abcde 12 3 stderr oops\n"
        b"2025-11-26_12:00:00 zzzzz-8i9sb-0123456789abcde 12  start\n"
    )
    assert read(FORMATS["crunch"]("stdout", UTC, 0), data) == [
        (NOON_US + 1, "stdout", "hello 2", 0),
        (NOON_US + 1, "stdout", "continued", 0),
        (NOON_US, "stderr", "oops", 0),
        (NOON_US, "stdout", "start", 0),
    ]


def test_exported_records_are_as_they_were_and_other_documents_are_passed_over() -> None:
    data = (
        b'{"seq":4,"time_us":7,"source":"a","text":"x\\ry","flags":5}\n{"sealed":{"exit_code":0}}\n'
        b'{"seq":9,"time_us":8,"source":"b","base64":"/w==","flags":0}\n'
    )
    assert read(FORMATS["ndjson"]("s", UTC, 0), data) == [(7, "a", "x\ry", 5), (8, "b", b"\xff", 0)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("docker", b"plain text"),
        ("docker", b'{"log": 5, "stream": "s", "time": "2025-11-26T12:00:00Z"}'),
        ("docker", b'{"log": "x", "stream": "s", "time": "2025-11-26T12:00:00"}'),
        ("docker", b"[]"),
        ("ndjson", b'{"time_us": 1}'),
        ("ndjson", b'{"time_us":1,"source":"s","text":5,"flags":0}'),
        ("ndjson", b'{"time_us":1,"source":"s","base64":"!","flags":0}'),
        ("ndjson", b"\xff"),
    ],
)
def test_what_is_not_of_the_format_is_an_error_with_its_line(name: str, line: bytes) -> None:
    with pytest.raises(CommandError, match="line 1 is no"):
        read(FORMATS[name]("s", UTC, 0), line + b"\n")


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_compressed_file_is_the_file_that_it_was(tmp_path: Path, compress: object) -> None:
    data = b"".join(b"line %d\n" % number for number in range(50_000))
    path = tmp_path / "file"
    path.write_bytes(compress(data))  # type: ignore[operator]
    with Opened(path) as file:
        assert file.go_to(300_000, 10) == data[299_990:300_000]
        rest = b""
        while more := file.read(10_000):
            rest += more
        assert rest == data[300_000:]
        assert file.done_bytes == file.total_bytes
    plain = tmp_path / "plain"
    plain.write_bytes(data)
    assert identity_of(path) == identity_of(plain)


def test_a_damaged_file_says_where(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(bytes(100_000))[:-20])
    with Opened(path) as file, pytest.raises(CommandError, match="is damaged behind byte"):
        file.go_to(100_000)


def test_a_file_that_has_less_than_is_in_the_log_is_another(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    with Opened(path) as file, pytest.raises(CommandError, match="has 5 bytes, but 6 of it are in the log"):
        file.go_to(6)


def test_a_file_is_known_by_its_first_line_once_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    assert not identity_of(path).is_whole
    path.write_bytes(b"first\n")
    known = identity_of(path)
    assert known.is_whole
    path.write_bytes(b"first\nsecond\n")
    assert identity_of(path) == known
    path.write_bytes(b"x" * 5000)
    assert identity_of(path).is_whole


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("app.log", "app"),
        ("app.log.1", "app"),
        ("app.log.2.gz", "app"),
        ("stderr.txt", "stderr"),
        ("x", "x"),
        (".x", "x"),
    ],
)
def test_a_source_is_the_file_s_name_up_to_a_dot(name: str, source: str) -> None:
    assert source_of(Path("/some.where") / name) == source
