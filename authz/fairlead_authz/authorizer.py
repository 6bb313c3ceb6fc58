"""The router's questions, answered from the graph."""

from fairlead_authz.model.graph import Graph
from fairlead_authz.model.levels import NUMBERS, READ
from fairlead_authz.model.remembered_rights import RememberedRights
from fairlead_authz.model.rights import Rights
from fairlead_authz.tokens.tokens import TokenPrincipal, Tokens
from fairlead_authz.uri_rules import UriRules
from fairlead_router.authorization import Action, Level, Principal
from fairlead_router.uris import Match

_OPEN_PROCEDURES = ("fairlead.log.", "fairlead.record.", "fairlead.container.", "fairlead.authz.")
"""Everybody may call these, anonymous included: the service judges the object."""

_OWN_PROCEDURES = frozenset(
    {"wamp.session.add_testament", "wamp.session.flush_testaments", "wamp.subscription.get_events"}
)
"""Everybody may call these of the router: they are about the caller itself, or judge what they show to it."""

_OPEN_TOPICS = frozenset({"fairlead.session.lagged", "fairlead.session.revoked"})
"""Everybody may hear of their own revocations and losses."""


class GraphAuthorizer:
    """The Authorizer of a realm. In an open realm everybody may everything (the router keeps the reserved URIs)."""

    def __init__(self, graph: Graph, tokens: Tokens, rights: Rights, rules: UriRules, is_open: bool) -> None:
        self._graph = graph
        self._tokens = tokens
        self._rights = RememberedRights(graph, rights)
        self._rules = rules
        self.is_open = is_open

    def is_admin(self, principal: Principal) -> bool:
        """Whether the principal is an administrator now; the role it joined with may be out of date."""
        if self.is_open:
            return True
        node = self._graph.nodes.get(principal.authid)
        return node is not None and node.is_admin

    def object_of(self, action: Action, uri: str) -> str | None:
        """The object that a concrete URI names by the rules."""
        found = self._rules.find(uri)
        return None if found is None else found.object_id

    def authorize(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        """Deny by default. A pattern may be subscribed to where each of its events is judged by its object.

        Administrators may everything that no rule ties to an object; of objects neither what is in the trash nor
        writing to what is frozen. Whoever hears of an object reads it, whatever level the rule asks for beside: the
        trash keeps nobody from writing. A token is good for what is in its scopes only, whoever its user is.
        """
        if isinstance(principal, TokenPrincipal) and not self._is_in_scope(principal, action, uri, match):
            return False
        return self.is_open or self._may(principal, action, uri, match, object_id)

    def _may(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        if match != "exact":
            return self.is_admin(principal) or (action == "subscribe" and self._rules.covers(uri, match, action))
        if action == "call" and (uri.startswith(_OPEN_PROCEDURES) or uri in _OWN_PROCEDURES):
            return True
        if action == "subscribe" and uri in _OPEN_TOPICS:
            return True
        found = self._rules.find(uri)
        level = None if found is None else found.rule.level(action)
        if found is None or level is None:
            return self.is_admin(principal)
        about = object_id or found.object_id
        if action == "subscribe" and level != "read" and not self._rights.can(principal.authid, READ, about):
            return False
        return self._rights.can(principal.authid, NUMBERS[level], about)

    def _is_in_scope(self, principal: TokenPrincipal, action: Action, uri: str, match: Match) -> bool:
        """What one hears of oneself needs no scope."""
        is_open = action == "subscribe" and uri in _OPEN_TOPICS
        return is_open or self._tokens.allow(principal, action, uri, match)

    def lacking(self, principal: Principal, action: Action, uri: str, match: Match) -> str:
        """What a denied request lacks, by scopes and rules alone: it tells nothing of what objects there are."""
        if isinstance(principal, TokenPrincipal) and not self._is_in_scope(principal, action, uri, match):
            return "the scopes of its token leave that out"
        if match != "exact":
            is_subscribing = action == "subscribe"
            return "no rule has all of this pattern" if is_subscribing else "patterns are for administrators"
        found = self._rules.find(uri)
        if found is None:
            return "no rule is about it, so it is for administrators"
        level = found.rule.level(action)
        if level is None:
            return f"the rule for {found.rule.uri!r} has no {action}, so it is for administrators"
        return f"by the rule for {found.rule.uri!r} it needs {level} on the object"

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        """Whether the principal has this level on the object now."""
        return self.is_open or self._rights.can(principal.authid, NUMBERS[level], object_id)
