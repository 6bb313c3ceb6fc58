"""Static rules: who is allowed or denied what on which URIs, and which rule counts.

Of the rules that fit a request the most specific one counts: an exact URI before a prefix before a wildcard; of two
prefixes the longer one; of two wildcards the one that names a component where, for the first time, only one of them
does. Of rules with the same pattern one that denies counts. Whom a rule is for makes it no more specific. What no
rule fits is denied.

A pattern to subscribe to or to register is judged like a URI of which no more is known than the pattern
(uri_sets.py): a rule counts only if it holds for all of it. `judge` says so; `judge_all` also looks for what is
denied within the pattern.
"""

from collections.abc import Iterable, Set
from typing import get_args

import msgspec

from fairlead_router.authorization import Action, Principal
from fairlead_router.authorizers.uri_sets import UriSet
from fairlead_router.errors import InvalidUri
from fairlead_router.limits import Limits
from fairlead_router.prefixes import PrefixIndex
from fairlead_router.uris import Match, check_uri
from fairlead_router.wildcards import WildcardIndex

ACTIONS: tuple[Action, ...] = get_args(Action)

_URI_LENGTH = Limits().uri_length
"""Also where a realm allows longer ones: a rule is written by hand."""

EVERYBODY = "*"
"""In the place of a role: all of them."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Allows or denies actions on the URIs that a pattern matches, to these roles and these authids."""

    uri: str
    match: Match = "exact"
    roles: Set[str] = frozenset()
    authids: Set[str] = frozenset()
    allow: Set[Action] = frozenset()
    deny: Set[Action] = frozenset()

    def is_for(self, authrole: str | None, authid: str | None) -> bool:
        """Whether the rule is for one of this role and authid."""
        return EVERYBODY in self.roles or authrole in self.roles or authid in self.authids


class InvalidRule(ValueError):
    """A rule says nothing, or contradicts itself; `index` counts from 0 and `key` is the field to mend."""

    def __init__(self, index: int, key: str, text: str) -> None:
        super().__init__(f"rule {index + 1}: {key}: {text}")
        self.index = index
        self.key = key
        self.text = text


def check_rules(rules: Iterable[Rule]) -> None:
    """Raise InvalidRule for the first rule that cannot be meant."""
    for index, rule in enumerate(rules):
        found = _fault(rule)
        if found is not None:
            raise InvalidRule(index, *found)


def _fault(rule: Rule) -> tuple[str, str] | None:
    try:
        if rule.uri or rule.match != "prefix":  # the empty prefix is a rule for everything
            check_uri(rule.uri, rule.match, _URI_LENGTH)
    except InvalidUri as error:
        return "uri", error.text
    if rule.match == "wildcard" and "" not in rule.uri.split("."):
        return "match", f"wildcard pattern {rule.uri!r} has no empty component; use match=exact"
    if not rule.roles | rule.authids:
        return "roles", f"the rule is for nobody; name roles ({EVERYBODY!r} for everybody) or authids"
    if not rule.allow | rule.deny:
        return "allow", f"the rule says nothing; allow or deny some of {', '.join(ACTIONS)}"
    if rule.allow & rule.deny:
        return "deny", f"{', '.join(sorted(rule.allow & rule.deny))} cannot be allowed and denied at once"
    return None


class ActionRules:
    """What one principal may do in one way."""

    __slots__ = ("_denied", "_exact", "_longest", "_prefixes", "_wildcards")

    def __init__(self, verdicts: dict[tuple[Match, str], bool]) -> None:
        self._exact = {uri: verdict for (match, uri), verdict in verdicts.items() if match == "exact"}
        self._prefixes: PrefixIndex[bool] = PrefixIndex()
        self._wildcards: WildcardIndex[bool] = WildcardIndex()
        for (match, uri), verdict in verdicts.items():
            if match == "prefix":
                self._prefixes.add(uri, verdict)
            elif match == "wildcard":
                self._wildcards.add(uri, verdict)
        self._denied = [UriSet.of(uri, match) for (match, uri), verdict in verdicts.items() if not verdict]
        self._longest = max((uri.count(".") + 1 for _, uri in verdicts), default=0)

    def judge(self, uri: str) -> bool | None:
        """The verdict on a URI; None where no rule fits."""
        verdict = self._exact.get(uri)
        if verdict is None:
            verdict = self._prefixes.longest(uri)
        if verdict is None:
            verdict = next(iter(self._wildcards.matching(uri)), None)
        return verdict

    def judge_pattern(self, pattern: str, match: Match) -> bool | None:
        """The verdict of the rule that holds for the whole pattern, whatever others say about parts of it."""
        return self._judge_set(UriSet.of(pattern, match))

    def judge_all(self, pattern: str, match: Match) -> bool | None:
        """Whether everything in the pattern is allowed; None if no rule holds for all of it and none denies a part."""
        asked = UriSet.of(pattern, match)
        for denied in self._denied:
            met = asked.met_by(denied)
            if met is not None and self._judge_set(met) is False:
                return False
        return self._judge_set(asked)

    def _judge_set(self, uris: UriSet) -> bool | None:
        return self.judge(uris.typical(self._longest + 1))


class RuleSet:
    """Rules, compiled once for each kind of principal that they tell apart."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises InvalidRule."""
        self._rules = tuple(rules)
        check_rules(self._rules)
        self._roles = frozenset(role for rule in self._rules for role in rule.roles)
        self._authids = frozenset(authid for rule in self._rules for authid in rule.authids)
        self._compiled: dict[tuple[str | None, str | None], dict[Action, ActionRules]] = {}

    def for_principal(self, principal: Principal) -> dict[Action, ActionRules]:
        """What this principal may do. Kept by named roles and authids only, so strangers cost no memory."""
        authrole = principal.authrole if principal.authrole in self._roles else None
        authid = principal.authid if principal.authid in self._authids else None
        compiled = self._compiled.get((authrole, authid))
        if compiled is None:
            compiled = {action: self._compile(action, authrole, authid) for action in ACTIONS}
            self._compiled[authrole, authid] = compiled
        return compiled

    def _compile(self, action: Action, authrole: str | None, authid: str | None) -> ActionRules:
        verdicts: dict[tuple[Match, str], bool] = {}
        for rule in self._rules:
            if rule.is_for(authrole, authid) and action in rule.allow | rule.deny:
                pattern = rule.match, rule.uri
                verdicts[pattern] = action in rule.allow and verdicts.get(pattern, True)
        return ActionRules(verdicts)
