"""TLS: options to a context, and what a TLS connection tells of its peer."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

_CERTIFICATE_RULES = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TlsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a listener speaks TLS. All files are PEM."""

    certificate: str
    """The server's certificate, with those of the intermediate authorities behind it."""

    key: str | None = None
    """Its private key, where it is not in the same file."""

    client_ca: str | None = None
    """The authorities whose client certificates are accepted."""

    client_certificate: Literal["none", "optional", "required"] = "none"
    """Whether clients are asked for a certificate; one that `client_ca` has not signed fails the handshake."""

    minimum: Literal["1.2", "1.3"] = "1.2"
    """The lowest version spoken."""


def server_context(options: TlsOptions) -> ssl.SSLContext:
    """Raises ValueError for options that make no sense together, OSError for bad files."""
    if options.client_certificate != "none" and options.client_ca is None:
        raise ValueError(f"client_certificate={options.client_certificate!r} needs client_ca: whom it may be signed by")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[options.minimum]
    for file in (options.certificate, options.key, options.client_ca):
        if file is not None and not Path(file).is_file():
            raise FileNotFoundError(f"there is no file {file!r}")
    key = "" if options.key is None else f" and {options.key!r}"
    with _naming(f"a certificate and its key in {options.certificate!r}{key}"):
        context.load_cert_chain(options.certificate, options.key, password=_no_password)
    if options.client_ca is not None:
        with _naming(f"certificates in {options.client_ca!r}"):
            context.load_verify_locations(options.client_ca)
    context.verify_mode = _CERTIFICATE_RULES[options.client_certificate]
    return context


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """OpenSSL says where in its own source it failed, and not what it read, or might not read."""
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise OSError(f"there must be {what}, as PEM ({reason})") from error


def _no_password() -> str:
    """Without it OpenSSL would ask on the terminal, and a server would hang there."""
    raise ValueError("the private key is encrypted: give one without a password, readable by the server only")


def verified_certificate(transport: Any) -> bytes | None:
    """The client's certificate (DER), None without TLS or without one. TLS has verified it in the handshake."""
    tls = transport.get_extra_info("ssl_object")
    certificate: bytes | None = None if tls is None else tls.getpeercert(binary_form=True)
    return certificate or None


def channel_id(transport: Any) -> bytes | None:
    """`tls-unique` (RFC 5929), which TLS 1.3 does not define: None there, and without TLS."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None or tls.version() != "TLSv1.2":
        return None
    binding: bytes | None = tls.get_channel_binding("tls-unique")
    return binding
