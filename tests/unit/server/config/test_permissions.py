"""`[permissions]`: a database by URL, whose password stands elsewhere and in no message."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_server import config
from fairlead_server.config.permissions import PermissionsTable
from fairlead_server.errors import ConfigError

URL = "postgresql://fairlead@db.example.org/fairlead"
DEFAULT = "sqlite:////data/permissions.sqlite"


def read(directory: Path, text: str) -> PermissionsTable:
    path = directory / "fairlead.toml"
    path.write_text(f"[permissions]\n{text}", encoding="utf-8")
    return config.read(path).permissions


def test_without_a_database_the_permissions_are_in_the_data_directory(tmp_path: Path) -> None:
    assert read(tmp_path, "").database_url(DEFAULT) == DEFAULT


def test_a_database_is_used_as_it_is_written(tmp_path: Path) -> None:
    for url in (URL, f"{URL}?sslmode=verify-full", "sqlite:////srv/permissions.sqlite"):
        assert read(tmp_path, f"database = '{url}'").database_url(DEFAULT) == url


def test_a_password_of_any_characters_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/w:örd&x=1\n", encoding="utf-8")
    table = read(tmp_path, f"database = '{URL}'\ndatabase_password_file = '{tmp_path}/password'")
    assert table.database_url(DEFAULT) == f"{URL}?password=p%40ss%2Fw%3A%C3%B6rd%26x%3D1"
    with_option = PermissionsTable(database=f"{URL}?sslmode=require", database_password_file=str(tmp_path / "password"))
    assert with_option.database_url(DEFAULT).startswith(f"{URL}?sslmode=require&password=p%40")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    table = read(tmp_path, f"database = '{URL}'\ndatabase_password_file = '{tmp_path}/nothing'")
    with pytest.raises(
        ConfigError, match=r"permissions.database_password_file: cannot read '.*/nothing': No such file"
    ):
        table.database_url(DEFAULT)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("database = 'mysql://u:wr0ng@host/x'", "permissions.database: must be a URL like postgresql://"),
        ("database = 'permissions.sqlite'", "permissions.database: must be a URL like postgresql://"),
        ("database_password_file = '/x'", "only a database on a PostgreSQL server has a password"),
        ("database = 'sqlite:////x'\ndatabase_password_file = '/x'", "only a database on a PostgreSQL server"),
        (f"database = '{URL}'\ndatabase_password_file = ''", "permissions.database_password_file: '' must be a path"),
        ("databases = ''", "unknown key 'permissions.databases'; allowed are database, database_password_file, "),
        ("keep_changes = 0", "permissions.keep_changes: 0 must be greater than 0"),
    ],
)
def test_a_mistake_is_named_without_the_password(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert error in str(caught.value)
    assert "wr0ng" not in str(caught.value)
