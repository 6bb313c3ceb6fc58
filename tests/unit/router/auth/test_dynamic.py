"""A callable or a procedure says who may join."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fairlead_router.auth import ChallengeRequest, Decision, HelloRequest
from fairlead_router.auth.dynamic import AUTHMETHODS, CallableAuthenticator, ProcedureAuthenticator
from fairlead_router.auth.scram_keys import derive
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, CallError, NoMatchingAuthMethod, RequestError
from fairlead_router.payload import Payload
from fairlead_router.peer import PeerDetails
from fairlead_router.realm import Realm
from fairlead_router.router import Router
from fairlead_router.rpc.call import Call
from support.hello import challenged, hello, verified

KEY = Ed25519PrivateKey.generate()
PUBKEY = KEY.public_key().public_bytes_raw().hex()
NONCE = {"nonce": "Y2xpZW50"}


class Program:
    """What an application answers; it remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str | None, dict[str, Any]]] = []

    def __call__(self, realm: str, authid: str | None, details: dict[str, Any]) -> Any:
        self.asked.append((realm, authid, details))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def decided(answer: Any, request: HelloRequest) -> Decision:
    decision = CallableAuthenticator(Program(answer), AUTHMETHODS).authenticate(request)
    assert isinstance(decision, (Principal, ChallengeRequest))
    return decision


def joined(answer: Any, request: HelloRequest, signature: str = "ticket") -> Principal:
    decision = decided(answer, request)
    return decision if isinstance(decision, Principal) else verified(decision, signature)


# ---- what it is asked, and may answer ----


def test_ticket_is_shown_to_the_program() -> None:
    program = Program("user")
    request = hello(
        "ticket", authid="alice", authextra={"x": 1}, peer=PeerDetails(transport="websocket", address="192.0.2.1")
    )
    principal = verified(challenged(CallableAuthenticator(program), request), "secret")
    assert principal == Principal("alice", "user", "ticket", "dynamic")
    assert program.asked == [
        (
            "realm1",
            "alice",
            {
                "authmethod": "ticket",
                "authextra": {"x": 1},
                "session": 4711,
                "transport": {"type": "websocket", "peer": "192.0.2.1", "is_secure": False, "certificate": None},
                "ticket": "secret",
            },
        )
    ]


@pytest.mark.parametrize(
    ("answer", "principal"),
    [
        ("user", Principal("alice", "user", "ticket", "dynamic")),
        ({"role": "user"}, Principal("alice", "user", "ticket", "dynamic")),
        (
            {"role": "user", "authid": "al", "authprovider": "db", "extra": {"hint": 1}, "unknown": 1},
            Principal("al", "user", "ticket", "db", authextra={"hint": 1}),
        ),
        (
            Principal("al", "user", "whatever", "db", trustlevel=3),
            Principal("al", "user", "ticket", "db", trustlevel=3),
        ),
    ],
)
def test_answer_names_the_principal(answer: Any, principal: Principal) -> None:
    assert joined(answer, hello("ticket", authid="alice")) == principal


@pytest.mark.parametrize(
    "answer", [None, 5, {}, {"role": 5}, {"role": "user", "authid": 5}, {"authid": "alice"}, ["user"], {"role": None}]
)
def test_answer_that_makes_no_sense_lets_nobody_in(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        joined(answer, hello("ticket", authid="alice"))


def test_program_refuses_by_raising() -> None:
    with pytest.raises(AuthenticationFailed, match="the account is locked"):
        joined(AuthenticationFailed("the account is locked"), hello("ticket", authid="alice"))


def test_anonymous_peer_is_not_who_it_says_it_is() -> None:
    assert joined("guest", hello("anonymous", authid="alice")) == Principal(
        "anonymous", "guest", "anonymous", "dynamic"
    )
    assert joined("guest", hello()).authid == "anonymous"
    assert joined({"role": "guest", "authid": "guest-1"}, hello()).authid == "guest-1"


def test_certificate_alone_gives_no_authid_that_hello_claims() -> None:
    request = hello("tls", authid="alice", peer=PeerDetails(certificate=b"\x30\x82"))
    assert joined({"role": "user", "authid": "bob"}, request).authid == "bob"
    with pytest.raises(ValueError, match="authid"):
        joined("user", request)


def test_wampcra_secret_comes_from_the_program() -> None:
    challenge = decided({"role": "user", "secret": "s"}, hello("wampcra", authid="alice"))
    assert isinstance(challenge, ChallengeRequest)
    assert challenge.extra.keys() == {"challenge"}
    salted = decided({"role": "user", "secret": "s", "salt": "x", "iterations": 7}, hello("wampcra", authid="alice"))
    assert isinstance(salted, ChallengeRequest)
    assert (salted.extra["salt"], salted.extra["iterations"], salted.extra["keylen"]) == ("x", 7, 32)


@pytest.mark.parametrize("answer", ["user", {"role": "user"}, {"role": "user", "secret": ""}])
def test_nobody_joins_with_an_empty_secret(answer: Any) -> None:
    with pytest.raises(ValueError, match="secret"):
        decided(answer, hello("wampcra", authid="alice"))


@pytest.mark.parametrize("authid", ["alice", None])
def test_key_that_the_program_knows_must_sign(authid: str | None) -> None:
    challenge = decided("user", hello("cryptosign", authid=authid, authextra={"pubkey": PUBKEY}))
    assert isinstance(challenge, ChallengeRequest)
    message = bytes.fromhex(challenge.extra["challenge"])
    assert verified(challenge, (KEY.sign(message) + message).hex()).authid == (authid or PUBKEY)
    with pytest.raises(AuthenticationFailed):
        challenge.verify("", {})


@pytest.mark.parametrize("authmethod", ["wamp-scram", "scram"])
def test_scram_keys_come_from_the_program(authmethod: str) -> None:
    user = derive(Principal("alice", "user"), "pencil", kdf="pbkdf2", iterations=4096)
    answer = {
        "role": "user",
        "kdf": user.kdf,
        "salt": user.salt,
        "iterations": user.iterations,
        "stored-key": user.stored_key.hex(),
        "server-key": user.server_key.hex(),
    }
    challenge = decided(answer, hello(authmethod, authid="alice", authextra=NONCE))
    assert isinstance(challenge, ChallengeRequest)
    assert (challenge.authmethod, challenge.extra["salt"]) == (authmethod, user.salt)
    with pytest.raises(AuthenticationFailed, match="authid"):
        decided(answer, hello(authmethod, authid="\u0007", authextra=NONCE))
    for key in ("salt", "stored-key", "server-key"):
        with pytest.raises(ValueError, match="salt, stored-key or server-key"):
            decided({**answer, key: ""}, hello(authmethod, authid="alice", authextra=NONCE))


@pytest.mark.parametrize("authmethod", ["ticket", "wampcra", "wamp-scram"])
def test_who_says_no_authid_needs_one_from_the_program(authmethod: str) -> None:
    with pytest.raises(AuthenticationFailed, match="authid"):
        joined({"role": "user", "secret": "s"}, hello(authmethod, authextra=NONCE))


def test_methods_that_were_not_given_are_not_offered() -> None:
    authenticator = CallableAuthenticator(Program("user"), ["ticket", "tls"])
    for request in (hello("anonymous"), hello(), hello("wampcra"), hello("tls")):
        with pytest.raises(NoMatchingAuthMethod, match="ticket, tls"):
            authenticator.authenticate(request)


def test_unknown_method_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match=r"\['kerberos'\] are not possible"):
        CallableAuthenticator(Program("user"), ["ticket", "kerberos"])


async def test_program_may_answer_later() -> None:
    async def ask(realm: str, authid: str | None, details: dict[str, Any]) -> str:
        return "user"

    decision = CallableAuthenticator(ask, ["anonymous"]).authenticate(hello())
    assert not isinstance(decision, (Principal, ChallengeRequest))
    assert await decision == Principal("anonymous", "user", "anonymous", "dynamic")


# ---- procedures ----

PROCEDURE = "org.example.authenticate"


class Service:
    """A realm with the procedure, and an authenticator that asks it."""

    def __init__(self, realm: Realm) -> None:
        self.calls: list[list[Any]] = []
        self.endpoint: Callable[[list[Any]], Any] = lambda args: {"role": "user"}
        self.member = realm.join(Principal("authenticator", "service"))
        self.authenticator = ProcedureAuthenticator(self.member, PROCEDURE)

    def register(self) -> None:
        self.member.register(PROCEDURE, self._called)

    def _called(self, call: Call) -> Any:
        self.calls.append(call.payload.args)
        return self.endpoint(call.payload.args)

    async def join(self, ticket: str = "secret") -> Principal:
        challenge = challenged(self.authenticator, hello("ticket", authid="alice"))
        decision = challenge.verify(ticket, {})
        assert not isinstance(decision, (Principal, ChallengeRequest))
        principal = await decision
        assert isinstance(principal, Principal)
        return principal


@pytest.fixture
async def service() -> Any:
    router = Router()
    yield Service(router.add_realm("realm1"))
    await router.close()


async def test_procedure_is_called_like_crossbars(service: Service) -> None:
    service.register()
    assert await service.join() == Principal("alice", "user", "ticket", "dynamic")
    [[realm, authid, details]] = service.calls
    assert (realm, authid, details["ticket"], details["authmethod"]) == ("realm1", "alice", "secret", "ticket")


async def test_error_of_the_procedure_refuses_and_only_the_log_knows_why(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fairlead_router")

    def refuse(args: list[Any]) -> Any:
        raise RequestError("no such user: alice")

    service.register()
    service.endpoint = refuse
    with pytest.raises(AuthenticationFailed) as caught:
        await service.join()
    assert caught.value.text == "the peer could not be authenticated"
    assert any("no such user: alice" in record.getMessage() for record in caplog.records)
    assert all("secret" not in record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


async def test_what_no_message_can_carry_is_the_peers_fault(service: Service) -> None:
    service.register()
    with pytest.raises(AuthenticationFailed, match="cannot be passed on"):
        await service.join("\0ticket")
    assert service.calls == []


async def test_procedure_that_is_not_there_is_not_the_peers_fault(service: Service) -> None:
    with pytest.raises(CallError):
        await service.join()


@pytest.mark.parametrize("result", [Payload.from_values([]), Payload.from_values([None]), Payload.from_values([5])])
async def test_result_that_makes_no_sense_lets_nobody_in(service: Service, result: Payload) -> None:
    service.register()
    service.endpoint = lambda args: result
    with pytest.raises(ValueError, match=r"."):
        await service.join()
