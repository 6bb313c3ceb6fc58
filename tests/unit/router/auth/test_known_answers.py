"""Known answers of each method of authentication: tests/vectors/authentication.json.

Made with Python's standard library, `cryptography` and `argon2-cffi`, not with this router. What the router draws at
random is there `random`, so that its challenges are known too. `refused` are answers that prove nothing.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import pytest

from fairlead_router.auth import Authenticator, ChallengeRequest
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.scram import ScramAuthenticator, ScramUser
from fairlead_router.auth.scram_keys import derive
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser, derive_key
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed
from fairlead_router.peer import PeerDetails
from support.hello import challenged, hello, verified
from support.vectors import VECTORS

KNOWN = json.loads((VECTORS / "authentication.json").read_text(encoding="utf-8"))
EACH = pytest.mark.parametrize("vector", KNOWN, ids=lambda vector: f"{vector['method']}: {vector['name']}")
SESSION_ID = 3251278072152162


def wampcra(vector: dict[str, Any], principal: Principal) -> Authenticator:
    salting = {key: vector[key] for key in ("salt", "iterations", "keylen") if key in vector}
    secret = vector["secret"]
    if salting:
        secret = derive_key(secret, **salting)
        assert secret == vector["key"]
    return WampCraAuthenticator([WampCraUser(principal=principal, secret=secret, **salting)])


def cryptosign(vector: dict[str, Any], principal: Principal) -> Authenticator:
    return CryptosignAuthenticator({vector["public_key"]: principal})


def scram(vector: dict[str, Any], principal: Principal) -> Authenticator:
    user: ScramUser = derive(
        principal,
        vector["password"],
        kdf=vector["kdf"],
        iterations=vector["iterations"],
        memory=vector.get("memory"),
        salt=base64.b64decode(vector["salt"]),
    )
    assert (user.stored_key.hex(), user.server_key.hex()) == (vector["stored_key"], vector["server_key"])
    return ScramAuthenticator([user])


METHODS = {"wampcra": wampcra, "cryptosign": cryptosign, "wamp-scram": scram}


@pytest.fixture
def challenge(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> ChallengeRequest:
    """What the router asks of the peer of this vector."""
    authenticator = METHODS[vector["method"]](vector, Principal(vector["authid"], "user"))
    monkeypatch.setattr(secrets, "token_bytes", lambda size: bytes.fromhex(vector["random"]))
    channel_id = bytes.fromhex(vector["channel_id"]) if "channel_id" in vector else None
    peer = PeerDetails(is_secure=channel_id is not None, channel_id=channel_id)
    request = hello(
        vector["method"],
        authid=vector["authid"],
        authextra=vector.get("authextra"),
        peer=peer,
        session_id=SESSION_ID,
    )
    return challenged(authenticator, request)


@EACH
def test_challenge_is_exactly_this(vector: dict[str, Any], challenge: ChallengeRequest) -> None:
    assert (challenge.authmethod, challenge.extra) == (vector["method"], vector["challenge"])


@EACH
def test_right_answer_names_the_principal(vector: dict[str, Any], challenge: ChallengeRequest) -> None:
    principal = verified(challenge, vector["signature"], vector["extra"])
    assert (principal.authid, principal.authrole, principal.authmethod) == (vector["authid"], "user", vector["method"])
    assert principal.authextra == vector.get("welcome")


@EACH
def test_other_answers_are_refused(vector: dict[str, Any], challenge: ChallengeRequest) -> None:
    for signature, extra in vector["refused"]:
        with pytest.raises(AuthenticationFailed):
            challenge.verify(signature, extra)
