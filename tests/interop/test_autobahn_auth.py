"""Autobahn|Python's authenticators against the router's, on real sockets: right secrets and wrong ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from autobahn.asyncio.wamp import Session as AutobahnSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.types import ComponentConfig
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fairlead_router import (
    AnonymousAuthenticator,
    Authenticator,
    Limits,
    Listener,
    MethodsAuthenticator,
    Principal,
    Router,
    TicketAuthenticator,
)
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.dynamic import CallableAuthenticator
from fairlead_router.auth.scram import ScramAuthenticator
from fairlead_router.auth.scram_keys import derive
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser, derive_key

FAILED = "wamp.error.authentication_failed"


def private_key(number: int) -> str:
    return bytes([number] * 32).hex()


def public_key(number: int) -> str:
    return Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)).public_key().public_bytes_raw().hex()


def user(authid: str) -> Principal:
    return Principal(authid, "user", authprovider="table")


def ask_program(realm: str, authid: str | None, details: dict[str, Any]) -> dict[str, Any]:
    """As a program on another router would answer it."""
    assert authid == "dynamo"
    return {"role": "user", "secret": "secret", "authprovider": "table", "extra": {"hint": realm}}


STATIC: dict[str, Authenticator] = {
    "anonymous": AnonymousAuthenticator(Principal("anonymous", "guest")),
    "ticket": TicketAuthenticator({"secret": Principal("alice", "user", "ticket", "table")}),
    "wampcra": WampCraAuthenticator(
        [
            WampCraUser(principal=user("alice"), secret="secret"),
            WampCraUser(
                principal=user("salted"),
                secret=derive_key("secret", "salt", 50, 16),
                salt="salt",
                iterations=50,
                keylen=16,
            ),
        ]
    ),
    "scram": ScramAuthenticator([derive(user("alice"), "secret", kdf="argon2id-13", iterations=2, memory=64)], "scram"),
    "cryptosign": CryptosignAuthenticator({public_key(1): user("alice")}),
}
DYNAMIC: dict[str, Authenticator] = {"wampcra": CallableAuthenticator(ask_program, ["wampcra"])}

RIGHT: dict[str, dict[str, Any]] = {
    "ticket": {"authid": "alice", "ticket": "secret"},
    "wampcra": {"authid": "alice", "secret": "secret"},
    "scram": {"authid": "alice", "password": "secret"},
    "cryptosign": {"authid": "alice", "privkey": private_key(1)},
}
WRONG: dict[str, dict[str, Any]] = {
    "ticket": {"ticket": "wrong"},
    "wampcra": {"secret": "wrong"},
    "scram": {"password": "wrong"},
    "cryptosign": {"privkey": private_key(2)},
}


class Session(AutobahnSession):
    """A session that says when it has joined, or why not."""

    def __init__(self, realm: str) -> None:
        super().__init__(ComponentConfig(realm))
        loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Any] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()

    def onJoin(self, details: Any) -> None:  # noqa: N802
        self.outcome.set_result(details)

    def onLeave(self, details: Any) -> None:  # noqa: N802
        if not self.outcome.done():
            self.outcome.set_result(details.reason)
        self.disconnect()

    def onDisconnect(self) -> None:  # noqa: N802
        self.gone.set_result(None)


Join = Callable[..., Awaitable[Any]]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    router = Router(Limits(close_timeout_s=1))
    router.add_realm("realm1", MethodsAuthenticator(STATIC))
    router.add_realm("realm2", MethodsAuthenticator(DYNAMIC))
    yield await router.listen("tcp://127.0.0.1:0")
    await router.close()


@pytest.fixture
async def join(listener: Listener) -> AsyncIterator[Join]:
    """Joins with these methods, or tells the reason of ABORT; lets all leave in the end."""
    sessions: list[Session] = []

    async def join_with(realm: str = "realm1", **methods: dict[str, Any]) -> Any:
        session = Session(realm)
        for name, options in methods.items():
            session.add_authenticator(create_authenticator(name, **options))
        sessions.append(session)
        factory = WampWebSocketClientFactory(lambda: session, f"ws://127.0.0.1:{listener.port}/ws")
        await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", listener.port)
        return await session.outcome

    yield join_with
    for session in sessions:
        if session.is_attached():
            session.leave()
        await session.gone


@pytest.mark.parametrize("method", RIGHT)
async def test_right_secret_joins(join: Join, method: str) -> None:
    details = await join(**{method: RIGHT[method]})
    assert (details.authid, details.authrole, details.authmethod) == ("alice", "user", method)
    assert (details.authprovider, details.realm) == ("table", "realm1")


@pytest.mark.parametrize("method", RIGHT)
async def test_wrong_secret_does_not(join: Join, method: str) -> None:
    assert await join(**{method: {**RIGHT[method], **WRONG[method]}}) == FAILED


@pytest.mark.parametrize("method", RIGHT)
async def test_right_secret_of_somebody_else_does_not(join: Join, method: str) -> None:
    assert await join(**{method: {**RIGHT[method], "authid": "mallory"}}) == FAILED


async def test_salted_secret_joins(join: Join) -> None:
    details = await join(wampcra={"authid": "salted", "secret": "secret"})
    assert (details.authid, details.authmethod) == ("salted", "wampcra")


async def test_wrong_salted_secret_does_not(join: Join) -> None:
    assert await join(wampcra={"authid": "salted", "secret": "wrong"}) == FAILED


async def test_without_a_method_one_is_anonymous(join: Join) -> None:
    details = await join()
    assert (details.authid, details.authrole, details.authmethod) == ("anonymous", "guest", "anonymous")


async def test_first_method_that_the_realm_has_is_taken(join: Join) -> None:
    details = await join(
        "realm2", ticket={"authid": "dynamo", "ticket": "x"}, wampcra={"authid": "dynamo", "secret": "secret"}
    )
    assert (details.authid, details.authmethod) == ("dynamo", "wampcra")
    assert details.authextra == {"hint": "realm2"}


async def test_method_that_the_realm_does_not_have_is_refused(join: Join) -> None:
    assert await join("realm2", ticket=RIGHT["ticket"]) == "wamp.error.no_matching_auth_method"
    assert await join("realm2") == "wamp.error.no_matching_auth_method"


async def test_realm_that_does_not_exist_is_refused(join: Join) -> None:
    assert await join("realm3", ticket=RIGHT["ticket"]) == "wamp.error.no_such_realm"
