"""Keys over HTTP: what is taken from an issuer, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_authz.oidc import fetching
from fairlead_authz.oidc.fetching import MAX_DOCUMENT_BYTES, FetchFailed, fetch_keys
from fairlead_authz.oidc.issuer import USUAL
from fairlead_authz.oidc.jwks import decode_keys
from support.issuer import Issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as made:
        yield made


async def test_the_keys_are_where_the_discovery_document_says(issuer: Issuer) -> None:
    keys = decode_keys(await fetch_keys(issuer.url), USUAL)
    assert all(keys.get(kid) is not None for kid in ("RS256", "ES256", "EdDSA"))
    assert (issuer.discoveries, issuer.fetches) == (1, 1)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"issuer": "https://other.example.org"}, "that of 'https://other.example.org'"),
        ({"issuer": 7}, "discovery document is none"),
        ({"jwks_uri": None}, "discovery document is none"),
        ({"jwks_uri": "file:///etc/passwd"}, "which is not https"),
        ({"jwks_uri": "ftp://127.0.0.1/keys"}, "which is not https"),
        ({"jwks_uri": "http://"}, "http://"),
        ({"jwks_uri": "http://[::1"}, "IPv6"),
    ],
)
async def test_a_document_that_is_not_the_issuers_is_refused(
    issuer: Issuer, document: dict[str, Any], text: str
) -> None:
    issuer.document = document
    with pytest.raises(FetchFailed, match=text):
        await fetch_keys(issuer.url)
    assert issuer.fetches == 0


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_redirects_are_not_followed_and_errors_are_errors(issuer: Issuer, status: int) -> None:
    issuer.status = status
    with pytest.raises(FetchFailed, match=f"answered with status {status}"):
        await fetch_keys(issuer.url)
    assert issuer.fetches == 0


async def test_a_document_that_is_too_large_is_not_read_to_its_end(issuer: Issuer) -> None:
    issuer.body = b" " * (MAX_DOCUMENT_BYTES + 1)
    with pytest.raises(FetchFailed, match=f"more than {MAX_DOCUMENT_BYTES} bytes"):
        await fetch_keys(issuer.url)


async def test_an_issuer_that_does_not_answer_is_not_waited_for_for_ever(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "FETCH_TIMEOUT_S", 0.1)
    issuer.is_open.clear()
    with pytest.raises(FetchFailed, match=r"no answer within 0\.1 s"):
        await fetch_keys(issuer.url)


async def test_an_issuer_that_is_not_there_is_an_error(issuer: Issuer) -> None:
    await issuer.stop()
    with pytest.raises(FetchFailed, match="Cannot connect"):
        await fetch_keys(issuer.url)


def test_keys_of_an_https_issuer_travel_by_https_only() -> None:
    document = b'{"issuer": "https://a.example.org", "jwks_uri": "http://a.example.org/keys"}'
    with pytest.raises(FetchFailed, match="which is not https"):
        fetching._jwks_uri("https://a.example.org", document)
