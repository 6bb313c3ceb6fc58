"""`[logs.archive]`: where sealed logs go, after how long, and how long they stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_logstream import DirectoryArchive, Limits, Retention
from fairlead_server import config
from fairlead_server.config.logs import LogsTable
from fairlead_server.errors import ConfigError


def read(directory: Path, text: str) -> LogsTable:
    path = directory / "fairlead.toml"
    path.write_text(f"[logs.archive]\n{text}", encoding="utf-8")
    return config.read(path).logs


def test_without_a_directory_nothing_is_archived(tmp_path: Path) -> None:
    assert read(tmp_path, "").archive.open() is None


async def test_each_value_has_its_key(tmp_path: Path) -> None:
    table = read(
        tmp_path, f"directory = '{tmp_path}/a'\nafter_s = 0\nkeep_s = 86400\n[logs.retention]\nmax_records = 5"
    )
    assert table.limits == Limits(Retention(max_records=5), archive_after_s=0, archived_age_s=86_400)
    archive = table.archive.open()
    assert isinstance(archive, DirectoryArchive)
    await archive.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("directory = ''", "logs.archive.directory: '' must be a path"),
        ("directory = 'a'\nafter_s = -1", "logs.archive.after_s: -1 must be 0 or more"),
        ("directory = 'a'\nkeep_s = 0", "logs.archive.keep_s: 0 must be greater than 0"),
        ("after_s = 5", "logs.archive.directory: missing"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path, text)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"logs.archive.directory: cannot use .*file/a': Not a directory"):
        read(tmp_path, f"directory = '{tmp_path}/file/a'").archive.open()
