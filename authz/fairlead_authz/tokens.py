"""Tokens: `v2/<id>/<secret>`, Arvados' form. The secret is kept as its hash only."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

import msgspec

from fairlead_router.authorization import Principal

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


class TokenPrincipal(Principal, frozen=True):
    """Who came in with a token, and which: the session ends with it. The id is never told to others."""

    token_id: str = ""


class Tokens:
    """The tokens of a realm, by id and by user."""

    def __init__(self, known: Iterable[Token]) -> None:
        self._by_id: dict[str, Token] = {}
        self._by_user: dict[str, set[str]] = {}
        for token in known:
            self.add(token)

    def add(self, token: Token) -> None:
        """The token is durable."""
        self._by_id[token.id] = token
        self._by_user.setdefault(token.user, set()).add(token.id)

    def get(self, id_: str) -> Token | None:
        """The token of this id."""
        return self._by_id.get(id_)

    def drop(self, id_: str) -> None:
        """Forget a token."""
        token = self._by_id.pop(id_, None)
        if token is not None:
            self._by_user[token.user].discard(id_)

    def drop_all(self, user: str) -> None:
        """Forget all tokens of a user."""
        for id_ in self._by_user.pop(user, ()):
            del self._by_id[id_]

    def find(self, text: str, now_us: int) -> Token | None:
        """The token with this text, None if there is none that is valid now."""
        parts = text.strip().split("/")
        if len(parts) != _PARTS or parts[0] != "v2":
            return None
        token = self._by_id.get(parts[1])
        if token is None or not hmac.compare_digest(token.secret_sha256, _hash(parts[2])):
            return None
        if token.expires_us is not None and token.expires_us <= now_us:
            return None
        return token


def make_token(user: str, now_us: int) -> tuple[Token, str]:
    """A new token, and its text: the only time that the secret is known."""
    id_ = secrets.token_hex(8)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return Token(id_, user, _hash(secret), now_us), f"v2/{id_}/{secret}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
