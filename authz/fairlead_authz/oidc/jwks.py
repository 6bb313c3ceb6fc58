"""JSON Web Key Sets (RFC 7517): the public keys of one issuer, by id, each bound to the algorithms that it is for."""

from collections.abc import Iterable
from typing import Any

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm

from fairlead_authz.oidc.issuer import Algorithm

MAX_KEYS = 100
"""Of an issuer: it has the old one, the new one and the next one, of a few kinds."""

_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


class InvalidKeys(Exception):
    """No key set, or one of which no key can be used. The text says why."""


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Key(msgspec.Struct):
    """What is said of a key beside its numbers."""

    kty: str
    kid: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    alg: str | None = None


class KeySet:
    """The keys that can be used; others (to encrypt, of strange kinds, too short) are as if they were not there."""

    def __init__(self, keys: Iterable[dict[str, Any]] = (), algorithms: Iterable[Algorithm] = ()) -> None:
        allowed = tuple(algorithms)
        self._by_id: dict[str | None, dict[str, jwt.PyJWK]] = {}
        for key in keys:
            said = _read(key)
            usable = {} if said is None else _by_algorithm(key, said, allowed)
            if said is not None and usable:
                self._by_id.setdefault(said.kid, usable)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, kid: str | None) -> dict[str, jwt.PyJWK] | None:
        """The key of this id, by algorithm. Without an id: the only key there is (OpenID Connect Core, 10.1)."""
        if kid is None and len(self._by_id) == 1:
            return next(iter(self._by_id.values()))
        return self._by_id.get(kid)


def decode_keys(data: bytes, algorithms: Iterable[Algorithm]) -> KeySet:
    """Raises InvalidKeys."""
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidKeys(f"no JSON Web Key Set: {error}") from None
    if len(document.keys) > MAX_KEYS:
        raise InvalidKeys(f"{len(document.keys)} keys; at most {MAX_KEYS} are taken")
    keys = KeySet(document.keys, algorithms)
    if not keys:
        raise InvalidKeys(f"none of the {len(document.keys)} keys is for one of {', '.join(algorithms)}")
    return keys


def _read(key: dict[str, Any]) -> _Key | None:
    """None for a key that is not to verify with."""
    try:
        said = msgspec.convert(key, _Key)
    except msgspec.ValidationError:
        return None
    return said if said.use == "sig" and "verify" in said.key_ops else None


def _by_algorithm(key: dict[str, Any], said: _Key, allowed: tuple[Algorithm, ...]) -> dict[str, jwt.PyJWK]:
    fitting = [each for each in allowed if _KINDS[each[:2]] == said.kty and said.alg in (None, each)]
    made = {algorithm: _make(key, algorithm) for algorithm in fitting}
    return {algorithm: each for algorithm, each in made.items() if each is not None}


def _make(key: dict[str, Any], algorithm: Algorithm) -> jwt.PyJWK | None:
    """The key's public part, if it is one for this algorithm: of its curve, and long enough."""
    try:
        made = jwt.PyJWK({name: key[name] for name in _PUBLIC if name in key}, algorithm)
        prepared = made.Algorithm.prepare_key(made.key)
        return None if made.Algorithm.check_key_length(prepared) else made
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, AttributeError):
        return None
