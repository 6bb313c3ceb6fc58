"""The method `cryptosign`: the peer has the private key to a public one that we know (spec: WAMP-Cryptosign).

Keys are Ed25519, written as 64 hexadecimal digits. With TLS the proof can be bound to the connection, so that nobody in
between can pass it on. Certificates and trust roots are not looked at, and the router does not prove who it is.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fairlead_router.auth.protocol import ChallengeRequest, HelloRequest, check_offered
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed

AUTHMETHOD = "cryptosign"
CHANNEL_BINDING = "tls-unique"

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_CHALLENGE_BYTES = 32

_NOT_VALID = "the signature is not valid"


def public_key_of(hello: HelloRequest) -> str:
    """The key in HELLO, in lower case. Raises AuthenticationFailed if that is none."""
    pubkey = (hello.authextra or {}).get("pubkey")
    if not isinstance(pubkey, str) or len(_unhex(pubkey)) != _KEY_BYTES:
        raise AuthenticationFailed("authextra.pubkey in HELLO must be an Ed25519 key: 64 hexadecimal digits")
    return pubkey.lower()


def challenge(hello: HelloRequest, principal: Principal | None) -> ChallengeRequest:
    """Ask for a signature by the key in HELLO, which is the principal's; None: nobody's, but that shows only then."""
    pubkey = bytes.fromhex(public_key_of(hello))
    number = secrets.token_bytes(_CHALLENGE_BYTES)
    binding = _channel_binding(hello)
    expected = number
    if binding is not None and hello.peer.channel_id is not None:
        channel_id = hashlib.sha256(hello.peer.channel_id).digest()
        expected = bytes(a ^ b for a, b in zip(number, channel_id, strict=True))

    def verify(signature: str, extra: dict[str, Any]) -> Principal:
        is_right = _is_signed(pubkey, _unhex(signature), expected)
        if principal is None or not is_right:
            raise AuthenticationFailed(_NOT_VALID)
        return msgspec.structs.replace(principal, authmethod=AUTHMETHOD)

    return ChallengeRequest(AUTHMETHOD, verify, {"challenge": number.hex(), "channel_binding": binding})


def _channel_binding(hello: HelloRequest) -> str | None:
    """Only what was asked for and is possible; the peer sees in CHALLENGE what is (spec: TLS Channel Binding)."""
    wanted = (hello.authextra or {}).get("channel_binding")
    return CHANNEL_BINDING if wanted == CHANNEL_BINDING and hello.peer.channel_id is not None else None


def _is_signed(pubkey: bytes, answer: bytes, expected: bytes) -> bool:
    """The answer is the signature, and behind it what was signed."""
    signature, signed = answer[:_SIGNATURE_BYTES], answer[_SIGNATURE_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(pubkey).verify(signature, expected)
    except (InvalidSignature, ValueError):
        return False
    return hmac.compare_digest(signed, expected)


def _unhex(text: str) -> bytes:
    """Empty for what is no hexadecimal number."""
    try:
        return bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        return b""


class CryptosignAuthenticator:
    """Public keys from a fixed table: key -> principal. The key alone names it; HELLO need not have an authid."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        """Raises ValueError for what is no key."""
        for pubkey in principals:
            if len(_unhex(pubkey)) != _KEY_BYTES:
                raise ValueError(f"{pubkey!r} is no Ed25519 public key: 64 hexadecimal digits")
        self._principals = {pubkey.lower(): principal for pubkey, principal in principals.items()}

    def authenticate(self, hello: HelloRequest) -> ChallengeRequest:
        """An authid in HELLO must be that of the key. Raises AuthenticationFailed for HELLO without a key."""
        check_offered(hello, AUTHMETHOD)
        principal = self._principals.get(public_key_of(hello))
        if principal is not None and hello.authid not in (None, principal.authid):
            principal = None
        return challenge(hello, principal)
