"""An issuer of JWTs on this machine: discovery and keys over HTTP, and tokens of every kind, wrong ones too.

async with Issuer() as issuer:
    token = issuer.token("alice")
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import cache
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "fairlead"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def private_key(algorithm: str, name: str = "") -> PrivateKey:
    """Made once: an RSA key takes its time. Each name has another one."""
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    curves: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
    return ec.generate_private_key(curves[algorithm])


def public_jwk(key: PrivateKey, kid: str | None, **members: Any) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        made = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        made = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        made = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {**made, **({} if kid is None else {"kid": kid}), **members}


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def sign(key: Any, algorithm: str, claims: dict[str, Any], kid: str | None = None, **header: Any) -> str:
    headers = {**header, **({} if kid is None else {"kid": kid})}
    return jwt.encode(claims, key, algorithm, headers)


def claims_of(issuer: str, subject: Any, **changed: Any) -> dict[str, Any]:
    """Good ones, but for what is changed; None takes a claim away."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600, **changed}
    return {name: value for name, value in claims.items() if value is not None}


class Issuer:
    """Its key of an algorithm has the algorithm's name as its id, unless the test `rotate`s it."""

    def __init__(self, *algorithms: str, name: str = "") -> None:
        self._name = name
        self.keys = {kid: private_key(kid, name) for kid in algorithms or ("RS256", "ES256", "EdDSA")}
        self.is_open = asyncio.Event()
        """Answers wait for it."""
        self.is_open.set()
        self.discoveries = 0
        self.fetches = 0
        self.status = 200
        self.document: dict[str, Any] = {}
        """What is different in the discovery document."""
        self.body: bytes | None = None
        """Instead of the key set."""
        application = web.Application()
        application.router.add_get("/.well-known/openid-configuration", self._discovery)
        application.router.add_get("/keys", self._keys)
        application.router.add_get("/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        self.url = ""
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_open.set()
        await self._runner.cleanup()

    async def start(self) -> None:
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        assert site._server is not None
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Refuses connections, until it is started again."""
        for site in list(self._runner.sites):
            await site.stop()

    def rotate(self, kid: str, algorithm: str = "ES256") -> None:
        """From now on there is this key and no other."""
        self.keys = {kid: private_key(algorithm, f"{self._name}{kid}")}

    def token(self, subject: Any, kid: str = "ES256", **changed: Any) -> str:
        key = self.keys[kid]
        algorithm = kid if kid in ("RS256", "PS256", "EdDSA") else "ES256"
        return sign(key, algorithm, claims_of(self.url, subject, **changed), kid)

    async def _discovery(self, request: web.Request) -> web.Response:
        self.discoveries += 1
        await self.is_open.wait()
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.document}
        return web.json_response(document, status=self.status, headers={"Location": f"{self.url}/elsewhere"})

    async def _keys(self, request: web.Request) -> web.Response:
        self.fetches += 1
        body = self.body or key_set(*(public_jwk(key, kid) for kid, key in self.keys.items()))
        return web.Response(body=body, content_type="application/json")

    async def _elsewhere(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
