"""The in-process member that answers `fairlead.authz.*`. The table of its procedures is in docs/reference.md."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fairlead_authz.admin.audit import Audit, Watch
from fairlead_authz.admin.changing import Changing
from fairlead_authz.admin.exporting import Exporting
from fairlead_authz.admin.questions import Questions
from fairlead_authz.admin.sessions import SessionProcedures
from fairlead_authz.admin.tokens import TokenProcedures
from fairlead_authz.store.permission_log import LoggedChange
from fairlead_router.authorization import Principal
from fairlead_router.member import Member
from fairlead_router.realm import Realm
from fairlead_router.rpc.call import Call

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz
    from fairlead_authz.state import State

PRINCIPAL = Principal("fairlead.authz", "service", "internal", "internal")
PREFIX = "fairlead.authz."

Procedure = Callable[[Call], dict[str, Any] | Awaitable[dict[str, Any]]]


class AdminService:
    """Joins a realm and offers the procedures there."""

    def __init__(self, authz: "Authz", state: "State") -> None:
        self._authz = authz
        self._state = state
        self._member: Member | None = None

    def join(self, realm: Realm) -> Callable[[LoggedChange], None]:
        """Register the procedures. Returns what wants to be told of each change: the topic for those who watch."""
        self._member = realm.join(PRINCIPAL)
        for name, procedure in self._procedures(realm).items():
            self._member.register(PREFIX + name, procedure)
        return Watch(realm, self._member).changed

    def leave(self) -> None:
        """Answer nothing more."""
        if self._member is not None:
            self._member.leave()
            self._member = None

    def _procedures(self, realm: Realm) -> dict[str, Procedure]:
        changing = Changing(self._authz)
        questions = Questions(self._authz, self._state)
        tokens = TokenProcedures(self._authz, self._state)
        audit = Audit(self._authz, self._state.store)
        sessions = SessionProcedures(self._authz, realm, self._state.policy.now_us)
        return {
            "apply": changing.apply,
            "check": questions.check,
            "get": questions.get,
            "list": questions.list_readable,
            "who": questions.who,
            "members": questions.members,
            "export": Exporting(self._state).export,
            "token": tokens.token,
            "tokens": tokens.tokens,
            "token_change": tokens.change,
            "token_delete": tokens.delete,
            "sessions": sessions.sessions,
            "audit": audit.audit,
        }
