"""`[[auth.users]]` and `[[realms.users]]`: who may join, by which secrets and keys.

Secrets stand in the file, or in one of their own that only the server may read: `ticket_file`, `secret_file`, or a
whole `users_file`. A relative path starts at the working directory. `read_users` puts all of them in one place.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import msgspec
from msgspec.structs import replace

from fairlead_router import ANONYMOUS
from fairlead_router.auth.scram import Kdf
from fairlead_router.session import SERVICE_ROLE
from fairlead_server.errors import ConfigError


class WampCraTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[...users.wampcra]`: the shared secret, or with a salt the key derived from it, in base64."""

    secret: str | None = None
    secret_file: str | None = None
    salt: str | None = None
    iterations: int = 1000
    keylen: int = 32


class ScramTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[...users.scram]`: what is kept of a password; salt in base64, keys in hexadecimal, memory in KiB."""

    kdf: Kdf
    salt: str
    iterations: int
    memory: int | None = None
    stored_key: str
    server_key: str


class TlsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[...users.tls]`: the client certificates of a user, by SHA-256 fingerprint or by the subject's common name."""

    fingerprints: tuple[str, ...] = ()
    common_names: tuple[str, ...] = ()


class UserTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[...users]]`: one who may join, by each of the methods given."""

    authid: str
    role: str = "user"
    ticket: str | None = None
    ticket_file: str | None = None
    wampcra: WampCraTable | None = None
    scram: ScramTable | None = None
    cryptosign: tuple[str, ...] = ()
    """Public keys: 64 hexadecimal digits."""

    tls: TlsTable | None = None


class UsersFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `users_file`: nothing but `[[users]]`."""

    users: tuple[UserTable, ...] = ()


def read_users(users: tuple[UserTable, ...], users_file: str | None) -> list[UserTable]:
    """The users of both, each with its secrets in the table itself. Raises ConfigError."""
    found = [_with_secrets(user) for user in (*users, *_from_file(users_file))]
    for authid, count in Counter(user.authid for user in found).items():
        if count > 1:
            raise ConfigError(f"users.authid: {authid!r} is there {count} times: one table a user, with all methods")
    return found


def check_role(role: str, key: str) -> str:
    """The role. Raises ConfigError."""
    if not role or role == SERVICE_ROLE:
        raise ConfigError(f"{key}: {role!r} must be a name, and not {SERVICE_ROLE!r}, which is for the server's own")
    return role


def _from_file(path: str | None) -> tuple[UserTable, ...]:
    if path is None:
        return ()
    text = _read(path, "users_file")
    try:
        return msgspec.convert(tomllib.loads(text), UsersFile).users
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"users_file: {path}: {error}") from None


def _with_secrets(user: UserTable) -> UserTable:
    check_role(user.role, "users.role")
    if user.authid in ("", ANONYMOUS.authid):
        text = f"must not be empty, nor {ANONYMOUS.authid!r}, which is who has no proof"
        raise ConfigError(f"users.authid: {user.authid!r} {text}")
    ticket = _secret(user.ticket, user.ticket_file, "users.ticket")
    if all(proof is None for proof in (ticket, user.wampcra, user.scram, user.tls, user.cryptosign or None)):
        text = "give one of ticket, ticket_file, wampcra, scram, cryptosign, tls"
        raise ConfigError(f"users: {user.authid!r} has no method: {text}")
    wampcra = user.wampcra
    if wampcra is not None:
        secret = _secret(wampcra.secret, wampcra.secret_file, "users.wampcra.secret")
        wampcra = replace(wampcra, secret=secret, secret_file=None)
    return replace(user, ticket=ticket, ticket_file=None, wampcra=wampcra)


def _secret(text: str | None, path: str | None, key: str) -> str | None:
    """A secret from one of two places; of a file the white space around it does not count."""
    if text is not None and path is not None:
        raise ConfigError(f"{key}: give it here or in {key}_file, not both")
    secret = text if path is None else _read(path, f"{key}_file").strip()
    if secret == "":
        raise ConfigError(f"{key}: must not be empty")
    return secret


def _read(path: str, key: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # not UTF-8, or a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{key}: cannot read {path!r}: {reason}") from None
