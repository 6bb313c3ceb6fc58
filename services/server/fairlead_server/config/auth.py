"""`[auth]`: who may join the main realm beside those who have a token; each of `[[realms]]` has the same keys.

A table is checked by making what it describes: its authenticators.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from fairlead_router import ANONYMOUS, AnonymousAuthenticator, Authenticator
from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.dynamic import AUTHMETHODS
from fairlead_server.config.methods import methods_of, principal_of
from fairlead_server.config.oidc import OidcTable, read_issuers
from fairlead_server.config.users import UserTable, check_role, read_users
from fairlead_server.config.values import check_procedure, naming
from fairlead_server.errors import ConfigError

TAKEN = ("ticket", "anonymous")
"""What the main realm has without `[auth]`."""

IN_MAIN_REALM = "in the main realm a ticket is a token (`fairlead token` makes one), and anonymous is anonymous"


class AuthTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Users, and a procedure that says who else may join."""

    users: tuple[UserTable, ...] = ()
    users_file: str | None = None
    authenticator: str | None = None
    """A procedure that says who may join, with these methods; it is registered in this realm."""

    authenticator_methods: tuple[str, ...] = ()
    authenticator_realm: str | None = None
    """None: the realm itself; for realms that are made on demand the main realm."""

    @property
    def guest_role(self) -> str | None:
        """The role of who joins without a proof. In the main realm permissions say what anonymous sessions may."""
        return None


class MainAuthTable(AuthTable, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[auth]` itself: in the main realm a ticket may be a JWT too."""

    oidc: tuple[OidcTable, ...] = ()


class Joining(NamedTuple):
    """Who may join by a table: each user's row by authid, with all secrets in it, and the methods to prove it."""

    users: dict[str, UserTable]
    methods: dict[str, Authenticator]


def joining(table: AuthTable, decoys: Decoys) -> Joining:
    """Reads the files that the table names. Raises ConfigError."""
    users = read_users(table.users, table.users_file)
    methods = methods_of(users, decoys)
    if table.guest_role is not None:
        guest = UserTable(authid=ANONYMOUS.authid, role=check_role(table.guest_role, "anonymous_role"))
        methods["anonymous"] = AnonymousAuthenticator(principal_of(guest, "anonymous"))
        users.append(guest)
    return Joining({user.authid: user for user in users}, methods)


def check_auth(table: MainAuthTable, lasting: tuple[str, ...]) -> None:
    """Raises ConfigError. `lasting` are the realms that are always there."""
    with naming("auth."):
        read_issuers(table.oidc)
        static = check_joining(table, lasting)
        for authmethod in TAKEN:
            if authmethod in table.authenticator_methods:
                raise ConfigError(f"authenticator_methods: {authmethod!r}: {IN_MAIN_REALM}")
            if authmethod in static.methods:
                raise ConfigError(f"users.{authmethod}: {IN_MAIN_REALM}")


def check_joining(table: AuthTable, lasting: tuple[str, ...]) -> Joining:
    """What the users come to. Raises ConfigError for users and a procedure that make no sense."""
    static = joining(table, Decoys())
    _check_authenticator(table, static)
    if table.authenticator_realm not in (None, *lasting):
        text = f"{table.authenticator_realm!r} is none of the realms that are always there: {', '.join(lasting)}"
        raise ConfigError(f"authenticator_realm: {text}")
    return static


def _check_authenticator(table: AuthTable, static: Joining) -> None:
    for authmethod in table.authenticator_methods:
        if authmethod not in AUTHMETHODS:
            raise ConfigError(f"authenticator_methods: {authmethod!r} is none of {', '.join(AUTHMETHODS)}")
        if authmethod in static.methods:
            text = f"authenticator_methods: {authmethod!r} is for other users of this realm already: one of both"
            raise ConfigError(text)
    if table.authenticator is not None:
        check_procedure("authenticator", table.authenticator)
    if (table.authenticator is None) != (not table.authenticator_methods):
        raise ConfigError("authenticator: goes with authenticator_methods, each is nothing without the other")
    if table.authenticator_realm is not None and table.authenticator is None:
        raise ConfigError("authenticator_realm: says where the authenticator is registered, but there is none")
