"""`[records]`: a database like the others, and how much of the history is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_records import KEPT_CHANGES
from fairlead_server.config import Config, read
from fairlead_server.config.records import RecordsTable
from fairlead_server.config.reloading import keys_to_restart_for
from fairlead_server.errors import ConfigError

URL = "postgresql://fairlead@db.example.org/fairlead"


def table(directory: Path, text: str) -> RecordsTable:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return read(path).records


def test_without_the_table_records_are_in_the_data_directory_with_some_history(tmp_path: Path) -> None:
    records = table(tmp_path, "")
    assert records.database_url("sqlite:////data/records.sqlite") == "sqlite:////data/records.sqlite"
    assert records.keep_changes == KEPT_CHANGES


def test_records_in_a_database_with_the_password_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    keys = f"database = '{URL}'\ndatabase_password_file = '{tmp_path}/password'\nkeep_changes = 5"
    records = table(tmp_path, f"[records]\n{keys}")
    assert (records.database_url(""), records.keep_changes) == (f"{URL}?password=s3cret", 5)


def test_other_records_take_a_restart() -> None:
    assert keys_to_restart_for(Config(), Config(records=RecordsTable(keep_changes=5))) == ["records"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("database = 'mysql://x'", ":2: records.database: must be a URL like postgresql://"),
        ("database_password_file = '/x'", ":2: records.database_password_file: only a database on a PostgreSQL server"),
        ("keep_changes = 0", ":2: records.keep_changes: 0 must be greater than 0"),
        ("keep_changes = 10000001", ":2: records.keep_changes: 10000001 must be at most 10000000"),
        ("keep_changes = 'all'", ":2: records.keep_changes: Expected 'int', got 'str'"),
        ("shared = true", "unknown key 'records.shared'; allowed are database, database_password_file, keep_changes"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, f"[records]\n{keys}")
    assert message in str(caught.value)
