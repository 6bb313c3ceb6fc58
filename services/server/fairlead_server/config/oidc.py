"""`[[auth.oidc]]`: issuers of JWTs whose users may join the main realm. Raises ConfigError, which names the key."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path
from typing import get_args
from urllib.parse import SplitResult, urlsplit

from fairlead_authz.oidc import Issuer, KeySet
from fairlead_authz.oidc.issuer import LARGEST_LEEWAY_S, Algorithm
from fairlead_authz.oidc.jwks import InvalidKeys, decode_keys
from fairlead_server.config.values import naming
from fairlead_server.errors import ConfigError

_ON_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


class OidcTable(Issuer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One issuer."""

    keys_file: str | None = None
    """A JSON Web Key Set (RFC 7517), instead of the one that the issuer publishes."""


Issuers = dict[Issuer, KeySet | None]
"""Each with the keys of its file, None: it is asked for them."""


def read_issuers(tables: tuple[OidcTable, ...]) -> Issuers:
    """Checks the tables, and reads the files that they name. Raises ConfigError."""
    found: Issuers = {}
    for index, table in enumerate(tables):
        with naming(f"oidc[{index}]."):
            _check(table)
            if any(table.issuer == other.issuer for other in found):
                raise ConfigError(f"issuer: {table.issuer!r} is there twice")
            found[table] = _read_keys(table)
    _check_prefixes(tables)
    return found


def _check(table: OidcTable) -> None:
    if not _is_safe(table.issuer):
        text = "must be an https:// URL as in the claim 'iss', without query or fragment; http:// on this machine only"
        raise ConfigError(f"issuer: {table.issuer!r} {text}")
    for key in ("audience", "claim", "name_claim"):
        if not getattr(table, key):
            raise ConfigError(f"{key}: must not be empty")
    if not re.fullmatch(r"[A-Za-z0-9_+@-]{0,64}", table.prefix):
        text = "must be at most 64 of the characters A-Z a-z 0-9 _ + @ -, of which the ids of users are"
        raise ConfigError(f"prefix: {table.prefix!r} {text}")
    if not table.algorithms:
        raise ConfigError(f"algorithms: [] must be some of {', '.join(get_args(Algorithm))}")
    if not 0 <= table.leeway_s <= LARGEST_LEEWAY_S:
        raise ConfigError(f"leeway_s: {table.leeway_s} must be from 0 to {LARGEST_LEEWAY_S}")


def _check_prefixes(tables: tuple[OidcTable, ...]) -> None:
    """An issuer that could name the users of another one would be that one."""
    for one, other in permutations(range(len(tables)), 2):
        if tables[other].prefix.startswith(tables[one].prefix):
            text = f"{tables[other].prefix!r} begins with that of {tables[one].issuer!r}, {tables[one].prefix!r}"
            raise ConfigError(f"oidc[{other}].prefix: {text}: each could name users of the other")


def _is_safe(issuer: str) -> bool:
    try:
        parts = urlsplit(issuer)
        port_is_none_or_number = parts.port != 0
    except ValueError:
        return False
    is_bare = not (parts.query or parts.fragment or parts.username) and issuer.isprintable() and " " not in issuer
    return port_is_none_or_number and is_bare and bool(parts.hostname) and _is_private(parts)


def _is_private(parts: SplitResult) -> bool:
    """Whether nobody on the way can put other keys in the place of the issuer's."""
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _ON_THIS_MACHINE)


def _read_keys(table: OidcTable) -> KeySet | None:
    if table.keys_file is None:
        return None
    try:
        return decode_keys(Path(table.keys_file).read_bytes(), table.algorithms)
    except (OSError, ValueError) as error:  # a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"keys_file: cannot read {table.keys_file!r}: {reason}") from None
    except InvalidKeys as error:
        raise ConfigError(f"keys_file: {table.keys_file!r}: {error}") from None
