"""From users to authenticators, one a method. Raises ConfigError, which names the key and what is allowed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

from fairlead_router import Authenticator, Principal, TicketAuthenticator
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.scram import AUTOBAHN, KDFS, SPECIFIED, ScramAuthenticator, ScramUser
from fairlead_router.auth.tls import TlsAuthenticator
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser
from fairlead_server.config.users import ScramTable, UserTable, WampCraTable
from fairlead_server.errors import ConfigError

AUTHPROVIDER = "config"

_KEY_BYTES = 32


def methods_of(users: list[UserTable], decoys: Decoys) -> dict[str, Authenticator]:
    """The methods that these users have; their secrets are in the tables (users.py)."""
    return _proofs(users, decoys) | _keys(users)


def principal_of(user: UserTable, authmethod: str) -> Principal:
    """Who a user of the configuration is."""
    return Principal(user.authid, user.role, authmethod, AUTHPROVIDER)


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
            methods[authmethod] = _scram_authenticator(scram, authmethod, decoys)
    return methods


def _tickets(users: list[UserTable]) -> dict[str, Principal]:
    tickets: dict[str, Principal] = {}
    for user in users:
        if user.ticket in tickets:
            raise ConfigError(f"users.ticket: {user.authid!r} and {tickets[user.ticket].authid!r} have the same")
        if user.ticket is not None:
            tickets[user.ticket] = principal_of(user, "ticket")
    return tickets


def _wampcra(user: UserTable, table: WampCraTable) -> WampCraUser:
    if table.secret is None:
        raise ConfigError(f"users.wampcra: {user.authid!r} has no secret: give secret or secret_file")
    if table.iterations < 1 or table.keylen < 1:
        raise ConfigError(f"users.wampcra: iterations and keylen of {user.authid!r} must be greater than 0")
    return WampCraUser(
        principal=principal_of(user, "wampcra"),
        secret=table.secret,
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
        principal=principal_of(user, SPECIFIED),
        kdf=table.kdf,
        salt=table.salt,
        iterations=table.iterations,
        memory=table.memory,
        stored_key=stored_key,
        server_key=server_key,
    )


def _scram_authenticator(users: list[ScramUser], authmethod: str, decoys: Decoys) -> ScramAuthenticator:
    try:
        return ScramAuthenticator(users, authmethod, decoys)
    except ValueError as error:
        raise ConfigError(f"users.scram: {error}") from None


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
        principals[key] = principal_of(user, authmethod)
    return principals
