"""The certificate that TLS has verified says who the peer is."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from fairlead_router.auth import MethodsAuthenticator, TicketAuthenticator
from fairlead_router.auth.tls import TlsAuthenticator
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod
from fairlead_router.peer import PeerDetails
from support.hello import challenged, hello


def certificate(*common_names: str) -> bytes:
    """In DER."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common_names])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now)
    return builder.sign(key, None).public_bytes(serialization.Encoding.DER)


SENSOR, CAMERA = certificate("sensor.example.org"), certificate("camera.example.org")
FINGERPRINT = hashlib.sha256(CAMERA).hexdigest()
AUTHENTICATOR = TlsAuthenticator(
    {":".join(FINGERPRINT[i : i + 2] for i in range(0, 64, 2)).upper(): Principal("camera", "device")},
    {"sensor.example.org": Principal("sensor", "device")},
)


@pytest.mark.parametrize(("der", "authid"), [(SENSOR, "sensor"), (CAMERA, "camera")])
@pytest.mark.parametrize("names_itself", [True, False])
def test_certificate_names_the_principal(der: bytes, authid: str, names_itself: bool) -> None:
    request = hello("tls", authid=authid if names_itself else None, peer=PeerDetails(certificate=der))
    assert AUTHENTICATOR.authenticate(request) == Principal(authid, "device", "tls")


@pytest.mark.parametrize(
    "der",
    [
        certificate("other.example.org"),
        certificate("SENSOR.example.org"),
        certificate("sensor.example.org", "other.example.org"),
        certificate(),
        b"",
        b"not DER",
        SENSOR[:-1],
    ],
)
def test_other_certificates_name_nobody(der: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        AUTHENTICATOR.authenticate(hello("tls", peer=PeerDetails(certificate=der)))


def test_certificate_is_for_its_own_principal_only() -> None:
    with pytest.raises(AuthenticationFailed):
        AUTHENTICATOR.authenticate(hello("tls", authid="camera", peer=PeerDetails(certificate=SENSOR)))


def test_without_a_certificate_the_next_method_is_taken() -> None:
    request = hello("tls", "ticket")
    with pytest.raises(NoMatchingAuthMethod):
        AUTHENTICATOR.authenticate(request)
    both = MethodsAuthenticator({"tls": AUTHENTICATOR, "ticket": TicketAuthenticator({})})
    assert challenged(both, request).authmethod == "ticket"


def test_method_must_be_offered() -> None:
    with pytest.raises(NoMatchingAuthMethod):
        AUTHENTICATOR.authenticate(hello("ticket", peer=PeerDetails(certificate=SENSOR)))


@pytest.mark.parametrize("fingerprint", ["", "00", "zz" * 32, pytest.param(FINGERPRINT + ":00", id="too long")])
def test_table_with_what_is_no_fingerprint_is_a_mistake_of_the_program(fingerprint: str) -> None:
    with pytest.raises(ValueError, match="no SHA-256 fingerprint"):
        TlsAuthenticator({fingerprint: Principal("x", "y")})
