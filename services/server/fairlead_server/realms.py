"""The realms of a server, made of its configuration, and what a reload of the file changes in them."""

from __future__ import annotations

from msgspec.structs import replace

from fairlead_authz import Authz
from fairlead_authz.authenticator import ActiveUsers
from fairlead_authz.oidc import OidcAuthenticator
from fairlead_router import Authenticator, Authorizer, MethodsAuthenticator, Principal, Realm, RealmSetup, Router
from fairlead_router.auth.cookie import CookieAuthenticator, CookieStore
from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.dynamic import ProcedureAuthenticator
from fairlead_router.authorizers import ProcedureAuthorizer, StaticAuthorizer
from fairlead_server.config import Config
from fairlead_server.config.auth import AuthTable, Joining, MainAuthTable, joining
from fairlead_server.config.oidc import Issuers, read_issuers
from fairlead_server.config.permissions import PermissionsTable
from fairlead_server.config.realms import RealmTable
from fairlead_server.joining import TableAuthenticator, end_sessions, end_sessions_of_issuers

_ASKING = Principal("fairlead.authenticator", "service")
"""Who calls the procedures that say who may join."""


class ServedRealms:
    """All realms: the main one, whose rights are those of the permission graph, and those of `[[realms]]`."""

    def __init__(self, router: Router, config: Config, authz: Authz, decoys: Decoys) -> None:
        """Adds the realms to the router. Raises ConfigError if a file of secrets cannot be read."""
        self._decoys = decoys
        main = router.add_realm(config.realm, authorizer=authz.authorizer, options=config.options)
        for table in config.realms:
            if not table.on_demand:
                router.add_realm(table.name, authorizer=_authorizer(table), options=table.options)
        _set_policy(authz, config.permissions)
        self.main = _MainRealm(router, main, config.auth, joining(config.auth, decoys), authz)
        self._others = [_OtherRealm(router, main, table, joining(table, decoys)) for table in config.realms]
        router.on_missing_realm = self._on_demand

    def replace(self, config: Config) -> None:
        """Users, permissions and rules are those of this configuration now; what they take away ends in this turn.

        Raises ConfigError if a file of secrets cannot be read; then nothing is different.
        """
        main = joining(config.auth, self._decoys)
        issuers = read_issuers(config.auth.oidc)
        tables = {table.name: (table, joining(table, self._decoys)) for table in config.realms}
        self.main.replace(config, main, issuers)
        for other in self._others:
            if other.table.name in tables:
                other.replace(*tables[other.table.name])

    def _on_demand(self, name: str) -> RealmSetup | None:
        fitting = [other for other in self._others if other.table.on_demand and name.startswith(other.table.name)]
        return max(fitting, key=lambda other: len(other.table.name)).setup() if fitting else None


class _MainRealm:
    """Who may join it: whoever has a token or a JWT, anonymous sessions, and active users of the graph by `[auth]`."""

    def __init__(self, router: Router, realm: Realm, table: MainAuthTable, users: Joining, authz: Authz) -> None:
        self.realm = realm
        self.serving = authz.serving
        self._authz = authz
        self._tickets = OidcAuthenticator(authz, router.host)
        self._tickets.replace(read_issuers(table.oidc))
        self._users = TableAuthenticator(users, _by_procedure(router, realm, table))
        self._active_users = ActiveUsers(authz.graph, self._users)
        self._offer()

    def replace(self, config: Config, users: Joining, issuers: Issuers) -> None:
        """Rights stay those of the graph; the rules say on which URIs."""
        _set_policy(self._authz, config.permissions)
        self._authz.replace_rules(config.rules)
        end_sessions_of_issuers(self.realm, self._tickets.replace(issuers))
        ended = self._users.replace(users)
        self._offer()
        end_sessions(self.realm, ended)

    def _offer(self) -> None:
        methods: dict[str, Authenticator] = {"ticket": self._tickets, "anonymous": self._tickets}
        methods |= dict.fromkeys(self._users.methods, self._active_users)
        self.realm.authenticator = MethodsAuthenticator(methods) if self._users.methods else self._tickets


def _set_policy(authz: Authz, table: PermissionsTable) -> None:
    authz.set_policy(roles_visible=table.roles_visible, users_visible=table.users_visible)


class _OtherRealm:
    """A table of `[[realms]]`: its realm, or every realm that was made on demand by it."""

    def __init__(self, router: Router, main: Realm, table: RealmTable, users: Joining) -> None:
        self.table = table
        self._router = router
        self._users = TableAuthenticator(users, _by_procedure(router, router.realm(table.name) or main, table))
        self._cookies = CookieStore(router.host, router.limits)
        self._authenticator: Authenticator = self._users
        if table.cookies:
            self._authenticator = CookieAuthenticator(self._cookies, self._users)
        realm = router.realm(table.name)
        if realm is not None:
            realm.authenticator = self._authenticator

    def setup(self) -> RealmSetup:
        """Each realm that is made on demand has an authorizer of its own, which asks in that realm."""
        table = self.table
        return RealmSetup(authenticator=self._authenticator, authorizer=_authorizer(table), options=table.options)

    def replace(self, table: RealmTable, users: Joining) -> None:
        """Everything but users and permissions stays as it is."""
        self.table = replace(self.table, permissions=table.permissions)
        ended = self._users.replace(users)
        for authid in ended:
            self._cookies.forget(authid)
        for realm in self._router.realms:
            if realm.authenticator is self._authenticator:
                _rules(realm.authorizer).replace(table.permissions)
                end_sessions(realm, ended)


def _authorizer(table: RealmTable) -> Authorizer:
    if table.authorizer is None:
        return StaticAuthorizer(table.permissions)
    return ProcedureAuthorizer(table.authorizer, table.permissions)


def _rules(authorizer: Authorizer) -> StaticAuthorizer:
    """Where the permissions of a realm are judged."""
    rules = authorizer.rules if isinstance(authorizer, ProcedureAuthorizer) else authorizer
    assert isinstance(rules, StaticAuthorizer), "_authorizer has made it"
    return rules


def _by_procedure(router: Router, realm: Realm, table: AuthTable) -> dict[str, Authenticator]:
    """`realm` is where the procedure is registered, if the table does not say."""
    if table.authenticator is None:
        return {}
    asked = realm if table.authenticator_realm is None else router.realm(table.authenticator_realm)
    assert asked is not None, "the configuration was checked"
    procedure = ProcedureAuthenticator(asked.join(_ASKING), table.authenticator, table.authenticator_methods)
    return dict.fromkeys(table.authenticator_methods, procedure)
