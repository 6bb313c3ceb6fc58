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
from typing import TYPE_CHECKING

from fairlead_router.authorization import Action, Level, Principal
from fairlead_router.authorizers.rules import Rule, RuleSet
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


class StaticAuthorizer:
    """An Authorizer of one or more realms. Deny by default. It knows no objects, so it gives no level on any."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Raises InvalidRule."""
        self._rules = RuleSet(rules)
        self._realms: list[Realm] = []

    def attach(self, realm: "Realm") -> None:
        """End what is live in this realm when `replace` takes its right away."""
        self._realms.append(realm)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Judge by these rules from now on, and in this turn end what they deny. Raises InvalidRule: the old ones stay.

        Everything live is judged again, and only who lost a right notices.
        """
        self._rules = RuleSet(rules)
        for realm in self._realms:
            realm.gate.grant()
            realm.gate.revoke_all()

    def decide(self, principal: Principal, action: Action, uri: str, match: Match) -> bool | None:
        """The verdict of the rules; None where they say nothing."""
        rules = self._rules.for_principal(principal)[action]
        if match == "exact":
            return rules.judge(uri)
        return rules.judge_pattern(uri, match) if action == "subscribe" else rules.judge_all(uri, match)

    # --- what the realm asks ------------------------------------------------------------------

    def object_of(self, action: Action, uri: str) -> str | None:
        """No URI is tied to an object."""
        return None

    def authorize(self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None) -> bool:
        """Whether the rules allow it."""
        return self.decide(principal, action, uri, match) is True

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        """Never: rules are about URIs."""
        return False
