"""An authorizer whose answers stand: what was allowed once is allowed for ever."""

from __future__ import annotations

from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_router.authorization import Action, Level, Principal
from fairlead_router.uris import Match


class Unjudged:
    """With the gate switched off beside, every right that goes leaks."""

    def __init__(self, judge: GraphAuthorizer) -> None:
        self._judge = judge
        self._allowed: set[tuple[str, ...]] = set()

    def object_of(self, action: Action, uri: str) -> str | None:
        return self._judge.object_of(action, uri)

    def authorize(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        """What was allowed of one word of an object is of all: they differ in the last component."""
        place = uri if object_id is None else uri.replace(object_id, "{object}").rsplit(".", 1)[0]
        return self._remember(
            self._judge.authorize(principal, action, uri, match, object_id),
            principal.authid,
            action,
            place,
            str(object_id),
        )

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        return self._remember(self._judge.can(principal, level, object_id), principal.authid, level, object_id)

    def _remember(self, verdict: bool, *question: str) -> bool:
        if verdict:
            self._allowed.add(question)
        return question in self._allowed
