"""The realms of a server, made of its configuration: the main one's further methods, and the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fairlead_authz import Authz
from fairlead_authz.authenticator import ActiveUsers
from fairlead_router import Authenticator, Authorizer, MethodsAuthenticator, Principal, Realm, RealmSetup, Router
from fairlead_router.auth.cookie import CookieAuthenticator, CookieStore
from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.dynamic import ProcedureAuthenticator
from fairlead_router.authorizers import ProcedureAuthorizer, StaticAuthorizer
from fairlead_server.config_realms import AuthTable, RealmTable
from fairlead_server.realm_methods import static_methods

_ASKING = Principal("fairlead.authenticator", "service")
"""Who calls the procedures that say who may join."""


def add_realms(router: Router, main: Realm, tables: tuple[RealmTable, ...], decoys: Decoys) -> None:
    """Adds the realms of the tables, and makes those that are to be made on demand when a client asks."""
    for table in tables:
        if not table.on_demand:
            router.add_realm(table.name, authorizer=_authorizer(table))
    setups: dict[str, Callable[[], RealmSetup]] = {}
    for table in tables:
        realm = main if table.on_demand else _existing(router, table.name)
        authenticator = _authenticator(router, realm, table, decoys)
        if table.on_demand:
            setups[table.name] = partial(_setup, authenticator, table)
        else:
            realm.authenticator = authenticator
    router.on_missing_realm = lambda name: _longest_prefix(setups, name)


def main_authenticator(router: Router, main: Realm, table: AuthTable, authz: Authz, decoys: Decoys) -> Authenticator:
    """Tokens and anonymous sessions as always, and for users of the graph the methods of `[auth]`."""
    tokens = authz.authenticator
    methods = _methods(router, main, table, decoys)
    if not methods:
        return tokens
    others = ActiveUsers(authz.graph, MethodsAuthenticator(methods))
    return MethodsAuthenticator({"ticket": tokens, "anonymous": tokens, **dict.fromkeys(methods, others)})


def _setup(authenticator: Authenticator, table: RealmTable) -> RealmSetup:
    """Each realm that is made on demand has an authorizer of its own, which asks in that realm."""
    return RealmSetup(authenticator=authenticator, authorizer=_authorizer(table))


def _authorizer(table: RealmTable) -> Authorizer:
    if table.authorizer is None:
        return StaticAuthorizer(table.permissions)
    return ProcedureAuthorizer(table.authorizer, table.permissions)


def _authenticator(router: Router, realm: Realm, table: RealmTable, decoys: Decoys) -> Authenticator:
    authenticator = MethodsAuthenticator(_methods(router, realm, table, decoys))
    if not table.cookies:
        return authenticator
    return CookieAuthenticator(CookieStore(router.host, router.limits), authenticator)


def _methods(router: Router, realm: Realm, table: AuthTable, decoys: Decoys) -> dict[str, Authenticator]:
    """`realm` is where the authenticator is registered, if the table does not say."""
    methods = static_methods(table, decoys)
    if table.authenticator is not None:
        asked = realm if table.authenticator_realm is None else _existing(router, table.authenticator_realm)
        dynamic = ProcedureAuthenticator(asked.join(_ASKING), table.authenticator, table.authenticator_methods)
        methods |= dict.fromkeys(table.authenticator_methods, dynamic)
    return methods


def _existing(router: Router, name: str) -> Realm:
    realm = router.realm(name)
    assert realm is not None, "the configuration was checked"
    return realm


def _longest_prefix(setups: dict[str, Callable[[], RealmSetup]], name: str) -> RealmSetup | None:
    prefixes = [prefix for prefix in setups if name.startswith(prefix)]
    return setups[max(prefixes, key=len)]() if prefixes else None
