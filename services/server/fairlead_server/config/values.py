"""What several tables ask of a value: URLs, hosts, names of realms, numbers. An error begins with the key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec

from fairlead_router import Limits, RequestError
from fairlead_router.uris import check_uri, is_reserved
from fairlead_server.errors import ConfigError

LARGEST = (1 << 31) - 1
"""Of any number: 2 GiB, 68 years. The system takes no larger ones in many places."""


@contextmanager
def naming(prefix: str) -> Iterator[None]:
    """Puts where we are before the key with which an error begins."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from None


def check_numbers(place: str, table: msgspec.Struct) -> None:
    """Raises ConfigError for a size, count or time of the table that is none."""
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if type(value) in (int, float) and not 0 < value <= LARGEST:  # which no NaN is
            raise ConfigError(f"{place}.{name}: {value} must be greater than 0, and at most {LARGEST}")


def check_at_most(place: str, table: msgspec.Struct, name: str, bound: str) -> None:
    """Raises ConfigError where one number of the table is greater than another; None is no number."""
    value, most = getattr(table, name), getattr(table, bound)
    if value is not None and most is not None and value > most:
        raise ConfigError(f"{place}.{name}: {value} must be at most {bound}, which is {most}")


def check_realm_name(key: str, name: str) -> None:
    """Raises ConfigError."""
    if not re.fullmatch(r"[^\s.#]+(\.[^\s.#]+)*", name):
        raise ConfigError(f"{key}: {name!r} must be a WAMP URI: components without space or '#', between dots")


def check_procedure(key: str, procedure: str) -> None:
    """Raises ConfigError for a procedure that no program could register."""
    try:
        check_uri(procedure, "exact", Limits().uri_length)
    except RequestError as error:
        raise ConfigError(f"{key}: {error.text}") from None
    if is_reserved(procedure):
        raise ConfigError(f"{key}: {procedure!r} must not be under 'wamp.' or 'fairlead.': nobody could register it")


def check_path(key: str, path: str) -> None:
    """Raises ConfigError for what names no file or directory, whatever there is."""
    if not path or "\0" in path:
        raise ConfigError(f"{key}: {path!r} must be a path")


def check_host(key: str, host: str) -> None:
    """Raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
        raise ConfigError(f"{key}: {host!r} must be a host name without a port, like fairlead.example.org")


def check_url(key: str, value: str) -> None:
    """Raises ConfigError unless it is an origin."""
    if not _is_origin(value):
        raise ConfigError(f"{key}: {value!r} must be http:// or https://, a host and nothing behind it")


def origin_of(url: str) -> str:
    """What a browser sends as Origin from pages of this URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        has_port = parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        return False
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    return has_port and is_bare and parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable()
