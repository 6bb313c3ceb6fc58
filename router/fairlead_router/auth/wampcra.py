"""The method `wampcra`: both sides know a secret, which does not travel (spec: Challenge Response Authentication).

With a salt the secret is a key that both derive from a password, so that the password need not be kept here. Whoever
has the key can sign, salted or not: keep it as a secret. SCRAM (scram.py) is better at that.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.protocol import ChallengeRequest, HelloRequest, check_offered
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed

AUTHMETHOD = "wampcra"

_NONCE_BYTES = 16


class WampCraUser(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a user. `secret` is the shared secret, or with a salt what `derive_key` makes of it."""

    principal: Principal
    secret: str
    salt: str | None = None
    iterations: int = 1000
    keylen: int = 32

    def __repr__(self) -> str:
        """Without the secret."""
        return f"WampCraUser({self.principal!r})"


def derive_key(secret: str, salt: str, iterations: int = 1000, keylen: int = 32) -> str:
    """The key that a client derives from its secret: PBKDF2 with SHA-256, in base64."""
    key = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), iterations, keylen)
    return base64.b64encode(key).decode()


def challenge(hello: HelloRequest, user: WampCraUser) -> ChallengeRequest:
    """Ask for the user's signature of a string that is never the same again."""
    principal = msgspec.structs.replace(user.principal, authmethod=AUTHMETHOD)
    text = _text(hello, principal)
    expected = base64.b64encode(hmac.digest(user.secret.encode(), text.encode(), "sha256"))

    def verify(signature: str, extra: dict[str, Any]) -> Principal:
        if not hmac.compare_digest(expected, signature.encode(errors="replace")):
            raise AuthenticationFailed("the signature is not valid")
        return principal

    asked: dict[str, Any] = {"challenge": text}
    if user.salt is not None:
        asked |= {"salt": user.salt, "iterations": user.iterations, "keylen": user.keylen}
    return ChallengeRequest(AUTHMETHOD, verify, asked)


def _text(hello: HelloRequest, principal: Principal) -> str:
    """A JSON object with all that the proof is good for (spec: CHALLENGE.Details.challenge)."""
    time = datetime.fromtimestamp(hello.time_us / 1e6, UTC).isoformat(timespec="milliseconds")
    fields = {
        "authid": principal.authid,
        "authrole": principal.authrole,
        "authmethod": AUTHMETHOD,
        "authprovider": principal.authprovider,
        "nonce": secrets.token_urlsafe(_NONCE_BYTES),
        "timestamp": time.replace("+00:00", "Z"),
        "session": hello.session_id,
    }
    return msgspec.json.encode(fields).decode()


class WampCraAuthenticator:
    """Users from a fixed table. Who is not in it is asked for a proof too, and fails like with a wrong one."""

    def __init__(self, users: Iterable[WampCraUser], decoys: Decoys | None = None) -> None:
        """Raises ValueError for an empty secret: everybody has that."""
        self._users = {user.principal.authid: user for user in users}
        for user in self._users.values():
            if not user.secret:
                raise ValueError(f"the secret of {user.principal.authid!r} must not be empty")
        self._models = tuple(self._users.values()) or (WampCraUser(principal=Principal("", "user"), secret=""),)
        self._decoys = decoys or Decoys()

    def authenticate(self, hello: HelloRequest) -> ChallengeRequest:
        """Raises AuthenticationFailed for HELLO without an authid."""
        check_offered(hello, AUTHMETHOD)
        if hello.authid is None:
            raise AuthenticationFailed("HELLO has no authid, which wampcra needs")
        decoy = self._decoy(hello.authid)  # also where there is a user: both ways take as long
        return challenge(hello, self._users.get(hello.authid, decoy))

    def _decoy(self, authid: str) -> WampCraUser:
        model = self._decoys.like(authid, self._models)
        salt = None
        if model.salt is not None:
            salt = base64.urlsafe_b64encode(self._decoys.value("salt", authid)).decode()[: len(model.salt)]
        return msgspec.structs.replace(
            model,
            principal=msgspec.structs.replace(model.principal, authid=authid),
            secret=self._decoys.value("secret", authid).hex(),
            salt=salt,
        )
