"""Heads of requests: read strictly, and what is ambiguous is refused."""

from __future__ import annotations

import pytest

from fairlead_router.transports.http_request import HttpRefusal, parse_request


def test_head_in_its_parts() -> None:
    request = parse_request(b"GET /ws?x=1 HTTP/1.1\r\nHost: a\r\nX-List: a, b,,c\r\nx-list:d\r\nEmpty:")
    assert (request.method, request.target, request.path, request.version) == ("GET", "/ws?x=1", "/ws", "1.1")
    assert request.value("host") == "a"
    assert request.value("absent") is None
    assert request.value("empty") == ""
    assert request.elements("x-list") == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.1 ",
        b"G(T / HTTP/1.1",
        b"GET / HTTP/1.1\r\nno colon",
        b"GET / HTTP/1.1\r\nHost : a",
        b"GET / HTTP/1.1\r\n: a",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded",
        b"GET / HTTP/1.1\nHost: a",
        b"GET / HTTP/1.1\r\nX: a\nb",
    ],
)
def test_malformed_head_is_refused(head: bytes) -> None:
    with pytest.raises(HttpRefusal) as caught:
        parse_request(head)
    assert caught.value.status == 400


def test_header_that_may_come_once_is_refused_twice() -> None:
    with pytest.raises(HttpRefusal, match="2 host headers"):
        parse_request(b"GET / HTTP/1.1\r\nHost: a\r\nHOST: b").value("host")


def test_refusal_is_a_whole_answer() -> None:
    with pytest.raises(HttpRefusal) as caught:
        parse_request(b"nonsense")
    head, _, body = caught.value.response().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head
