"""Dynamic authentication: a callable of the program, or a WAMP procedure, says who may join.

It is asked with `(realm, authid, details)` and answers, at once or later, with

| for             | a Principal, or a dict with                                                                       |
|-----------------|---------------------------------------------------------------------------------------------------|
| every method    | `role`, and possibly `authid`, `authprovider`, `extra` (for WELCOME); a string alone is the role  |
| `ticket`        | it has looked at `details["ticket"]`                                                              |
| `anonymous`     |                                                                                                   |
| `tls`           | it has looked at `details["transport"]["certificate"]`: hexadecimal DER, verified by TLS          |
| `wampcra`       | `secret`, and for a salted one `salt`, `iterations`, `keylen` (wampcra.py)                        |
| `cryptosign`    | it knows `details["authextra"]["pubkey"]`, whose signature is then looked at                      |
| `wamp-scram`,   | `kdf`, `salt`, `iterations`, `memory`, `stored-key`, `server-key` (scram.py; the salt in base64,  |
| `scram`         | the keys in hexadecimal)                                                                          |

It raises to refuse. A peer is told no more than that it was refused, unless AuthenticationFailed was raised, whose text
it reads. With `wampcra` and SCRAM a refusal shows that a user does not exist, as the question comes before the proof:
who minds answers with a made-up secret.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol

import msgspec

from fairlead_router.auth import cryptosign, scram, wampcra
from fairlead_router.auth.protocol import ChallengeRequest, Decision, HelloRequest
from fairlead_router.authorization import Principal
from fairlead_router.errors import (
    AuthenticationFailed,
    CallError,
    InvalidArgument,
    NoMatchingAuthMethod,
    NoSuchProcedure,
)

log = logging.getLogger(__name__)

AUTHMETHODS = ("ticket", "wampcra", "cryptosign", "wamp-scram", "scram", "tls", "anonymous")

Found = Principal | dict[str, Any] | str
Question = Callable[[str, str | None, dict[str, Any]], Found | Awaitable[Found]]


class _Answer(msgspec.Struct, kw_only=True, rename={"stored_key": "stored-key", "server_key": "server-key"}):
    """The dict of an answer; unknown keys are ignored."""

    role: str
    authid: str | None = None
    authprovider: str = "dynamic"
    extra: dict[str, Any] | None = None
    secret: str = ""
    salt: str | None = None
    iterations: int = 1000
    keylen: int = 32
    kdf: scram.Kdf = "argon2id13"
    memory: int | None = None
    stored_key: str = ""
    server_key: str = ""


class CallableAuthenticator:
    """Asks a callable of the program, for these methods."""

    def __init__(self, question: Question, authmethods: Iterable[str] = ("ticket",)) -> None:
        """Raises ValueError for a method that is not in the table above."""
        self._question = question
        self._authmethods = tuple(authmethods)
        unknown = [each for each in self._authmethods if each not in AUTHMETHODS]
        if unknown:
            raise ValueError(f"authmethods {unknown} are not possible here; possible are {', '.join(AUTHMETHODS)}")

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """Takes the first of the client's methods that is among its own."""
        offered = hello.authmethods or ("anonymous",)
        authmethod = next((each for each in offered if each in self._authmethods), None)
        if authmethod is None or (authmethod == "tls" and hello.peer.certificate is None):
            raise NoMatchingAuthMethod(
                f"none of the authmethods in HELLO is possible here; offered are {', '.join(self._authmethods)}"
            )
        details = _details(hello, authmethod)
        if authmethod != "ticket":
            return self._ask(hello, authmethod, details)

        def verify(ticket: str, extra: dict[str, Any]) -> Decision | Awaitable[Decision]:
            return self._ask(hello, authmethod, {**details, "ticket": ticket})

        return ChallengeRequest(authmethod, verify)

    def _ask(self, hello: HelloRequest, authmethod: str, details: dict[str, Any]) -> Decision | Awaitable[Decision]:
        found = self._question(hello.realm, hello.authid, details)
        decide = partial(_decide, hello, authmethod)
        return _later(found, decide) if isawaitable(found) else decide(found)


async def _later(found: Awaitable[Found], decide: Callable[[Found], Decision]) -> Decision:
    return decide(await found)


def _details(hello: HelloRequest, authmethod: str) -> dict[str, Any]:
    peer = hello.peer
    return {
        "authmethod": authmethod,
        "authextra": hello.authextra,
        "session": hello.session_id,
        "transport": {
            "type": peer.transport,
            "peer": peer.address,
            "is_secure": peer.is_secure,
            "certificate": None if peer.certificate is None else peer.certificate.hex(),
        },
    }


# ---------------------------------------------------------------- from the answer to the decision


def _decide(hello: HelloRequest, authmethod: str, found: Found) -> Decision:
    if isinstance(found, Principal):
        answer = _Answer(role=found.authrole)
        principal = msgspec.structs.replace(found, authmethod=authmethod)
    else:
        answer = msgspec.convert({"role": found} if isinstance(found, str) else found, _Answer)
        principal = Principal(
            authid=answer.authid or _default_authid(hello, authmethod),
            authrole=answer.role,
            authmethod=authmethod,
            authprovider=answer.authprovider,
            authextra=answer.extra,
        )
    build = _CHALLENGES.get(authmethod)
    return principal if build is None else build(hello, principal, answer)


def _default_authid(hello: HelloRequest, authmethod: str) -> str:
    """Whom the answer does not name is who it was asked about; without a proof HELLO's word is worth nothing."""
    if authmethod == "anonymous":
        return "anonymous"
    if authmethod == "cryptosign" and hello.authid is None:
        return cryptosign.public_key_of(hello)
    if authmethod == "tls":
        raise ValueError("the answer for tls has no authid, and what HELLO says is not proved by the certificate")
    if hello.authid is None:
        raise AuthenticationFailed(f"HELLO has no authid, which {authmethod} needs here")
    return hello.authid


def _wampcra(hello: HelloRequest, principal: Principal, answer: _Answer) -> Decision:
    if not answer.secret:
        raise ValueError("the answer for wampcra has no secret")
    user = wampcra.WampCraUser(
        principal=principal,
        secret=answer.secret,
        salt=answer.salt,
        iterations=answer.iterations,
        keylen=answer.keylen,
    )
    return wampcra.challenge(hello, user)


def _cryptosign(hello: HelloRequest, principal: Principal, answer: _Answer) -> Decision:
    return cryptosign.challenge(hello, principal)


def _scram(hello: HelloRequest, principal: Principal, answer: _Answer) -> Decision:
    user = scram.ScramUser(
        principal=principal,
        kdf=answer.kdf,
        salt=answer.salt or "",
        iterations=answer.iterations,
        memory=answer.memory,
        stored_key=bytes.fromhex(answer.stored_key),
        server_key=bytes.fromhex(answer.server_key),
    )
    if not (user.salt and user.stored_key and user.server_key):
        raise ValueError(f"the answer for {principal.authmethod} has no salt, stored-key or server-key")
    return scram.challenge(hello, user, principal.authmethod)


_CHALLENGES: dict[str, Callable[[HelloRequest, Principal, _Answer], Decision]] = {
    "wampcra": _wampcra,
    "cryptosign": _cryptosign,
    scram.SPECIFIED: _scram,
    scram.AUTOBAHN: _scram,
}


# ---------------------------------------------------------------- a procedure as the callable


class Called(Protocol):
    """The final result of a call."""

    @property
    def args(self) -> list[Any]:
        """The positional results."""


class Caller(Protocol):
    """A member of the realm where the procedure is registered (member.py)."""

    def call(self, procedure: str, args: list[Any]) -> Awaitable[Called]:
        """Raises CallError."""


class ProcedureAuthenticator(CallableAuthenticator):
    """Asks a procedure: its first positional result is the answer, an ERROR refuses.

    Whoever may register the procedure decides who joins: see to it that nobody else may.
    """

    def __init__(self, caller: Caller, procedure: str, authmethods: Iterable[str] = ("ticket",)) -> None:
        super().__init__(self._call, authmethods)
        self._caller = caller
        self._procedure = procedure

    async def _call(self, realm: str, authid: str | None, details: dict[str, Any]) -> Found:
        try:
            result = await self._caller.call(self._procedure, [realm, authid, details])
        except InvalidArgument as error:
            raise AuthenticationFailed(f"what the peer says of itself cannot be passed on: {error.text}") from error
        except CallError as error:
            if error.uri == NoSuchProcedure.uri:
                raise  # nobody has judged the peer
            log.info("%s refused a peer of realm %r: %s", self._procedure, realm, error)
            raise AuthenticationFailed("the peer could not be authenticated") from error
        if not result.args:
            raise ValueError(f"{self._procedure} has answered without a result")
        found: Found = result.args[0]
        return found
