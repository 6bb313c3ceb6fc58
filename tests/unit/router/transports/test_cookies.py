"""Cookies of a handshake, and ours."""

from __future__ import annotations

import pytest

from fairlead_router.transports.cookies import new_cookie_id, read_cookies, set_cookie, take_cookie_id
from fairlead_router.transports.http_request import parse_request


@pytest.mark.parametrize(
    ("lines", "cookies"),
    [
        ([], {}),
        (["Cookie: a=1"], {"a": "1"}),
        (['Cookie: a=1; b="two";c='], {"a": "1", "b": "two", "c": ""}),
        (["Cookie: a=1", "cookie: b=2"], {"a": "1", "b": "2"}),
        (["Cookie: a=1; a=2"], {"a": "1"}),
        (['Cookie: a; =x; b c=1; d=x y; e="x; f=1'], {"f": "1"}),
        (["Cookie: a=b=c; t=eyJ.x-_/+=="], {"a": "b=c", "t": "eyJ.x-_/+=="}),
    ],
)
def test_cookies_by_name(lines: list[str], cookies: dict[str, str]) -> None:
    assert read_cookies(parse_request("\r\n".join(["GET / HTTP/1.1", *lines]).encode())) == cookies


def test_ids_differ_and_are_cookies() -> None:
    one, other = new_cookie_id(), new_cookie_id()
    assert one != other
    assert read_cookies(parse_request(f"GET / HTTP/1.1\r\nCookie: x={one}".encode())) == {"x": one}


def test_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    assert set_cookie("id", "/ws", is_secure=False) == "fairlead_id=id; Path=/ws; HttpOnly; SameSite=Lax"
    assert set_cookie("id", "/ws", is_secure=True) == "__Host-fairlead_id=id; Path=/; HttpOnly; SameSite=Lax; Secure"


@pytest.mark.parametrize(("is_secure", "cookie_id"), [(False, "plain"), (True, "secure")])
def test_with_tls_the_id_has_the_name_that_nobody_else_can_give_it(is_secure: bool, cookie_id: str) -> None:
    cookies = {"fairlead_id": "plain", "__Host-fairlead_id": "secure", "other": "x"}
    assert take_cookie_id(cookies, is_secure) == cookie_id
    assert cookies == {"other": "x"}
    assert take_cookie_id({"fairlead_id": "planted"}, is_secure=True) is None
