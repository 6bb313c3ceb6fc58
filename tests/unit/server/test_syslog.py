"""Syslog messages as records, and streams of bytes as messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_server.commands._syslog import LONGEST_MESSAGE_BYTES, BadFrame, Deframer, records_of_message

NOW_US = 1_764_158_400_000_000


def us(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("message", "record"),
    [
        (
            b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
            (us(2003, 10, 11, 22, 14, 15) + 3000, "su", "'su root' failed"),
        ),
        (
            b'<165>1 2003-10-11T22:14:15Z host evntslog 12 ID47 [a@32473 iut="3" eventSource="App\\"\\]"][x] it',
            (us(2003, 10, 11, 22, 14, 15), "evntslog", "it"),
        ),
        (b"<0>1 - - - - - -", (NOW_US, "syslog", "")),
        (b"<0>1 - - app - - - \xff", (NOW_US, "app", b"\xff")),
        (b"<13>2025-11-26T12:00:00+00:00 host app[12]: hello", (NOW_US, "app", "hello")),
        (b"<13>2025-11-26T12:00:00Z app: hello", (NOW_US, "app", "hello")),
        (
            b"<192>1 2003-10-11T22:14:15Z h a p m - text",
            (NOW_US, "syslog", "<192>1 2003-10-11T22:14:15Z h a p m - text"),
        ),
        (b"just text", (NOW_US, "syslog", "just text")),
        (b"<13>", (NOW_US, "syslog", "<13>")),
    ],
)
def test_a_message_is_read_and_what_is_none_is_kept_as_it_came(message: bytes, record: tuple) -> None:
    assert [each[:3] for each in records_of_message(message, NOW_US)] == [record]


def test_a_time_of_the_old_kind_is_local_and_of_the_nearest_year() -> None:
    here = datetime.fromtimestamp(NOW_US / 1e6).astimezone()
    [(time_us, source, text, _)] = records_of_message(
        here.strftime("<13>%b %e %H:%M:%S host su[1]: hi").encode(), NOW_US
    )
    assert (time_us, source, text) == (NOW_US, "su", "hi")
    new_year_us = us(2026, 1, 1, 12)
    [(time_us, *_)] = records_of_message(b"<13>Dec 31 23:00:00 host su: hi", new_year_us)
    assert 0 < new_year_us - time_us < 48 * 3_600_000_000


def test_raw_messages_are_whole() -> None:
    message = b"<13>1 2025-11-26T12:00:00Z h app - - - hi"
    assert records_of_message(message + b"\n", 0, is_raw=True) == [(NOW_US, "app", message.decode(), 0)]


def test_an_empty_message_is_nothing() -> None:
    assert records_of_message(b"\n", 0) == []


@given(st.binary(max_size=300))
def test_whatever_comes_is_records(data: bytes) -> None:
    for time_us, source, _, _ in records_of_message(data, NOW_US):
        assert time_us >= 0
        assert 0 < len(source) <= 64


@given(st.binary(max_size=60).map(lambda data: b"<13>1 2025-11-26T12:00:00Z h \xff\0 - - - " + data))
def test_a_source_is_a_name_whatever_its_bytes(data: bytes) -> None:
    for _, source, _, _ in records_of_message(data, NOW_US):
        assert "\0" not in source


# ---------------------------------------------------------------- streams


def cut(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def framed(deframer: Deframer, data: bytes, size: int) -> list[bytes]:
    return [message for part in cut(data, size) for message in deframer.feed(part)]


MESSAGES = st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=40)), max_size=6)


@given(MESSAGES, st.integers(1, 50))
def test_messages_are_told_apart_however_they_are_cut(messages: list[tuple[bool, bytes]], size: int) -> None:
    data, expected = b"", []
    for is_counted, text in messages:
        message = b"<1>" + (text if is_counted else text.replace(b"\n", b" "))
        expected.append(message)
        data += b"%d %s" % (len(message), message) if is_counted else message + b"\n"
    deframer = Deframer()
    assert framed(deframer, data, size) == expected
    assert deframer.finish() == b""


@pytest.mark.parametrize("data", [b"99999999 <13>x", b"65537 <13>x", b"12x <13>", b"1234567"])
def test_who_counts_wrongly_is_not_listened_to(data: bytes) -> None:
    with pytest.raises(BadFrame, match="its length"):
        framed(Deframer(), data, 3)


def test_a_line_without_an_end_comes_in_parts_and_is_not_collected() -> None:
    deframer = Deframer()
    assert [len(part) for part in deframer.feed(b"<" * (2 * LONGEST_MESSAGE_BYTES + 5))] == [LONGEST_MESSAGE_BYTES] * 2
    assert deframer.finish() == b"<" * 5
