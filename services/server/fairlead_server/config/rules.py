"""`[[rules]]`: an application's own topics and procedures in the main realm, and the objects that decide on them."""

from __future__ import annotations

import re

from fairlead_authz import UriRule
from fairlead_server.errors import ConfigError

OBJECT_COMPONENT = "{object}"


class RuleTable(UriRule, frozen=True, forbid_unknown_fields=True):
    """Which level on the object each action needs on the URIs of this form; none given, none allowed."""


def check_rule(rule: RuleTable) -> None:
    """Raises ConfigError."""
    components = rule.uri.split(".")
    others = [component for component in components if component != OBJECT_COMPONENT]
    if len(others) != len(components) - 1 or not all(re.fullmatch(r"[^\s.#{]+", other) for other in others):
        raise ConfigError(f"uri: {rule.uri!r} must be a WAMP URI with {OBJECT_COMPONENT} as just one component")
    if components[0] in ("wamp", "fairlead"):
        raise ConfigError(f"uri: {rule.uri!r} must not be under 'wamp.' or 'fairlead.', whose rules are built in")
