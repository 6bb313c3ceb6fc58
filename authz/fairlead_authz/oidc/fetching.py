"""The keys of an issuer over HTTP: its discovery document says where they are (OpenID Connect Discovery 1.0).

Whoever asks is bounded in time and size, follows no redirect, and asks nobody but the configured issuer and the host
that the issuer's own document names.
"""

import asyncio
from urllib.parse import urlsplit

import aiohttp
import msgspec

FETCH_TIMEOUT_S = 10.0
"""For both documents together. Nobody waits for so long (authenticator_timeout_s): it is for the next one who comes."""

MAX_DOCUMENT_BYTES = 256 * 1024
"""Of either; the largest known ones have some 10 KiB."""

_WELL_KNOWN = "/.well-known/openid-configuration"
_CHUNK_BYTES = 16 * 1024
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_OK = 200


class FetchFailed(Exception):
    """The issuer did not answer, or not as it should. The text says what happened."""


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


async def fetch_keys(issuer: str) -> bytes:
    """The issuer's key set as it came. Raises FetchFailed."""
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_S), aiohttp.ClientSession(headers=_HEADERS) as session:
            document = await _get(session, issuer.removesuffix("/") + _WELL_KNOWN)
            return await _get(session, _jwks_uri(issuer, document))
    except TimeoutError:
        raise FetchFailed(f"no answer within {FETCH_TIMEOUT_S:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchFailed(str(error) or type(error).__name__) from error


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != _OK:
            raise FetchFailed(f"{url} answered with status {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise FetchFailed(f"{url} has more than {MAX_DOCUMENT_BYTES} bytes")
        return bytes(body)


def _jwks_uri(issuer: str, document: bytes) -> str:
    """Raises FetchFailed for a document of somebody else (Discovery, 4.3), or for keys that travel less safely."""
    try:
        discovery = msgspec.json.decode(document, type=_Discovery)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise FetchFailed(f"its discovery document is none: {error}") from None
    if discovery.issuer != issuer:
        raise FetchFailed(f"its discovery document is that of {discovery.issuer[:200]!r}")
    if urlsplit(discovery.jwks_uri).scheme not in ("https", urlsplit(issuer).scheme):
        raise FetchFailed(f"its keys are at {discovery.jwks_uri[:200]!r}, which is not https")
    return discovery.jwks_uri
