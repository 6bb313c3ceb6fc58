"""One JSON Web Token (RFC 7519, with the advice of RFC 8725): what it says of itself, and what is true of it."""

import base64
import binascii
from typing import Any, TypeVar

import jwt
import msgspec

from fairlead_authz.oidc.issuer import Issuer
from fairlead_router.errors import AuthenticationFailed

MAX_TOKEN_CHARACTERS = 16 * 1024
"""The largest have a list of groups in them, and have to fit a header of HTTP elsewhere."""

_PARTS = 3
_TYPES = frozenset({"jwt", "at+jwt"})
"""What a token of a user may say that it is, if anything (RFC 8725, 3.11): a logout or event token is none."""

NOT_VALID = "the token is not valid"


class Header(msgspec.Struct):
    """The JOSE header, as far as anybody looks at it: never `jku`, `jwk`, `x5u` or `x5c`."""

    alg: str
    kid: str | None = None
    typ: str = "JWT"


class _Payload(msgspec.Struct):
    iss: str


class Unverified(msgspec.Struct, frozen=True):
    """What a token says of itself: a reason to look at one key of one configured issuer, and for nothing else."""

    text: str
    header: Header
    issuer: str


S = TypeVar("S", bound=msgspec.Struct)


def is_jwt(ticket: str) -> bool:
    """Whether a ticket has the form of a JWT: three parts between dots. A token of ours has none."""
    return ticket.count(".") == _PARTS - 1


def read(ticket: str) -> Unverified:
    """Raises AuthenticationFailed."""
    if len(ticket) > MAX_TOKEN_CHARACTERS or not ticket.isascii():
        raise AuthenticationFailed(NOT_VALID)
    head, payload, _ = ticket.split(".")
    header = _decode(head, Header)
    if header.typ.lower().removeprefix("application/") not in _TYPES:
        raise AuthenticationFailed(NOT_VALID)
    return Unverified(ticket, header, _decode(payload, _Payload).iss)


def verify(token: Unverified, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any]:
    """The claims of a token that this issuer has signed with this key, for us and for now.

    Raises AuthenticationFailed. That a token has expired is told to who has it: it was a good one.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token.text,
            key,
            algorithms=[key.algorithm_name],
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=issuer.leeway_s,
            options={"require": ["exp", "iss", "aud", issuer.claim], "enforce_minimum_key_length": True},
        )
    except jwt.ExpiredSignatureError:
        raise AuthenticationFailed("the token has expired") from None
    except jwt.PyJWTError as error:
        raise AuthenticationFailed(NOT_VALID) from error
    return claims


def _decode(part: str, type_: type[S]) -> S:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=type_)
    except (msgspec.MsgspecError, binascii.Error, RecursionError, UnicodeDecodeError):
        raise AuthenticationFailed(NOT_VALID) from None
