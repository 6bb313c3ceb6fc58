"""From the tables of users to authenticators: what config_realms.py declares is made here, and so is checked.

Raises ConfigError, which names the key and what is allowed. The configuration is read by making everything once.
"""

from __future__ import annotations

import base64
import binascii
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from fairlead_router import AnonymousAuthenticator, Authenticator, Principal, TicketAuthenticator
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.dynamic import AUTHMETHODS
from fairlead_router.auth.scram import AUTOBAHN, KDFS, SPECIFIED, ScramAuthenticator, ScramUser
from fairlead_router.auth.tls import TlsAuthenticator
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser
from fairlead_router.session import SERVICE_ROLE
from fairlead_server.config_realms import AuthTable, RealmTable, ScramTable, UsersFile, UserTable, WampCraTable
from fairlead_server.errors import ConfigError
from fairlead_server.realm_rights import check_procedure

AUTHPROVIDER = "config"

IN_MAIN_REALM = "in the main realm a ticket is a token (`fairlead token` makes one), and anonymous is anonymous"

_KEY_BYTES = 32


def static_methods(table: AuthTable, decoys: Decoys) -> dict[str, Authenticator]:
    """The methods of the table's users, and anonymous if it is allowed."""
    users = _users(table)
    methods = _proofs(users, decoys) | _keys(users)
    if isinstance(table, RealmTable) and table.anonymous_role is not None:
        principal = Principal("anonymous", _role(table.anonymous_role, "anonymous_role"), authprovider=AUTHPROVIDER)
        methods["anonymous"] = AnonymousAuthenticator(principal)
    return methods


def check_methods(table: AuthTable, taken: Iterable[str] = ()) -> None:
    """Raises ConfigError for a table that makes no sense; `taken` are methods that the realm has already."""
    static = static_methods(table, Decoys())
    dynamic = table.authenticator_methods
    for authmethod in static:
        if authmethod in taken:
            raise ConfigError(f"users.{authmethod}: {IN_MAIN_REALM}")
    for authmethod in dynamic:
        if authmethod not in AUTHMETHODS:
            raise ConfigError(f"authenticator_methods: {authmethod!r} is none of {', '.join(AUTHMETHODS)}")
        if authmethod in taken:
            raise ConfigError(f"authenticator_methods: {authmethod!r}: {IN_MAIN_REALM}")
        if authmethod in static:
            text = f"authenticator_methods: {authmethod!r} is for other users of this realm already: one of both"
            raise ConfigError(text)
    if table.authenticator is not None:
        check_procedure("authenticator", table.authenticator)
    if (table.authenticator is None) != (not dynamic):
        raise ConfigError("authenticator: goes with authenticator_methods, each is nothing without the other")
    if table.authenticator_realm is not None and table.authenticator is None:
        raise ConfigError("authenticator_realm: says where the authenticator is registered, but there is none")


# ---------------------------------------------------------------- users


def _users(table: AuthTable) -> list[UserTable]:
    users = [*table.users, *_from_file(table.users_file)]
    for authid, count in Counter(user.authid for user in users).items():
        if count > 1:
            raise ConfigError(f"users.authid: {authid!r} is there {count} times: one table a user, with all methods")
    for user in users:
        _role(user.role, "users.role")
        if not user.authid:
            raise ConfigError("users.authid: must not be empty")
        proofs = (user.ticket, user.ticket_file, user.wampcra, user.scram, user.tls, user.cryptosign or None)
        if all(proof is None for proof in proofs):
            text = "give one of ticket, ticket_file, wampcra, scram, cryptosign, tls"
            raise ConfigError(f"users: {user.authid!r} has no method: {text}")
    return users


def _from_file(path: str | None) -> tuple[UserTable, ...]:
    if path is None:
        return ()
    text = _read(path, "users_file")
    try:
        return msgspec.convert(tomllib.loads(text), UsersFile).users
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"users_file: {path}: {error}") from None


def _role(role: str, key: str) -> str:
    if not role or role == SERVICE_ROLE:
        raise ConfigError(f"{key}: {role!r} must be a name, and not {SERVICE_ROLE!r}, which is for the server's own")
    return role


def _principal(user: UserTable, authmethod: str) -> Principal:
    return Principal(user.authid, user.role, authmethod, AUTHPROVIDER)


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
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{key}: cannot read {path!r}: {reason}") from None


# ---------------------------------------------------------------- methods


def _proofs(users: list[UserTable], decoys: Decoys) -> dict[str, Authenticator]:
    """The methods whose users share a secret with the server."""
    methods: dict[str, Authenticator] = {}
    tickets = _tickets(users)
    if tickets:
        methods["ticket"] = TicketAuthenticator(tickets)
    wampcra = [_wampcra(user, user.wampcra) for user in users if user.wampcra is not None]
    if wampcra:
        methods["wampcra"] = WampCraAuthenticator(wampcra, decoys)
    scram = [_scram(user, user.scram) for user in users if user.scram is not None]
    for authmethod in (SPECIFIED, AUTOBAHN):
        if any(user.kdf in KDFS[authmethod] for user in scram):
            methods[authmethod] = ScramAuthenticator(scram, authmethod, decoys)
    return methods


def _tickets(users: list[UserTable]) -> dict[str, Principal]:
    tickets: dict[str, Principal] = {}
    for user in users:
        ticket = _secret(user.ticket, user.ticket_file, "users.ticket")
        if ticket in tickets:
            raise ConfigError(f"users.ticket: {user.authid!r} and {tickets[ticket].authid!r} have the same")
        if ticket is not None:
            tickets[ticket] = _principal(user, "ticket")
    return tickets


def _wampcra(user: UserTable, table: WampCraTable) -> WampCraUser:
    secret = _secret(table.secret, table.secret_file, "users.wampcra.secret")
    if secret is None:
        raise ConfigError(f"users.wampcra: {user.authid!r} has no secret: give secret or secret_file")
    if table.iterations < 1 or table.keylen < 1:
        raise ConfigError(f"users.wampcra: iterations and keylen of {user.authid!r} must be greater than 0")
    return WampCraUser(
        principal=_principal(user, "wampcra"),
        secret=secret,
        salt=table.salt,
        iterations=table.iterations,
        keylen=table.keylen,
    )


def _scram(user: UserTable, table: ScramTable) -> ScramUser:
    try:
        stored_key, server_key = bytes.fromhex(table.stored_key), bytes.fromhex(table.server_key)
        salt = base64.b64decode(table.salt, validate=True)
    except (ValueError, binascii.Error):
        stored_key = server_key = salt = b""
    if not salt or {len(stored_key), len(server_key)} != {_KEY_BYTES}:
        text = "salt must be base64, stored_key and server_key 64 hexadecimal digits"
        raise ConfigError(f"users.scram: {user.authid!r}: {text}")
    if table.iterations < 1 or (table.kdf == "pbkdf2") != (table.memory is None):
        text = "iterations must be greater than 0, and memory (KiB) goes with the argon2 functions only"
        raise ConfigError(f"users.scram: {user.authid!r}: {text}")
    return ScramUser(
        principal=_principal(user, SPECIFIED),
        kdf=table.kdf,
        salt=table.salt,
        iterations=table.iterations,
        memory=table.memory,
        stored_key=stored_key,
        server_key=server_key,
    )


def _keys(users: list[UserTable]) -> dict[str, Authenticator]:
    """The methods whose users have a private key."""
    methods: dict[str, Authenticator] = {}
    pubkeys = _each("users.cryptosign", ((user, key) for user in users for key in user.cryptosign), "cryptosign")
    fingerprints = _each("users.tls.fingerprints", _tls_keys(users, "fingerprints"), "tls")
    common_names = _each("users.tls.common_names", _tls_keys(users, "common_names"), "tls")
    try:
        if pubkeys:
            methods["cryptosign"] = CryptosignAuthenticator(pubkeys)
    except ValueError as error:
        raise ConfigError(f"users.cryptosign: {error}") from None
    try:
        if fingerprints or common_names:
            methods["tls"] = TlsAuthenticator(fingerprints, common_names)
    except ValueError as error:
        raise ConfigError(f"users.tls.fingerprints: {error}") from None
    return methods


def _tls_keys(users: list[UserTable], key: str) -> Iterator[tuple[UserTable, str]]:
    return ((user, name) for user in users if user.tls is not None for name in getattr(user.tls, key))


def _each(place: str, owned: Iterable[tuple[UserTable, str]], authmethod: str) -> dict[str, Principal]:
    """What each key or certificate stands for: one user only."""
    principals: dict[str, Principal] = {}
    for user, key in owned:
        if key in principals:
            raise ConfigError(f"{place}: {user.authid!r} and {principals[key].authid!r} have the same")
        principals[key] = _principal(user, authmethod)
    return principals
