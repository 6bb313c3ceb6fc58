"""`[logs.retention]`: limits of one stream and of all together."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_logstream import Limits, Retention
from fairlead_server import config
from fairlead_server.errors import ConfigError


def read(directory: Path, text: str) -> Limits:
    path = directory / "fairlead.toml"
    path.write_text(f"[logs.retention]\n{text}", encoding="utf-8")
    return config.read(path).logs.retention.limits


def test_without_a_key_everything_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Limits()


def test_each_limit_has_its_key(tmp_path: Path) -> None:
    text = "max_age_s = 86400\nmax_bytes = 1_000_000\nmax_records = 10_000\ntotal_bytes = 1_000_000_000_000"
    assert read(tmp_path, text) == Limits(Retention(86_400, 1_000_000, 10_000), 10**12)


@pytest.mark.parametrize("key", ["max_age_s", "max_bytes", "max_records", "total_bytes"])
@pytest.mark.parametrize("value", [0, -1, 2**53 + 1])
def test_a_limit_that_keeps_nothing_is_refused(tmp_path: Path, key: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"fairlead.toml:2: logs.retention.{key}: {value} must be greater than 0"):
        read(tmp_path, f"{key} = {value}")
