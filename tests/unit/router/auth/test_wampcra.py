"""WAMP-CRA: what is asked, which proofs are right, and what a stranger can learn from it."""

from __future__ import annotations

import json

import pytest
from autobahn.wamp.auth import compute_wcs
from autobahn.wamp.auth import derive_key as autobahn_derive_key
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.protocol import ChallengeRequest
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser, derive_key
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod
from support.hello import challenged, hello, verified

ALICE = WampCraUser(principal=Principal("alice", "user", authprovider="userdb"), secret="secret1")
BOB = WampCraUser(
    principal=Principal("bob", "admin"),
    secret=derive_key("secret2", "salt-of-bob-16ch", 100, 32),
    salt="salt-of-bob-16ch",
    iterations=100,
    keylen=32,
)
AUTHENTICATOR = WampCraAuthenticator([ALICE, BOB])


def ask(authid: str, session_id: int = 4711) -> ChallengeRequest:
    return challenged(AUTHENTICATOR, hello("wampcra", authid=authid, session_id=session_id))


def sign(challenge: ChallengeRequest, secret: str) -> str:
    """As Autobahn does it."""
    key = secret.encode()
    if "salt" in challenge.extra:
        extra = challenge.extra
        key = autobahn_derive_key(secret, extra["salt"], extra["iterations"], extra["keylen"])
    signature: str = compute_wcs(key, challenge.extra["challenge"]).decode()
    return signature


def test_challenge_says_what_the_proof_is_good_for() -> None:
    text = json.loads(ask("alice").extra["challenge"])
    nonce = text.pop("nonce")
    assert len(nonce) >= 16
    assert text == {
        "authid": "alice",
        "authrole": "user",
        "authmethod": "wampcra",
        "authprovider": "userdb",
        "timestamp": "2026-09-21T14:13:20.123Z",
        "session": 4711,
    }


def test_right_signature_names_the_principal() -> None:
    challenge = ask("alice")
    assert verified(challenge, sign(challenge, "secret1")) == Principal("alice", "user", "wampcra", "userdb")


def test_salted_secret_signs_with_the_derived_key() -> None:
    challenge = ask("bob")
    assert {key: challenge.extra[key] for key in ("salt", "iterations", "keylen")} == {
        "salt": "salt-of-bob-16ch",
        "iterations": 100,
        "keylen": 32,
    }
    assert verified(challenge, sign(challenge, "secret2")).authid == "bob"


@given(
    secret=st.text(st.characters(codec="utf-8"), max_size=20),
    salt=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
def test_derived_key_is_the_one_that_autobahn_derives(secret: str, salt: str) -> None:
    assert derive_key(secret, salt, 2, 16) == autobahn_derive_key(secret, salt, 2, 16).decode()


@pytest.mark.parametrize("signature", ["", "x", "\0", "é", "\ud800", "A" * 44, "A" * 100_000])
def test_wrong_signature_is_refused(signature: str) -> None:
    with pytest.raises(AuthenticationFailed, match="the signature is not valid"):
        ask("alice").verify(signature, {})


def test_truncated_signature_is_refused() -> None:
    challenge = ask("alice")
    with pytest.raises(AuthenticationFailed):
        challenge.verify(sign(challenge, "secret1")[:-1], {})


def test_signature_of_another_session_is_refused() -> None:
    recorded = sign(ask("alice", session_id=1), "secret1")
    with pytest.raises(AuthenticationFailed):
        ask("alice", session_id=1).verify(recorded, {})


def test_challenges_are_never_the_same() -> None:
    assert len({ask("alice").extra["challenge"] for _ in range(50)}) == 50


def test_unknown_user_is_asked_like_a_known_one_and_refused_with_the_same_words() -> None:
    unsalted = WampCraAuthenticator([ALICE])
    known = challenged(unsalted, hello("wampcra", authid="alice"))
    unknown = challenged(unsalted, hello("wampcra", authid="mallory"))
    assert known.extra.keys() == unknown.extra.keys()
    texts = [json.loads(challenge.extra["challenge"]) for challenge in (known, unknown)]
    for text in texts:
        del text["nonce"], text["authid"]
    assert texts[0] == texts[1]
    refusals = []
    for challenge in (known, unknown):
        with pytest.raises(AuthenticationFailed) as caught:
            challenge.verify(sign(challenge, "wrong"), {})
        refusals.append(caught.value.text)
    assert refusals[0] == refusals[1]


def test_unknown_user_has_a_salt_that_looks_real_and_stays_the_same() -> None:
    salted = WampCraAuthenticator([BOB])
    asked = [challenged(salted, hello("wampcra", authid="mallory")).extra for _ in range(2)]
    assert len({extra["salt"] for extra in asked}) == 1
    assert len(asked[0]["salt"]) == len("salt-of-bob-16ch")
    assert (asked[0]["iterations"], asked[0]["keylen"]) == (100, 32)
    other = challenged(salted, hello("wampcra", authid="mallory2")).extra
    assert other["salt"] != asked[0]["salt"]


def test_with_a_kept_key_unknown_users_look_the_same_after_a_restart() -> None:
    salts = {
        challenged(WampCraAuthenticator([BOB], Decoys(b"kept")), hello("wampcra", authid="mallory")).extra["salt"]
        for _ in range(2)
    }
    assert len(salts) == 1


def test_nobody_joins_where_there_are_no_users() -> None:
    challenge = challenged(WampCraAuthenticator([]), hello("wampcra", authid="alice"))
    with pytest.raises(AuthenticationFailed):
        challenge.verify(sign(challenge, ""), {})


def test_secret_is_not_shown() -> None:
    assert repr(ALICE) == f"WampCraUser({ALICE.principal!r})"


def test_hello_needs_an_authid() -> None:
    with pytest.raises(AuthenticationFailed, match="authid"):
        AUTHENTICATOR.authenticate(hello("wampcra"))


def test_method_must_be_offered() -> None:
    with pytest.raises(NoMatchingAuthMethod):
        AUTHENTICATOR.authenticate(hello("ticket", authid="alice"))


def test_empty_secret_is_none() -> None:
    with pytest.raises(ValueError, match="the secret of 'alice' must not be empty"):
        WampCraAuthenticator([WampCraUser(principal=Principal("alice", "user"), secret="")])
