"""The StaticAuthorizer: rules that a program or a configuration file gives (rules.py), replaced as a whole.

    rules = StaticAuthorizer([
        Rule(uri="com.app.", match="prefix", roles={"user"}, allow={"subscribe", "call"}),
        Rule(uri="com.app.secret", roles={"*"}, deny={"subscribe"}),
    ])
    realm = router.add_realm("realm1", authorizer=rules)
    rules.replace([])   # ends every subscription, registration and call that rested on them

A pattern may be subscribed to when a rule allows all of it but for what more specific rules deny: events on those
topics are left out, one by one, since the gate judges each event by its topic. A pattern may be registered only if
all of it is allowed, because a call cannot be left out: it would have reached nobody, or somebody else.
"""

from collections.abc import Iterable

from fairlead_router.authorization import Action, Principal
from fairlead_router.authorizers.rules import Rule, RuleSet
from fairlead_router.authorizers.uri_authorizer import UriAuthorizer
from fairlead_router.uris import Match


class StaticAuthorizer(UriAuthorizer):
    """An Authorizer of one or more realms. Deny by default."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Raises InvalidRule."""
        super().__init__()
        self._rules = RuleSet(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Judge by these rules from now on, and end what they deny. Raises InvalidRule: the old ones stay in force."""
        self._rules = RuleSet(rules)
        self.changed()

    def decide(self, principal: Principal, action: Action, uri: str, match: Match) -> bool | None:
        """The verdict of the rules; None where they say nothing."""
        rules = self._rules.for_principal(principal)[action]
        if match == "exact":
            return rules.judge(uri)
        return rules.judge_pattern(uri, match) if action == "subscribe" else rules.judge_all(uri, match)

    def authorize(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        """Whether the rules allow it."""
        return self.decide(principal, action, uri, match) is True
