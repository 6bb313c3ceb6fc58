"""The methods `wamp-scram` and `scram`: a password that neither travels nor is kept here (spec: WAMP-SCRAM).

What is kept proves that a peer knows the password, and proves to the peer that we do; it does not let its thief in.

| authmethod   | spoken by         | differs                                                                      |
|--------------|-------------------|------------------------------------------------------------------------------|
| `wamp-scram` | the specification |                                                                              |
| `scram`      | Autobahn|Python   | no GS2 header in the signed text, AUTHENTICATE without extra, `argon2id-13`: |
|              |                   | keys of the hash's base64 text; the authextra of WELCOME                     |
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.protocol import ChallengeRequest, HelloRequest, check_offered
from fairlead_router.auth.saslprep import saslprep
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed

SPECIFIED = "wamp-scram"
AUTOBAHN = "scram"

Kdf = Literal["pbkdf2", "argon2id13", "argon2id-13"]

KDFS: dict[str, tuple[Kdf, ...]] = {SPECIFIED: ("argon2id13", "pbkdf2"), AUTOBAHN: ("argon2id-13",)}
"""What the clients of each method can derive keys with. Autobahn fails at pbkdf2: it does not decode the salt."""

_NONCE_BYTES = 16
_NONCE_CHARACTERS = 256
"""Of a client's nonce at most; 16 octets are usual, 24 characters."""

_NOT_VALID = "the proof is not valid"


class ScramUser(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a user; `scram_keys.derive` makes it of a password. `salt` is in base64, `memory` in KiB."""

    principal: Principal
    kdf: Kdf
    salt: str
    iterations: int
    memory: int | None = None
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        """Without what is kept secret."""
        return f"ScramUser({self.principal!r}, {self.kdf})"


class _Exchange:
    """One authentication: what was asked, and what the answer must prove."""

    def __init__(self, hello: HelloRequest, user: ScramUser, authmethod: str) -> None:
        self._user = user
        self._authmethod = authmethod
        self._authid = _prepared(hello.authid, authmethod)
        authextra = hello.authextra or {}
        self._client_nonce = _nonce(authextra.get("nonce"))
        self._nonce = self._client_nonce + base64.b64encode(secrets.token_bytes(_NONCE_BYTES)).decode()
        self._binding = authextra.get("channel_binding")
        self._binding_data = b""
        if self._binding is not None:
            if self._binding != "tls-unique" or hello.peer.channel_id is None or authmethod != SPECIFIED:
                raise AuthenticationFailed("the channel_binding in HELLO is not possible on this connection")
            self._binding_data = hello.peer.channel_id

    def challenge(self) -> ChallengeRequest:
        user = self._user
        asked = {"nonce": self._nonce, "salt": user.salt, "kdf": user.kdf, "iterations": user.iterations}
        if user.memory is not None:
            asked["memory"] = user.memory
        return ChallengeRequest(self._authmethod, self._verify, asked)

    def _verify(self, signature: str, extra: dict[str, Any]) -> Principal:
        if self._authmethod == SPECIFIED:
            self._check_extra(extra)
        message = self._auth_message()
        proof = _decode(signature)
        client_signature = hmac.digest(self._user.stored_key, message, "sha256")
        if len(proof) != len(client_signature):
            raise AuthenticationFailed(_NOT_VALID)
        client_key = bytes(a ^ b for a, b in zip(proof, client_signature, strict=True))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._user.stored_key):
            raise AuthenticationFailed(_NOT_VALID)
        verifier = base64.b64encode(hmac.digest(self._user.server_key, message, "sha256")).decode()
        return self._principal(verifier)

    def _check_extra(self, extra: dict[str, Any]) -> None:
        """The peer repeats what it signed, so that it cannot have been talking to somebody else."""
        data = extra.get("cbind_data")
        bound = None if self._binding is None else base64.b64encode(self._binding_data).decode()
        if (extra.get("nonce"), extra.get("channel_binding"), data) != (self._nonce, self._binding, bound):
            raise AuthenticationFailed(_NOT_VALID)

    def _auth_message(self) -> bytes:
        """What both sides sign (RFC 5802, 3)."""
        name, binding = self._authid, ""
        if self._authmethod == SPECIFIED:
            name = name.replace("=", "=3D").replace(",", "=2C")
            flag = "n" if self._binding is None else f"p={self._binding}"
            binding = base64.b64encode(f"{flag},,".encode() + self._binding_data).decode()
        user = self._user
        parts = (
            f"n={name},r={self._client_nonce}",
            f"r={self._nonce},s={user.salt},i={user.iterations}",
            f"c={binding},r={self._nonce}",
        )
        return ",".join(parts).encode()

    def _principal(self, verifier: str) -> Principal:
        """With the proof that we know the password too."""
        proof = {"verifier": f"v={verifier}"} if self._authmethod == SPECIFIED else {"scram_server_signature": verifier}
        principal = self._user.principal
        authextra = {**(principal.authextra or {}), **proof}
        return msgspec.structs.replace(principal, authmethod=self._authmethod, authextra=authextra)


def challenge(hello: HelloRequest, user: ScramUser, authmethod: str = SPECIFIED) -> ChallengeRequest:
    """Ask for a proof that the peer knows the user's password. Raises AuthenticationFailed for a malformed HELLO."""
    return _Exchange(hello, user, authmethod).challenge()


def _prepared(authid: str | None, authmethod: str) -> str:
    if authid is None:
        raise AuthenticationFailed(f"HELLO has no authid, which {authmethod} needs")
    try:
        return saslprep(authid)
    except ValueError as error:
        raise AuthenticationFailed(f"the authid in HELLO cannot be: {error}") from None


def _nonce(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _NONCE_CHARACTERS or not _is_base64(value):
        raise AuthenticationFailed(f"authextra.nonce in HELLO must be base64, at most {_NONCE_CHARACTERS} characters")
    return value


def _is_base64(text: str) -> bool:
    """Whether the text is the one canonical form of what it stands for (spec: Base64 encoding)."""
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except (binascii.Error, ValueError):
        return False


def _decode(signature: str) -> bytes:
    if not _is_base64(signature):
        raise AuthenticationFailed(_NOT_VALID)
    return base64.b64decode(signature)


class ScramAuthenticator:
    """Users from a fixed table. Who is not in it is asked for a proof too, and fails like with a wrong one."""

    def __init__(self, users: Iterable[ScramUser], authmethod: str = SPECIFIED, decoys: Decoys | None = None) -> None:
        """Users whose keys the clients of this method cannot derive are unknown to it.

        Raises ValueError for authids that SASLprep does not allow or cannot tell apart.
        """
        kdfs = KDFS[authmethod]
        self._authmethod = authmethod
        self._users: dict[str, ScramUser] = {}
        for user in users:
            authid = saslprep(user.principal.authid)
            if user.kdf in kdfs and self._users.setdefault(authid, user) is not user:
                raise ValueError(f"authid {user.principal.authid!r} is another user's for SASLprep (RFC 4013)")
        self._models = tuple(self._users.values()) or (_model(kdfs[0]),)
        self._decoys = decoys or Decoys()

    def authenticate(self, hello: HelloRequest) -> ChallengeRequest:
        """Raises AuthenticationFailed for a malformed HELLO."""
        check_offered(hello, self._authmethod)
        authid = _prepared(hello.authid, self._authmethod)
        decoy = self._decoy(authid)  # also where there is a user: both ways take as long
        return challenge(hello, self._users.get(authid, decoy), self._authmethod)

    def _decoy(self, authid: str) -> ScramUser:
        model = self._decoys.like(authid, self._models)
        salt_bytes = len(base64.b64decode(model.salt))
        return msgspec.structs.replace(
            model,
            principal=msgspec.structs.replace(model.principal, authid=authid),
            salt=base64.b64encode(self._decoys.value("salt", authid)[:salt_bytes]).decode(),
            stored_key=self._decoys.value("stored", authid),
            server_key=self._decoys.value("server", authid),
        )


def _model(kdf: Kdf) -> ScramUser:
    """What users of an empty table would look like."""
    salt = base64.b64encode(bytes(_NONCE_BYTES)).decode()
    return ScramUser(
        principal=Principal("", "user"),
        kdf=kdf,
        salt=salt,
        iterations=4096,
        memory=512,
        stored_key=b"",
        server_key=b"",
    )
