"""Who is at the other end, when proxies stand between and anybody may send their headers."""

from __future__ import annotations

import pytest

from fairlead_router.transports.forwarding import Origin, TrustedProxies, canonical_address
from fairlead_router.transports.http_request import parse_request

PROXY = "10.0.0.1"
CLIENT = "198.51.100.7"


def address(connected: str | None, *headers: str, trusted: tuple[str, ...] = ("10.0.0.0/8",)) -> str | None:
    return origin(connected, *headers, trusted=trusted).address


def origin(
    connected: str | None, *headers: str, trusted: tuple[str, ...] = ("10.0.0.0/8",), is_secure: bool = False
) -> Origin:
    request = parse_request("\r\n".join(("GET / HTTP/1.1", *headers)).encode())
    return TrustedProxies(trusted).origin(Origin(connected, is_secure), request)


def test_trusted_proxy_names_the_client() -> None:
    assert address(PROXY, f"X-Forwarded-For: {CLIENT}") == CLIENT


def test_stranger_names_nobody() -> None:
    assert address(CLIENT, "X-Forwarded-For: 127.0.0.1") == CLIENT
    assert address(CLIENT, "X-Forwarded-For: 127.0.0.1", trusted=()) == CLIENT


def test_what_the_client_wrote_itself_is_left_of_what_the_proxy_saw() -> None:
    assert address(PROXY, f"X-Forwarded-For: 127.0.0.1, 10.9.9.9, {CLIENT}") == CLIENT


def test_headers_count_in_their_order_as_one_list() -> None:
    assert address(PROXY, "X-Forwarded-For: 127.0.0.1", f"X-Forwarded-For: {CLIENT}, 10.0.0.2") == CLIENT


def test_chain_of_trusted_proxies_is_followed_to_the_first_that_is_none() -> None:
    assert address(PROXY, f"X-Forwarded-For: 203.0.113.9, {CLIENT}, 10.0.0.3, 10.0.0.2") == CLIENT


def test_malformed_entry_ends_what_can_be_believed() -> None:
    assert address(PROXY, f"X-Forwarded-For: {CLIENT}, unknown, 10.0.0.2") == "10.0.0.2"
    assert address(PROXY, f"X-Forwarded-For: {CLIENT}, 1.2.3") == PROXY


def test_without_the_header_the_proxy_is_the_client() -> None:
    assert address(PROXY) == PROXY
    assert address(PROXY, "Forwarded: for=127.0.0.1") == PROXY


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("198.51.100.7:1234", CLIENT),
        ("[2001:db8::1]:1234", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", CLIENT),
    ],
)
def test_spellings_of_an_address(entry: str, expected: str) -> None:
    assert address(PROXY, f"X-Forwarded-For: {entry}") == expected
    assert canonical_address(entry) == expected


def test_ipv4_proxy_is_known_also_as_an_ipv6_one() -> None:
    assert address("::ffff:10.0.0.1", f"X-Forwarded-For: {CLIENT}") == CLIENT


def test_proxy_on_a_unix_socket_is_trusted_by_name() -> None:
    header = f"X-Forwarded-For: {CLIENT}"
    assert address("unix", header, trusted=("unix",)) == CLIENT
    assert address("unix", header) == "unix"


def test_scheme_is_that_of_the_nearest_proxy_if_it_is_trusted() -> None:
    assert origin(PROXY, "X-Forwarded-Proto: https").is_secure
    assert origin(PROXY, "X-Forwarded-Proto: http, WSS").is_secure
    assert not origin(PROXY, "X-Forwarded-Proto: https, http").is_secure
    assert not origin(CLIENT, "X-Forwarded-Proto: https").is_secure
    assert origin(PROXY, is_secure=True).is_secure


def test_connection_without_an_address_stays_so() -> None:
    assert address(None, f"X-Forwarded-For: {CLIENT}") is None


@pytest.mark.parametrize("name", ["proxy.example", "10.0.0.1/8", "", "10.0.0.0/99"])
def test_proxies_are_addresses_or_networks(name: str) -> None:
    with pytest.raises(ValueError):
        TrustedProxies([name])
