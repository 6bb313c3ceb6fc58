"""Who may join by a table of the configuration, also after the table has been replaced under running sessions.

A user whose row is gone or different (another role, another secret) is not who it was: its sessions end, and a proof
that was begun before is good for nothing. Everybody else notices nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from fairlead_authz.live.realm import USER_ENDED
from fairlead_authz.oidc import OidcPrincipal
from fairlead_router import AuthenticationFailed, Authenticator, MethodsAuthenticator, Principal, Realm
from fairlead_router.auth import Decision, HelloRequest, then
from fairlead_server.config.auth import Joining
from fairlead_server.config.methods import AUTHPROVIDER
from fairlead_server.config.users import UserTable

ENDED_TEXT = "the configuration of this user has changed"


class TableAuthenticator:
    """An Authenticator: the users of a table, and others that a program of the realm knows."""

    def __init__(self, table: Joining, others: Mapping[str, Authenticator]) -> None:
        """`others`: authmethod -> who does it."""
        self._others = dict(others)
        self._take(table)

    @property
    def methods(self) -> list[str]:
        """The authmethods that are possible now."""
        return list(self._methods)

    def replace(self, table: Joining) -> set[str]:
        """From now on these may join. Returns the authids that are no more who they were."""
        before = self._users
        self._take(table)
        return {authid for authid, user in before.items() if table.users.get(authid) != user}

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """Raises what the methods raise, and AuthenticationFailed for who was replaced in the meantime."""
        return then(self._authenticator.authenticate(hello), partial(self._check, self._users))

    def _take(self, table: Joining) -> None:
        self._users = table.users
        self._methods = {**table.methods, **self._others}
        self._authenticator = MethodsAuthenticator(self._methods)

    def _check(self, users: Mapping[str, UserTable], principal: Principal) -> Principal:
        """`users` are those of when the peer said HELLO."""
        if is_of_table(principal) and self._users.get(principal.authid) != users.get(principal.authid):
            raise AuthenticationFailed("the peer could not be authenticated")
        return principal


def is_of_table(principal: Principal) -> bool:
    """Whether the configuration says who this is."""
    return principal.authprovider == AUTHPROVIDER


def end_sessions(realm: Realm, authids: set[str]) -> None:
    """Ends those that came in by the table; a token of the same user is another thing."""
    _end(realm, lambda principal: principal.authid in authids and is_of_table(principal))


def end_sessions_of_issuers(realm: Realm, issuers: set[str]) -> None:
    """Ends those that came in with a JWT of one of these."""
    _end(realm, lambda principal: isinstance(principal, OidcPrincipal) and principal.authprovider in issuers)


def _end(realm: Realm, is_ended: Callable[[Principal], bool]) -> None:
    for session_id, principal in realm.sessions():
        session = realm.session(session_id)
        if session is not None and is_ended(principal):
            realm.end_session(session, USER_ENDED, ENDED_TEXT)
