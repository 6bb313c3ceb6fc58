"""An authorizer that is a table: for the services' tests, which need no graph."""

from __future__ import annotations

from fairlead_router import Action, Level, Match, Principal

OWN_TOPICS = ("fairlead.stream.", "fairlead.directory.", "fairlead.record.")


class Rights:
    """An authorizer over a table; `everybody` may do everything, as with --open."""

    def __init__(self, *, everybody: bool = True) -> None:
        self.everybody = everybody
        self.granted: set[tuple[str, Level, str]] = set()

    def grant(self, authid: str, level: Level, object_id: str) -> None:
        self.granted.add((authid, level, object_id))

    def object_of(self, action: Action, uri: str) -> str | None:
        return uri.rpartition(".")[2] if uri.startswith(OWN_TOPICS) else None

    def authorize(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        return action == "call" or match != "exact" or object_id is None or self.can(principal, "read", object_id)

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        return self.everybody or (principal.authid, level, object_id) in self.granted
