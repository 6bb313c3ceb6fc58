"""Which server a command means, and who it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_client import CallFailed, Refused, Unreachable
from fairlead_server.connect import command_error, is_local, server_of, token_for
from fairlead_server.errors import CommandError

URL = "ws://127.0.0.1:8080/ws"


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FAIRLEAD_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_path_of_a_url_is_ws_unless_told_otherwise() -> None:
    assert server_of("ws://127.0.0.1:9000", None).url == "ws://127.0.0.1:9000/ws"
    assert server_of("wss://example.com/other", None).url == "wss://example.com/other"


@pytest.mark.parametrize("url", ["http://example.com", "example.com:8080", "ws://", "ws://host:99999/"])
def test_what_is_no_url_of_a_router_is_said(url: str) -> None:
    with pytest.raises(CommandError, match="not a URL of a router"):
        server_of(url, None)


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from the file\n")
    assert token_for(URL, file) == "from the file"
    monkeypatch.setenv("FAIRLEAD_TOKEN", "from the environment")
    assert token_for(URL, file) == "from the environment"
    monkeypatch.setenv("FAIRLEAD_TOKEN", "")
    assert token_for(URL, file) == "from the file"


def test_the_admin_token_of_this_directory_stays_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / ".fairlead").mkdir()
    (tmp_path / ".fairlead" / "admin.token").write_text("admins\n")
    assert token_for(URL, None) == "admins"
    assert token_for("wss://example.com/ws", None) is None


def test_without_any_token_we_are_anonymous() -> None:
    assert token_for(URL, None) is None


@pytest.mark.parametrize(("content", "text"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff", "holds no token")])
def test_a_token_file_without_a_token_is_said(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(CommandError, match=text):
        token_for(URL, tmp_path / "token")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://localhost/ws", True),
        ("ws://127.8.9.1/ws", True),
        ("ws://[::1]:8080/ws", True),
        ("ws://10.0.0.1/ws", False),
        ("ws://localhost.example.com/ws", False),
    ],
)
def test_what_is_this_machine(url: str, expected: bool) -> None:
    assert is_local(url) == expected


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Unreachable("cannot reach it"), "cannot reach it"),
        (
            Refused("wamp.error.authentication_failed", "unknown token"),
            f"the server at {URL} refuses us: unknown token",
        ),
        (Refused("wamp.error.no_such_realm"), f"the server at {URL} refuses us: wamp.error.no_such_realm"),
        (CallFailed("com.example.no", "may not"), r"may not \(com.example.no\)"),
    ],
)
def test_what_goes_wrong_is_one_line(error: Unreachable | Refused | CallFailed, line: str) -> None:
    with pytest.raises(CommandError, match=line):
        raise command_error(error, URL)
