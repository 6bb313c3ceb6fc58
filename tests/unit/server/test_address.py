"""HOST:PORT: what is accepted, and what only this machine can reach."""

from __future__ import annotations

import pytest

from fairlead_server.address import Address, parse_listen
from fairlead_server.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("logs.example.org:65535", ("logs.example.org", 65535)),
    ],
)
def test_an_address_is_parsed_and_written_as_it_was(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text, "--listen") == address
    assert str(parse_listen(text, "--listen")) == text


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "h:", "h:x", "h:65536", "::1:80", "[h]:80", "h:-1", "a b:1", "http://h:1"]
)
def test_everything_else_is_refused_by_name_and_value(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_listen(text, "--listen")
    assert str(caught.value).startswith(f"--listen: {text!r} must be HOST:PORT")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_known(host: str) -> None:
    assert Address(host, 1).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_everything_else_is_not_loopback(host: str) -> None:
    assert not Address(host, 1).is_loopback
