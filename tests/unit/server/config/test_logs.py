"""`[logs]`: budgets of streams and producers, and what is no budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_logstream import Budgets
from fairlead_server.config import read
from fairlead_server.config.logs import LogsTable
from fairlead_server.errors import ConfigError

URL = "postgresql://fairlead@db.example.org/fairlead"


def table(directory: Path, text: str) -> LogsTable:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return read(path).logs


def test_without_the_table_everything_is_stored(tmp_path: Path) -> None:
    assert table(tmp_path, "").budgets.budgets == Budgets()


def test_budgets_of_streams_and_producers(tmp_path: Path) -> None:
    text = "[logs.budgets.stream]\nbytes = 10737418240\n[logs.budgets.producer]\nrecords_per_s = 0.5\nburst_s = 60\n"
    budgets = table(tmp_path, text).budgets.budgets
    assert (budgets.stream.bytes, budgets.stream.records) == (10 << 30, None)
    assert (budgets.producer.records_per_s, budgets.producer.burst_s) == (0.5, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[logs.budgets.stream]\nbytes = 0", ":2: logs.budgets.stream.bytes: 0 must be greater than 0"),
        ("[logs.budgets.producer]\nburst_s = nan", ":2: logs.budgets.producer.burst_s: nan must be greater than 0"),
        ("[logs.budgets.stream]\nrecords = 9007199254740993", "logs.budgets.stream.records: 9007199254740993 must be"),
        ("[logs.budgets.stream]\nlines = 1", "unknown key 'logs.budgets.stream.lines'"),
        ("[logs.budget]\nbytes = 1", "unknown key 'logs.budget'"),
        ("[logs.budgets.stream]\nbytes = '1 GB'", "logs.budgets.stream.bytes: Expected 'int | null', got 'str'"),
    ],
)
def test_what_is_no_budget_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, text)
    assert message in str(caught.value)


def test_logs_are_a_file_of_the_data_directory_or_a_database(tmp_path: Path) -> None:
    assert table(tmp_path, "").database_url("sqlite:///data/logs.sqlite") == "sqlite:///data/logs.sqlite"
    assert table(tmp_path, f"[logs]\ndatabase = '{URL}'\nshared = true").database_url("") == URL


def test_a_password_of_a_file_is_in_the_url_only(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    logs = table(tmp_path, f"[logs]\ndatabase = '{URL}'\ndatabase_password_file = '{tmp_path}/password'")
    assert logs.database_url("") == f"{URL}?password=s3cret"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("shared = true", "logs.shared: only a database on a PostgreSQL server can be shared"),
        (
            "database = 'sqlite:////x'\nshared = true",
            "logs.shared: only a database on a PostgreSQL server can be shared",
        ),
        ("database = 'mysql://x'", "logs.database: must be a URL like postgresql://"),
        ("database_password_file = '/x'", "logs.database_password_file: only a database on a PostgreSQL server has"),
    ],
)
def test_what_is_no_database_is_named(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, f"[logs]\n{keys}")
    assert message in str(caught.value)
