"""Times on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from fairlead_server.commands._times import coming_time_us_of, duration_s_of, time_us_of, utc
from fairlead_server.errors import CommandError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1.5h", timedelta(minutes=90)),
        ("0s", timedelta()),
    ],
)
def test_how_long_ago_it_was(text: str, ago: timedelta) -> None:
    assert time_us_of(text, NOW) == us(NOW - ago)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T09:30:00Z", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21T09:30:00.25+01:00", datetime(2026, 11, 21, 9, 30, 0, 250_000, timezone(timedelta(hours=1)))),
        ("2026-11-21 09:30", datetime(2026, 11, 21, 9, 30).astimezone()),
    ],
)
def test_a_moment(text: str, moment: datetime) -> None:
    assert time_us_of(text, NOW) == us(moment)


def test_before_1970_is_the_beginning() -> None:
    assert time_us_of("1960-01-01T00:00:00Z", NOW) == 0


@pytest.mark.parametrize("text", ["", "yesterday", "10", "10x", "-5m", "5m ago", "2026-13-01", "9" * 400 + "d"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(CommandError, match="is no time"):
        time_us_of(text, NOW)


def test_a_time_to_come_is_counted_from_now_on() -> None:
    assert coming_time_us_of("2h", "--at", NOW) == us(NOW + timedelta(hours=2))
    with pytest.raises(CommandError, match=r"--at 'soon' is no time: .* \(from now on\)"):
        coming_time_us_of("soon", "--at", NOW)


def test_how_long_something_lasts() -> None:
    assert duration_s_of("1h30m", "--expires") == 5400
    for text in ("", "8", "8 hours", "9" * 400 + "d"):
        with pytest.raises(CommandError, match="is no duration"):
            duration_s_of(text, "--expires")


def test_a_time_is_shown_as_it_is_read() -> None:
    assert time_us_of(utc(us(NOW)), NOW) == us(NOW)
