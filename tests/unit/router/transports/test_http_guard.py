"""Which Host and Origin are taken."""

from __future__ import annotations

import pytest

from fairlead_router.transports.http_guard import HttpGuard


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST:1",
        "127.0.0.1:8080",
        "[::1]:8080",
        "[::1]",
        "10.1.2.3",
        "logs.example:443",
    ],
)
def test_host_is_taken(host: str) -> None:
    assert HttpGuard(hosts=["logs.example"]).refusal(host, None) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "logs.example.evil",
        "user@logs.example@evil",
        "evil.example:80#localhost",
        "[::1",
        "localhost evil",
        "0x7f000001",
    ],
)
def test_host_is_refused(host: str | None) -> None:
    assert HttpGuard(hosts=["logs.example"]).refusal(host, None) is not None


@pytest.mark.parametrize(
    ("origin", "host", "is_taken"),
    [
        (None, "localhost:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("https://localhost:8080", "localhost:8080", True),
        ("HTTP://LocalHost:8080/", "localhost:8080", True),
        ("http://localhost:9090", "localhost:8080", False),
        ("http://localhost", "localhost:8080", False),
        ("http://evil.example", "localhost:8080", False),
        ("http://localhost:8080.evil.example", "localhost:8080", False),
        ("null", "localhost:8080", False),
        ("file://", "localhost:8080", False),
        ("chrome-extension://localhost:8080", "localhost:8080", False),
        ("https://app.example", "localhost:8080", True),
        ("http://app.example", "localhost:8080", False),
        ("", "localhost:8080", False),
    ],
)
def test_origin(origin: str | None, host: str, is_taken: bool) -> None:
    refusal = HttpGuard(origins=["https://app.example/"]).refusal(host, origin)
    assert (refusal is None) == is_taken


def test_refusal_names_what_is_refused_in_part() -> None:
    refusal = HttpGuard().refusal("e" * 10_000, None)
    assert refusal is not None
    assert len(refusal) < 300
