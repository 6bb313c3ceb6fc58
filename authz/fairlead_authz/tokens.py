"""Tokens: `v2/<id>/<secret>`, Arvados' form. The secret is kept as its hash only."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

import msgspec

_SECRET_BYTES = 32
"""256 random bits: guessing is hopeless, so a plain hash keeps it, without salt or stretching."""

_PARTS = 3


class Token(msgspec.Struct, frozen=True):
    """What is kept of a token. `expires_us` is None for one that does not expire."""

    id: str
    user: str
    secret_sha256: bytes
    created_us: int
    expires_us: int | None = None


class Tokens:
    """The valid tokens of a realm."""

    def __init__(self, known: Iterable[Token]) -> None:
        self._by_id = {token.id: token for token in known}

    def add(self, token: Token) -> None:
        """The token is durable."""
        self._by_id[token.id] = token

    def drop(self, users: Iterable[str]) -> None:
        """Forget all tokens of these users."""
        gone = set(users)
        self._by_id = {id_: token for id_, token in self._by_id.items() if token.user not in gone}

    def user_of(self, text: str, now_us: int) -> str | None:
        """Whose token this is, None if it is not valid now."""
        parts = text.strip().split("/")
        if len(parts) != _PARTS or parts[0] != "v2":
            return None
        token = self._by_id.get(parts[1])
        if token is None or not hmac.compare_digest(token.secret_sha256, _hash(parts[2])):
            return None
        if token.expires_us is not None and token.expires_us <= now_us:
            return None
        return token.user


def make_token(user: str, now_us: int) -> tuple[Token, str]:
    """A new token, and its text: the only time that the secret is known."""
    id_ = secrets.token_hex(8)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return Token(id_, user, _hash(secret), now_us), f"v2/{id_}/{secret}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
