"""The realm as authz sees it: who is connected, and what to end when a right, a user or a token goes."""

from fairlead_authz.affected import Affected
from fairlead_authz.closures import Closures
from fairlead_authz.tokens import TokenPrincipal
from fairlead_router.authorization import Principal
from fairlead_router.observer import RealmObserver
from fairlead_router.realm import Realm

USER_ENDED = "fairlead.close.user_ended"
"""GOODBYE reason for the sessions of a user who was deleted or deactivated."""

TOKEN_ENDED = "fairlead.close.token_ended"
"""GOODBYE reason for the sessions that came in with a token that was deleted."""

_SERVICE = "service"


class Live(RealmObserver):
    """The sessions of the realm that authz is bound to; of none before that."""

    def __init__(self, closures: Closures) -> None:
        self._closures = closures
        self._realm: Realm | None = None

    def bind(self, realm: Realm) -> None:
        """From now on this realm's sessions count."""
        self._realm = realm
        for session_id, principal in realm.sessions():
            self.joined(session_id, principal)
        realm.observe(self)

    def changed(self, lost: Affected, may_have_gained: bool) -> None:
        """The graph has changed: judge again what rests on who and what lost something."""
        if self._realm is None:
            return
        if may_have_gained:
            self._realm.gate.grant()
        if lost.principals or lost.objects:
            self._realm.gate.revoke(lost.principals, lost.objects)

    def changed_policy(self) -> None:
        """What rights depend on beside the graph has changed: judge everything again."""
        if self._realm is not None:
            self._realm.gate.grant()
            self._realm.gate.revoke_all()

    def rules_changed(self) -> None:
        """Other rules tie URIs to objects: judge all that is live again, by the objects that it is about now."""
        if self._realm is not None:
            self._realm.gate.rebind_all()

    def end_user(self, user: str) -> None:
        """The user is gone."""
        if self._realm is not None:
            self._realm.kill(USER_ENDED, f"user {user!r} was deleted or deactivated", authid=user)

    def end_token(self, id_: str) -> None:
        """The token is gone."""
        if self._realm is None:
            return
        for session_id, principal in self._realm.sessions():
            if isinstance(principal, TokenPrincipal) and principal.token_id == id_:
                self._realm.kill(TOKEN_ENDED, "the token of this session was deleted", session_id=session_id)

    # --- what the realm tells its observer ----------------------------------------------------

    def joined(self, session_id: int, principal: Principal) -> None:
        """A session has opened. Services have every right, so nothing need be known of what they reach."""
        if principal.authrole != _SERVICE:
            self._closures.connect(principal.authid)

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        """A session has ended."""
        if principal.authrole != _SERVICE:
            self._closures.disconnect(principal.authid)
