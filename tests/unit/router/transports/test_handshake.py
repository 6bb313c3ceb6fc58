"""Opening handshakes of WebSocket clients, right and wrong (RFC 6455, 4.2.1)."""

from __future__ import annotations

import pytest

from fairlead_router.transports.handshake import Handshake, asks_for_websocket, read_handshake
from fairlead_router.transports.http_request import HttpRefusal, HttpRequest, parse_request

KEY = "MDEyMzQ1Njc4OTAxMjM0NQ=="
GOOD = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "wamp.2.json",
}
OURS = dict.fromkeys(["wamp.2.json", "wamp.2.cbor"])


def request(line: str = "GET /ws HTTP/1.1", extra: tuple[str, ...] = (), **headers: str | None) -> HttpRequest:
    """A good one with some headers replaced, or left out (None); `_` in a name is `-`."""
    fields: dict[str, str | None] = {**GOOD, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return parse_request("\r\n".join((line, *lines, *extra)).encode())


@pytest.mark.parametrize(
    "good",
    [
        request(),
        request(Connection="keep-alive, Upgrade"),
        request(Connection="UPGRADE"),
        request(Connection="keep-alive", extra=("Connection: upgrade",)),
        request(Upgrade="WebSocket"),
        request(Upgrade="h2c, websocket"),
        request(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"),
        request(extra=("Content-Length: 0",)),
        request(Sec_WebSocket_Protocol="wamp.2.flatbuffers, wamp.2.json"),
        request(Sec_WebSocket_Protocol="other", extra=("Sec-WebSocket-Protocol: wamp.2.json, wamp.2.cbor",)),
    ],
    ids=range(10),
)
def test_good_handshake(good: HttpRequest) -> None:
    assert asks_for_websocket(good)
    assert read_handshake(good, OURS) == Handshake("wamp.2.json", KEY)


def test_clients_order_of_subprotocols_counts() -> None:
    assert read_handshake(request(Sec_WebSocket_Protocol="wamp.2.cbor,wamp.2.json"), OURS).subprotocol == "wamp.2.cbor"


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (request("POST /ws HTTP/1.1"), "GET of HTTP/1.1"),
        (request("GET /ws HTTP/1.0"), "GET of HTTP/1.1"),
        (request(Connection=None), "Connection header"),
        (request(Connection="keep-alive"), "Connection header"),
        (request(Sec_WebSocket_Key=None), "Sec-WebSocket-Key ''"),
        (request(Sec_WebSocket_Key="MDEy"), "16 bytes"),
        (request(Sec_WebSocket_Key="ä" * 24), "16 bytes"),
        (request(extra=(f"Sec-WebSocket-Key: {KEY}",)), "2 sec-websocket-key headers"),
        (request(Sec_WebSocket_Protocol=None), "'none' has none of wamp.2.json, wamp.2.cbor"),
        (request(Sec_WebSocket_Protocol="WAMP.2.JSON"), "has none of"),
        (request(extra=("Content-Length: 5",)), "no body"),
        (request(extra=("Transfer-Encoding: chunked",)), "no body"),
    ],
)
def test_bad_handshake(bad: HttpRequest, text: str) -> None:
    with pytest.raises(HttpRefusal) as caught:
        read_handshake(bad, OURS)
    assert caught.value.status == 400
    assert text in caught.value.text


@pytest.mark.parametrize("version", [None, "8", "12", "13, 8", ""])
def test_other_versions_are_told_which_one_is_spoken(version: str | None) -> None:
    with pytest.raises(HttpRefusal) as caught:
        read_handshake(request(Sec_WebSocket_Version=version), OURS)
    assert caught.value.status == 426
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in caught.value.response()


@pytest.mark.parametrize("upgrade", [None, "h2c", "websockets"])
def test_without_the_upgrade_it_is_plain_http(upgrade: str | None) -> None:
    assert not asks_for_websocket(request(Upgrade=upgrade))
