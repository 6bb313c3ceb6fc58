"""`[limits]`: every limit of the router, and what a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_router import Limits
from fairlead_server import config
from fairlead_server.config.limits import LimitsTable, check_limits
from fairlead_server.errors import ConfigError
from support.places import without_numbers

DEFAULTS = Limits()


def read(directory: Path, text: str) -> config.Config:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return config.read(path)


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_each_limit_can_be_set(tmp_path: Path, name: str) -> None:
    default = getattr(DEFAULTS, name)
    value = 1_000 if default is None else default
    assert getattr(read(tmp_path, f"[limits]\n{name} = {value}").limits, name) == value


@pytest.mark.parametrize("name", Limits.__struct_fields__)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "2147483648"])
def test_number_that_is_none_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"limits.{name}: "):
        read(tmp_path, f"[limits]\n{name} = {value}")


def test_defaults_agree_with_each_other() -> None:
    check_limits(LimitsTable())


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("outbox_bytes = 65536", "limits.message_bytes: 1048576 must be at most outbox_bytes, which is 65536"),
        ("message_bytes = 8192", "limits.hello_bytes: 65536 must be at most message_bytes, which is 8192"),
        ("uri_length = 255", "limits.uri_length: 255 must be at least 256"),
        ("ping_interval_s = 0.01", "limits.ping_interval_s: 0.01 must be at least 0.1"),
        ("write_bytes = 8388608", "limits.write_bytes: 8388608 must be at most outbox_bytes, which is 4194304"),
        ("catch_up_bytes = 8388608", "limits.catch_up_bytes: 8388608 must be at most outbox_bytes, which is 4194304"),
        ("retained_bytes = 1", "limits.retained_event_bytes: 65536 must be at most retained_bytes, which is 1"),
        ("stalled_factor = 17", "limits.stalled_factor: 17 must be at most burst_factor, which is 16"),
        ("hello_timeout_s = 5", "limits.authenticator_timeout_s: 5.0 must be less than hello_timeout_s, which is 5.0"),
        ("uri_length = true", "limits.uri_length: Expected 'int', got 'bool' (True)"),
        ("uri_length = 1.5", "limits.uri_length: Expected 'int', got 'float' (1.5)"),
        ("ping_interval = 5", "unknown key 'limits.ping_interval'; allowed are message_bytes, write_bytes"),
    ],
)
def test_mistake_is_named_with_file_key_value_and_rule(tmp_path: Path, limits: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[limits]\n{limits}")
    assert without_numbers(caught.value).startswith(f"{tmp_path / 'fairlead.toml'}: {message}")


def test_whole_number_is_a_time_too(tmp_path: Path) -> None:
    assert read(tmp_path, "[limits]\nping_interval_s = 5").limits.ping_interval_s == 5.0
