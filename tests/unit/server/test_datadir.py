"""The data directory: its lock, its private files, and which token belongs to which server."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fairlead_server.datadir import DEFAULT_PATH, DEMO_PATH, DataDirectory, find_admin_token, read_token, write_private
from fairlead_server.errors import CommandError


def serving(path: Path, port: int, token: str) -> None:
    """A server was here, on that port."""
    directory = DataDirectory(path)
    directory.lock()
    directory.serves(port)
    directory.write_admin_token(token)
    directory.unlock()


def test_the_directory_is_made_and_private(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "a" / "data")
    directory.lock()
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    directory.unlock()


def test_a_second_lock_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path), DataDirectory(tmp_path)
    first.lock()
    first.serves(8080)
    with pytest.raises(CommandError) as caught:
        second.lock()
    assert str(caught.value) == (
        f"the data directory {str(tmp_path)!r} is in use by another server (process {os.getpid()})"
    )
    first.unlock()
    second.lock()
    second.unlock()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"cannot write to the data directory '.*/file/data': Not a directory"):
        DataDirectory(tmp_path / "file" / "data").lock()


def test_a_token_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    directory.write_admin_token("v2/a/b")
    assert stat.S_IMODE(directory.admin_token.stat().st_mode) == 0o600
    assert directory.read_admin_token() == "v2/a/b"
    assert [path.name for path in tmp_path.iterdir()] == ["admin.token"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_private(tmp_path / "token", "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "token", "\ud800")
    assert (tmp_path / "token").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_token_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff")
    for name in ("nothing", "empty", "binary", "empty/below"):
        assert read_token(tmp_path / name) is None


def test_the_token_is_that_of_the_server_on_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_admin_token(8080) is None
    serving(DEFAULT_PATH, 8080, "of the server")
    serving(DEMO_PATH, 9090, "of the demo")
    assert find_admin_token(8080) == "of the server"
    assert find_admin_token(9090) == "of the demo"
    assert find_admin_token(7070) == "of the server"


def test_of_two_servers_on_one_port_the_later_one_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    serving(DEMO_PATH, 8080, "of the demo")
    serving(DEFAULT_PATH, 8080, "of the server")
    os.utime(DEMO_PATH / "lock", ns=(1, 1))
    assert find_admin_token(8080) == "of the server"
    os.utime(DEFAULT_PATH / "lock", ns=(0, 0))
    assert find_admin_token(8080) == "of the demo"


def test_decoy_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    key = directory.decoy_key()
    assert len(key) == 32
    assert directory.decoy_key() == key
    assert stat.S_IMODE((tmp_path / "decoys.key").stat().st_mode) == 0o600


def test_damaged_decoy_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "decoys.key").write_text("not a number", encoding="ascii")
    with pytest.raises(CommandError, match=r"decoys.key' is damaged"):
        DataDirectory(tmp_path).decoy_key()
