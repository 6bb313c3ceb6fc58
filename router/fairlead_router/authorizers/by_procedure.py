"""The ProcedureAuthorizer: a procedure in the realm judges, registered by a session or by the program itself.

    realm = router.add_realm("realm1", authorizer=ProcedureAuthorizer("com.example.authorize"))

The procedure is called as Crossbar's dynamic authorizers are, with four arguments: the session's details
`{realm, authid, authrole, authmethod, authprovider}`, the URI, the action, and `{match}`. It answers a bool, or
`{allow, cache}`: with `cache` the answer, yes or no, is remembered for a while.

- Static rules come first. What they allow or deny is not asked about; without any, everything is.
- Only they let a session register the procedure, by its exact URI, and no anonymous one; no pattern that somebody
  registered is taken for it. Services inside the router need no rule.
- Whoever has registered it is not asked about: it would ask itself, and it decides on everything anyhow. (That is
  why anonymous sessions, which share one identity, cannot.)
- No callee, an ERROR, another answer, or none within `authorizer_timeout_s`: `wamp.error.authorization_failed`.

An answer is remembered for the principal, the action, the URI, the match policy and the object, and only until the
principal or the object loses anything. `purge` forgets all of them and judges what is live again; a session does it
by calling `fairlead.authorizer.purge`, as the authorizer itself always may.
"""

import logging
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_router.authorization import ANONYMOUS, Action, Principal
from fairlead_router.authorizers.cache import AnswerCache
from fairlead_router.authorizers.rules import Rule
from fairlead_router.authorizers.static import StaticAuthorizer
from fairlead_router.authorizers.uri_authorizer import UriAuthorizer
from fairlead_router.authorizers.uri_sets import UriSet
from fairlead_router.errors import AuthorizationFailed, CallError
from fairlead_router.member import Member
from fairlead_router.payload import Payload
from fairlead_router.rpc.arguments import bind
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

log = logging.getLogger(__name__)

PURGE = "fairlead.authorizer.purge"

ASKER = Principal("fairlead.authorizer", "service")
"""Who calls the procedure."""


class _Purge(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("authid",)
    authid: str | None = None


class _Answer(msgspec.Struct):
    """What the procedure may answer beside a bool; other keys that Crossbar knows change nothing here."""

    allow: bool
    cache: bool = False


class _Question(msgspec.Struct, frozen=True):
    """All that an answer rests on. The revision is that of the principal and the object together."""

    identity: "_Identity"
    action: Action
    uri: str
    match: Match
    object_id: str | None
    revision: int


class _Identity(msgspec.Struct, frozen=True):
    authid: str
    authrole: str
    authmethod: str
    authprovider: str


class ProcedureAuthorizer(UriAuthorizer):
    """An Authorizer of one realm."""

    def __init__(self, procedure: str, rules: Iterable[Rule] = ()) -> None:
        """`rules` are judged before the procedure is asked. Raises InvalidRule."""
        super().__init__()
        self.rules = StaticAuthorizer(rules)
        self._procedure = procedure
        self._procedure_set = UriSet.of(procedure, "exact")
        self._member: Member | None = None
        self._is_failing = False

    def attach(self, realm: "Realm") -> None:
        """Ask in this realm. Raises ValueError if it judges for another one already."""
        other = next(iter(self._realms), None)
        if other is not None:
            raise ValueError(f"the authorizer {self._procedure!r} belongs to realm {other.name!r} already")
        super().attach(realm)
        self.rules.attach(realm)
        limits = realm.limits
        self._realm = realm
        self._cache = AnswerCache(realm.host, limits.authorizer_answers, limits.authorizer_answer_s)
        realm.procedures.update({PURGE: self._purge_called})

    def purge(self, authid: str | None = None) -> None:
        """What the procedure says of this authid, or of all, is different now."""
        self._cache.clear()
        self.changed(authid)

    # --- the judgement ------------------------------------------------------------------------

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        """By the rules; else by what is remembered; else the procedure is asked."""
        decided = self.rules.decide(principal, action, uri, match)
        if action == "register" and UriSet.of(uri, match).met_by(self._procedure_set) is not None:
            return decided is True and principal.authid != ANONYMOUS.authid
        if decided is not None:
            return decided
        identity = _identity(principal)
        if any(_identity(callee.principal) == identity for callee in self._callees()):
            return True
        revision = self._realm.gate.basis(principal.authid, object_id)[-1]
        question = _Question(identity, action, uri, match, object_id, revision)
        known = self._cache.get(question)
        return self._ask(question) if known is None else known

    async def _ask(self, question: _Question) -> bool:
        try:
            answer = await self._called(question)
        except AuthorizationFailed as error:
            if not self._is_failing:
                log.warning("%s; nothing is authorized until it answers again", error)
            self._is_failing = True
            raise
        self._is_failing = False
        if answer.cache:
            self._cache.put(question, answer.allow)
        return answer.allow

    async def _called(self, question: _Question) -> _Answer:
        if not self._callees():
            raise AuthorizationFailed(f"no session has registered the authorizer {self._procedure!r}")
        details = {"realm": self._realm.name, **msgspec.structs.asdict(question.identity)}
        arguments = [details, question.uri, question.action, {"match": question.match}]
        try:
            result = await self._asker().call(self._procedure, arguments)
            return _answer(result.args)
        except CallError as error:
            raise AuthorizationFailed(f"the authorizer {self._procedure!r} answered with {error.uri}") from error
        except msgspec.ValidationError as error:
            raise AuthorizationFailed(
                f"the authorizer {self._procedure!r} must answer with a bool or {{allow, cache}}: {error}"
            ) from error

    def _asker(self) -> Member:
        """Joined when it is first needed: a realm that nobody uses has no sessions."""
        if self._member is None:
            self._member = self._realm.join(ASKER)
        return self._member

    def _callees(self) -> "list[Session]":
        """Who has registered the procedure itself, not a pattern that matches it."""
        registration = self._realm.dealer.lookup(self._procedure, "exact")
        return [] if registration is None else [callee.session for callee in registration.callees]

    def _purge_called(self, caller: "Session", payload: Payload) -> Payload:
        self.purge(bind(PURGE, payload, _Purge).authid)
        return Payload.of()


def _identity(principal: Principal) -> _Identity:
    return _Identity(principal.authid, principal.authrole, principal.authmethod, principal.authprovider)


def _answer(args: list[Any]) -> _Answer:
    """The only positional result. Raises ValidationError."""
    value = args[0] if len(args) == 1 else args
    return _Answer(value) if isinstance(value, bool) else msgspec.convert(value, _Answer)
