"""TLS options: what makes a context, and what does not."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead_router.transports.tls import TlsOptions, server_context
from support.certificates import Authority

NOBODY = 65_534


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("rule", "mode"), [("none", ssl.CERT_NONE), ("optional", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)]
)
def test_rule_for_client_certificates(authority: Authority, rule: Any, mode: ssl.VerifyMode) -> None:
    certificate = str(authority.issue("server"))
    options = TlsOptions(certificate=certificate, client_ca=str(authority.certificate), client_certificate=rule)
    assert server_context(options).verify_mode == mode


def test_old_versions_are_never_spoken(authority: Authority) -> None:
    certificate = str(authority.issue("server"))
    assert server_context(TlsOptions(certificate=certificate)).minimum_version == ssl.TLSVersion.TLSv1_2
    assert server_context(TlsOptions(certificate=certificate, minimum="1.3")).minimum_version == ssl.TLSVersion.TLSv1_3


def test_encrypted_key_is_an_error_and_no_question_on_the_terminal(authority: Authority, tmp_path: Path) -> None:
    key = tmp_path / "encrypted.key"
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ValueError, match="the private key is encrypted"):
        server_context(TlsOptions(certificate=str(authority.issue("server")), key=str(key)))


def test_key_of_another_certificate_is_an_os_error(authority: Authority) -> None:
    one, other = str(authority.issue("one")), str(authority.issue("other"))
    with pytest.raises(OSError, match="KEY_VALUES_MISMATCH"):
        server_context(TlsOptions(certificate=one, key=other))


@contextmanager
def nobody() -> Iterator[None]:
    """Not root, who may read every file."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_file_that_may_not_be_read_is_named() -> None:
    with NamedTemporaryFile() as certificate:
        Path(certificate.name).chmod(0)
        wanted = f"a certificate and its key in '{certificate.name}', as PEM .Permission denied"
        with nobody(), pytest.raises(OSError, match=wanted):
            server_context(TlsOptions(certificate=certificate.name))
