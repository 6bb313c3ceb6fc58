"""WAMP-SCRAM: the exchange against the RFC's example and an independent client, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw
from autobahn.wamp.auth import derive_scram_credential

from fairlead_router.auth.protocol import ChallengeRequest
from fairlead_router.auth.scram import ScramAuthenticator
from fairlead_router.auth.scram_keys import derive
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod
from fairlead_router.peer import PeerDetails
from support.hello import challenged, hello, verified

NONCE = base64.b64encode(b"client nonce 123").decode()
CHANNEL_ID = b"finished msg"
OVER_TLS = PeerDetails(is_secure=True, channel_id=CHANNEL_ID)

ALICE = derive(Principal("alice", "user"), "pencil", kdf="pbkdf2", iterations=4096)
BOB = derive(Principal("bob", "user"), "pencil", iterations=1, memory=8)
COMMA = derive(Principal("a,b=c", "user"), "pencil", iterations=1, memory=8)
AUTHENTICATOR = ScramAuthenticator([ALICE, BOB, COMMA])


class ScramClient:
    """The client's side, written from the specification."""

    def __init__(self, authid: str, password: str, channel_id: bytes | None = None) -> None:
        self.authid = authid
        self.password = password.encode()
        self.binding = None if channel_id is None else "tls-unique"
        self.channel_id = channel_id
        self.server_key = b""
        self.auth_message = b""

    def ask(
        self, authenticator: ScramAuthenticator = AUTHENTICATOR, peer: PeerDetails | None = None
    ) -> ChallengeRequest:
        authextra = {"nonce": NONCE, "channel_binding": self.binding}
        request = hello("wamp-scram", authid=self.authid, authextra=authextra, peer=peer or PeerDetails())
        return challenged(authenticator, request)

    def answer(self, challenge: ChallengeRequest) -> tuple[str, dict[str, Any]]:
        """Signature and extra of AUTHENTICATE."""
        asked = challenge.extra
        salt = base64.b64decode(asked["salt"])
        if asked["kdf"] == "pbkdf2":
            salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, asked["iterations"])
        else:
            salted = hash_secret_raw(self.password, salt, asked["iterations"], asked["memory"], 1, 32, Type.ID)
        data = None if self.channel_id is None else base64.b64encode(self.channel_id).decode()
        flag = "n" if self.binding is None else f"p={self.binding}"
        header = base64.b64encode(f"{flag},,".encode() + (self.channel_id or b"")).decode()
        name = self.authid.replace("=", "=3D").replace(",", "=2C")
        self.auth_message = (
            f"n={name},r={NONCE},r={asked['nonce']},s={asked['salt']},i={asked['iterations']},"
            f"c={header},r={asked['nonce']}"
        ).encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), self.auth_message, "sha256")
        self.server_key = hmac.digest(salted, b"Server Key", "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        extra = {"nonce": asked["nonce"], "channel_binding": self.binding, "cbind_data": data}
        return base64.b64encode(proof).decode(), extra

    def is_served_by_who_knows(self, principal: Principal) -> bool:
        verifier = base64.b64encode(hmac.digest(self.server_key, self.auth_message, "sha256")).decode()
        assert principal.authextra is not None
        return bool(principal.authextra["verifier"] == f"v={verifier}")


@pytest.mark.parametrize(("authid", "kdf"), [("alice", "pbkdf2"), ("bob", "argon2id13"), ("a,b=c", "argon2id13")])
def test_right_password_names_the_principal_and_the_router_proves_itself(authid: str, kdf: str) -> None:
    client = ScramClient(authid, "pencil")
    challenge = client.ask()
    assert challenge.extra["kdf"] == kdf
    assert challenge.extra["nonce"].startswith(NONCE)
    principal = verified(challenge, *client.answer(challenge))
    assert (principal.authid, principal.authrole, principal.authmethod) == (authid, "user", "wamp-scram")
    assert client.is_served_by_who_knows(principal)


def test_what_is_kept_follows_rfc_7677() -> None:
    """The example of section 3: user, pencil, i=4096."""
    user = derive(
        Principal("user", "user"),
        "pencil",
        kdf="pbkdf2",
        iterations=4096,
        salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="),
    )
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(user.stored_key, message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == user.stored_key
    verifier = base64.b64encode(hmac.digest(user.server_key, message, "sha256")).decode()
    assert verifier == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_autobahns_kept_keys_are_ours() -> None:
    salt = b"salt of 16 bytes"
    theirs = derive_scram_credential("alice@example.org", "pencil", salt)
    ours = derive(Principal("alice", "user"), "pencil", kdf="argon2id-13", iterations=4096, memory=512, salt=salt)
    assert (ours.stored_key.hex(), ours.server_key.hex()) == (theirs["stored-key"], theirs["server-key"])


def test_what_is_kept_is_not_shown() -> None:
    assert repr(ALICE) == f"ScramUser({ALICE.principal!r}, pbkdf2)"


def test_wrong_password_is_refused() -> None:
    client = ScramClient("alice", "pen")
    challenge = client.ask()
    with pytest.raises(AuthenticationFailed, match="the proof is not valid"):
        challenge.verify(*client.answer(challenge))


def test_proof_of_another_session_is_refused() -> None:
    client = ScramClient("alice", "pencil")
    recorded, extra = client.answer(client.ask())
    challenge = client.ask()
    for nonce in (extra["nonce"], challenge.extra["nonce"]):
        with pytest.raises(AuthenticationFailed):
            challenge.verify(recorded, {**extra, "nonce": nonce})


Spoil = Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda proof, extra: (proof[:-4], extra),
        lambda proof, extra: (proof + "AAAA", extra),
        lambda proof, extra: ("", extra),
        lambda proof, extra: (proof + "\n", extra),
        lambda proof, extra: ("é" + proof[1:], extra),
        lambda proof, extra: ("\ud800", extra),
        lambda proof, extra: ("A" * 100_000, extra),
        lambda proof, extra: (proof, {}),
        lambda proof, extra: (proof, {**extra, "nonce": NONCE}),
        lambda proof, extra: (proof, {**extra, "nonce": None}),
        lambda proof, extra: (proof, {**extra, "nonce": [extra["nonce"]]}),
        lambda proof, extra: (proof, {**extra, "channel_binding": "tls-unique"}),
        lambda proof, extra: (proof, {**extra, "channel_binding": ""}),
        lambda proof, extra: (proof, {**extra, "cbind_data": "AAAA"}),
    ],
)
def test_spoiled_answer_is_refused(spoil: Spoil) -> None:
    client = ScramClient("alice", "pencil")
    challenge = client.ask()
    with pytest.raises(AuthenticationFailed, match="the proof is not valid"):
        challenge.verify(*spoil(*client.answer(challenge)))


@pytest.mark.parametrize(
    "nonce", [None, 5, "", "not base64", "YQ", "YQ==\n", "YR==", "é", b"YQ==", "A" * 260, ["YQ=="]]
)
def test_bad_nonce_in_hello_is_refused(nonce: Any) -> None:
    with pytest.raises(AuthenticationFailed, match="nonce"):
        AUTHENTICATOR.authenticate(hello("wamp-scram", authid="alice", authextra={"nonce": nonce}))


@pytest.mark.parametrize("authextra", [None, {}])
def test_hello_without_a_nonce_is_refused(authextra: dict[str, Any] | None) -> None:
    with pytest.raises(AuthenticationFailed, match="nonce"):
        AUTHENTICATOR.authenticate(hello("wamp-scram", authid="alice", authextra=authextra))


@pytest.mark.parametrize("authid", [None, "\u0007", "\ud800"])
def test_hello_without_a_proper_authid_is_refused(authid: str | None) -> None:
    with pytest.raises(AuthenticationFailed, match="authid"):
        AUTHENTICATOR.authenticate(hello("wamp-scram", authid=authid, authextra={"nonce": NONCE}))


def test_names_are_compared_as_they_are_prepared() -> None:
    client = ScramClient("ali\u00adce", "pencil")
    challenge = client.ask()
    client.authid = "alice"
    assert verified(challenge, *client.answer(challenge)).authid == "alice"


# ---- channel binding ----


def test_proof_is_bound_to_the_connection() -> None:
    client = ScramClient("alice", "pencil", CHANNEL_ID)
    challenge = client.ask(peer=OVER_TLS)
    assert client.is_served_by_who_knows(verified(challenge, *client.answer(challenge)))


def test_proof_that_was_made_for_another_connection_is_refused() -> None:
    client = ScramClient("alice", "pencil", b"another  msg")
    challenge = client.ask(peer=OVER_TLS)
    proof, extra = client.answer(challenge)
    right = base64.b64encode(CHANNEL_ID).decode()
    for data in (extra["cbind_data"], right, None):
        with pytest.raises(AuthenticationFailed):
            challenge.verify(proof, {**extra, "cbind_data": data})


@pytest.mark.parametrize(
    ("binding", "peer"), [("tls-unique", PeerDetails()), ("tls-exporter", OVER_TLS), ("", OVER_TLS), (5, OVER_TLS)]
)
def test_binding_that_is_not_possible_is_refused(binding: Any, peer: PeerDetails) -> None:
    authextra = {"nonce": NONCE, "channel_binding": binding}
    with pytest.raises(AuthenticationFailed, match="channel_binding"):
        AUTHENTICATOR.authenticate(hello("wamp-scram", authid="alice", authextra=authextra, peer=peer))


# ---- what a stranger learns ----


def test_unknown_user_is_asked_like_a_known_one_and_always_the_same() -> None:
    authenticator = ScramAuthenticator([BOB])
    known = ScramClient("bob", "wrong").ask(authenticator).extra
    asked = [ScramClient("mallory", "x").ask(authenticator).extra for _ in range(2)]
    assert {key: known[key] for key in ("kdf", "iterations", "memory")} == {
        key: asked[0][key] for key in ("kdf", "iterations", "memory")
    }
    assert known.keys() == asked[0].keys()
    assert asked[0]["salt"] == asked[1]["salt"] != known["salt"]
    assert len(asked[0]["salt"]) == len(known["salt"])


def test_unknown_user_is_refused_with_the_same_words() -> None:
    texts = set()
    for authid in ("alice", "mallory"):
        client = ScramClient(authid, "wrong")
        challenge = client.ask()
        with pytest.raises(AuthenticationFailed) as caught:
            challenge.verify(*client.answer(challenge))
        texts.add(caught.value.text)
    assert len(texts) == 1


def test_nobody_joins_where_there_are_no_users() -> None:
    client = ScramClient("alice", "")
    challenge = client.ask(ScramAuthenticator([]))
    with pytest.raises(AuthenticationFailed):
        challenge.verify(*client.answer(challenge))


def test_user_whose_keys_autobahn_cannot_derive_is_unknown_to_its_method() -> None:
    authenticator = ScramAuthenticator([ALICE, BOB], "scram")
    challenge = challenged(authenticator, hello("scram", authid="alice", authextra={"nonce": NONCE}))
    assert challenge.extra["kdf"] == "argon2id-13"


def test_method_must_be_offered() -> None:
    with pytest.raises(NoMatchingAuthMethod):
        AUTHENTICATOR.authenticate(hello("scram", authid="alice", authextra={"nonce": NONCE}))


@pytest.mark.parametrize("other", ["alice", "\uff41lice", "al\u00adice"])
def test_users_that_a_peer_could_not_name_apart_are_refused(other: str) -> None:
    users = [derive(Principal(authid, "user"), "secret", kdf="pbkdf2", iterations=1) for authid in ("alice", other)]
    with pytest.raises(ValueError, match="is another user's"):
        ScramAuthenticator(users)
