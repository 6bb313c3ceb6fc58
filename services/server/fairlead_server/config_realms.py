"""Who may join which realm, as the configuration says it: `[auth]` for the main realm, `[[realms]]` for others.

What a table means, and so whether it makes sense, is in realm_methods.py. Secrets stand in the file, or in one of their
own that only the server may read: `ticket_file`, `secret_file`, or a whole `users_file`. A relative path starts at the
working directory.
"""

from __future__ import annotations

import msgspec

from fairlead_router.auth.scram import Kdf
from fairlead_router.authorizers.rules import Rule


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


class AuthTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[auth]`: who may join the main realm beside those who have a token."""

    users: tuple[UserTable, ...] = ()
    users_file: str | None = None
    authenticator: str | None = None
    """A procedure that says who may join, with these methods; it is registered in this realm."""

    authenticator_methods: tuple[str, ...] = ()
    authenticator_realm: str | None = None
    """None: the realm itself; for realms that are made on demand the main realm."""


class RealmTable(AuthTable, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[realms]]`: another realm, which has no objects. With `on_demand` every realm whose name begins like this."""

    name: str
    on_demand: bool = False
    anonymous_role: str | None = None
    """None: nobody joins without a proof."""

    cookies: bool = False
    """Whether a browser need prove only once who it is."""

    permissions: tuple[Rule, ...] = ()
    authorizer: str | None = None
    """A procedure of this realm that judges what the permissions neither allow nor deny."""


def tables_of(prefix: str, table: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """The place of each table below this one, for messages that say which keys it has."""
    users = f"{prefix}.users" if prefix else "users"
    own = {prefix: table} if prefix else {}
    return own | {
        users: UserTable,
        f"{users}.wampcra": WampCraTable,
        f"{users}.scram": ScramTable,
        f"{users}.tls": TlsTable,
    }
