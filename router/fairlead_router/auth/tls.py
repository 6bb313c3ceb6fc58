"""The method `tls`: the certificate that TLS has verified says who the peer is. No proof is asked for beside it."""

import hashlib
from collections.abc import Mapping

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from fairlead_router.auth.protocol import HelloRequest, check_offered
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod

AUTHMETHOD = "tls"

_FINGERPRINT_DIGITS = 64


class TlsAuthenticator:
    """Certificates from fixed tables: SHA-256 fingerprint -> principal, and common name of the subject -> principal.

    A common name means what the authority that signed makes of it: use it with an authority of your own.
    """

    def __init__(
        self,
        fingerprints: Mapping[str, Principal] | None = None,
        common_names: Mapping[str, Principal] | None = None,
    ) -> None:
        """Fingerprints are hexadecimal, with or without colons. Raises ValueError for what is none."""
        self._fingerprints = {_normal(text): principal for text, principal in (fingerprints or {}).items()}
        self._common_names = dict(common_names or {})

    def authenticate(self, hello: HelloRequest) -> Principal:
        """Without a certificate the method does not apply; an authid in HELLO must be that of the certificate."""
        check_offered(hello, AUTHMETHOD)
        certificate = hello.peer.certificate
        if certificate is None:
            raise NoMatchingAuthMethod("the connection has no client certificate")
        principal = self._fingerprints.get(hashlib.sha256(certificate).hexdigest())
        if principal is None and self._common_names:
            principal = self._common_names.get(_common_name(certificate))
        if principal is None or hello.authid not in (None, principal.authid):
            raise AuthenticationFailed("the client certificate does not belong to a principal that may join as this")
        return msgspec.structs.replace(principal, authmethod=AUTHMETHOD)


def _normal(fingerprint: str) -> str:
    digits = fingerprint.replace(":", "").lower()
    if len(digits) != _FINGERPRINT_DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise ValueError(f"{fingerprint!r} is no SHA-256 fingerprint: 64 hexadecimal digits")
    return digits


def _common_name(certificate: bytes) -> str:
    """Empty where the subject has not just one, or is none that can be read."""
    try:
        names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return ""
    return str(names[0].value) if len(names) == 1 else ""
