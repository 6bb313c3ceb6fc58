"""Cryptosign: the specification's test vectors, and what is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.protocol import ChallengeRequest
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod
from fairlead_router.peer import PeerDetails
from support.hello import challenged, hello, verified

KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510")
)
OTHER = Ed25519PrivateKey.generate()
PUBKEY = KEY.public_key().public_bytes_raw().hex()
ALICE = Principal("alice", "user")
AUTHENTICATOR = CryptosignAuthenticator({PUBKEY.upper(): ALICE})
CHANNEL_ID = b"finished msg"
OVER_TLS = PeerDetails(is_secure=True, channel_id=CHANNEL_ID)


def ask(
    authid: str | None = None, pubkey: Any = PUBKEY, peer: PeerDetails | None = None, **more: Any
) -> ChallengeRequest:
    authextra = {"pubkey": pubkey, **more}
    return challenged(
        AUTHENTICATOR, hello("cryptosign", authid=authid, authextra=authextra, peer=peer or PeerDetails())
    )


def sign(challenge: ChallengeRequest, key: Ed25519PrivateKey = KEY, channel_id: bytes | None = None) -> str:
    message = bytes.fromhex(challenge.extra["challenge"])
    if channel_id is not None:
        message = bytes(a ^ b for a, b in zip(message, hashlib.sha256(channel_id).digest(), strict=True))
    return (key.sign(message) + message).hex()


@pytest.mark.parametrize("authid", [None, "alice"])
@pytest.mark.parametrize("pubkey", [PUBKEY, PUBKEY.upper()])
def test_key_names_the_principal(authid: str | None, pubkey: str) -> None:
    challenge = ask(authid, pubkey)
    assert challenge.extra["channel_binding"] is None
    assert len(challenge.extra["challenge"]) == 64
    assert verified(challenge, sign(challenge)) == Principal("alice", "user", "cryptosign")


def test_signature_is_that_of_the_specification() -> None:
    """Its first test vector: 32 bytes of ff."""
    assert KEY.sign(b"\xff" * 32).hex() == (
        "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0c"
        "ae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03"
    )


def test_challenges_are_never_the_same() -> None:
    assert len({ask().extra["challenge"] for _ in range(50)}) == 50


def test_signature_of_another_challenge_is_refused() -> None:
    recorded = sign(ask())
    with pytest.raises(AuthenticationFailed):
        ask().verify(recorded, {})


def test_signature_of_another_message_is_refused() -> None:
    challenge = ask()
    message = b"\0" * 32
    for signed in (message.hex(), challenge.extra["challenge"]):
        with pytest.raises(AuthenticationFailed):
            challenge.verify(KEY.sign(message).hex() + signed, {})


@pytest.mark.parametrize("cut", [0, 1, 2, 64, 128, 190, 191])
def test_truncated_signature_is_refused(cut: int) -> None:
    challenge = ask()
    with pytest.raises(AuthenticationFailed, match="the signature is not valid"):
        challenge.verify(sign(challenge)[:cut], {})


@pytest.mark.parametrize("signature", ["é" * 192, "zz" * 96, " " * 192, "\ud800", "0" * 192, "0" * 100_000, "\0" * 192])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(AuthenticationFailed, match="the signature is not valid"):
        ask().verify(signature, {})


def test_more_behind_the_signature_is_refused() -> None:
    challenge = ask()
    with pytest.raises(AuthenticationFailed):
        challenge.verify(sign(challenge) + "00", {})


@pytest.mark.parametrize(
    "pubkey", [None, 5, "", "00", PUBKEY[:-1], PUBKEY + "0", "zz" * 32, b"\0" * 32, [PUBKEY], "é" * 64, " " * 64]
)
def test_what_is_no_key_is_refused(pubkey: Any) -> None:
    with pytest.raises(AuthenticationFailed, match="pubkey"):
        AUTHENTICATOR.authenticate(hello("cryptosign", authextra={"pubkey": pubkey}))


def test_hello_needs_a_key() -> None:
    with pytest.raises(AuthenticationFailed, match="pubkey"):
        AUTHENTICATOR.authenticate(hello("cryptosign", authid="alice"))


def test_unknown_key_and_wrong_authid_are_asked_and_then_refused_with_the_same_words() -> None:
    stranger = OTHER.public_key().public_bytes_raw().hex()
    texts = set()
    for challenge, key in ((ask(pubkey=stranger), OTHER), (ask("bob"), KEY), (ask(), OTHER)):
        with pytest.raises(AuthenticationFailed) as caught:
            challenge.verify(sign(challenge, key), {})
        texts.add(caught.value.text)
    assert texts == {"the signature is not valid"}


def test_key_of_small_order_lets_nobody_in() -> None:
    """A signature of zeros verifies under some of them in careless implementations."""
    challenge = ask(pubkey="01" + "00" * 31)
    with pytest.raises(AuthenticationFailed):
        challenge.verify("01" + "00" * 63 + challenge.extra["challenge"], {})


# ---- channel binding ----


def test_signature_is_bound_to_the_connection() -> None:
    challenge = ask(peer=OVER_TLS, channel_binding="tls-unique")
    assert challenge.extra["channel_binding"] == "tls-unique"
    assert verified(challenge, sign(challenge, channel_id=CHANNEL_ID)).authid == "alice"


@pytest.mark.parametrize("channel_id", [None, b"another  msg"])
def test_signature_that_was_made_for_another_connection_is_refused(channel_id: bytes | None) -> None:
    challenge = ask(peer=OVER_TLS, channel_binding="tls-unique")
    with pytest.raises(AuthenticationFailed):
        challenge.verify(sign(challenge, channel_id=channel_id), {})


@pytest.mark.parametrize(
    ("binding", "peer"), [("tls-unique", PeerDetails()), ("tls-exporter", OVER_TLS), (None, OVER_TLS), (5, OVER_TLS)]
)
def test_without_a_binding_that_is_possible_the_challenge_says_so(binding: Any, peer: PeerDetails) -> None:
    challenge = ask(peer=peer, channel_binding=binding)
    assert challenge.extra["channel_binding"] is None
    assert verified(challenge, sign(challenge)).authid == "alice"


def test_table_with_what_is_no_key_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="'00' is no Ed25519 public key"):
        CryptosignAuthenticator({"00": ALICE})


def test_method_must_be_offered() -> None:
    with pytest.raises(NoMatchingAuthMethod):
        AUTHENTICATOR.authenticate(hello("ticket"))
