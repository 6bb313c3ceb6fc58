"""Endpoints as text."""

from __future__ import annotations

import pytest

from fairlead_router.transports.endpoints import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("text", "endpoint", "canonical"),
    [
        ("tcp://127.0.0.1:8080", Endpoint("tcp", "127.0.0.1", 8080), "tcp://127.0.0.1:8080"),
        ("localhost:0", Endpoint("tcp", "localhost", 0), "tcp://localhost:0"),
        ("tcp://[::1]:65535", Endpoint("tcp", "::1", 65_535), "tcp://[::1]:65535"),
        ("tls://h:443", Endpoint("tls", "h", 443), "tls://h:443"),
        ("unix:///run/a b.sock", Endpoint("unix", path="/run/a b.sock"), "unix:///run/a b.sock"),
        ("fd://3", Endpoint("fd", descriptor=3), "fd://3"),
    ],
)
def test_endpoint_in_its_parts(text: str, endpoint: Endpoint, canonical: str) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "h",
        "h:",
        ":80",
        "h:65536",
        "h:-1",
        "h:1_0",
        "h:\u0663",
        "tcp://",
        "unix://x",
        "unix:///",
        "unix:///a\0b",
        "fd://",
        "fd://-1",
        "fd://+3",
        "fd://99999999999",
        "ws://h:1",
        "TCP://h:1",
    ],
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match="must be tcp://HOST:PORT"):
        parse_endpoint(text)
