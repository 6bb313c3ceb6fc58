"""What may be done in a realm of the configuration: whether its permissions and its authorizer make sense."""

from __future__ import annotations

from fairlead_router import Limits, RequestError
from fairlead_router.authorizers.rules import InvalidRule, check_rules
from fairlead_router.uris import check_uri, is_reserved, matches
from fairlead_server.config_realms import RealmTable
from fairlead_server.errors import ConfigError


def check_rights(table: RealmTable) -> None:
    """Raises ConfigError, which names the key, the permission and what is allowed."""
    try:
        check_rules(table.permissions)
    except InvalidRule as error:
        text = f"permission {error.index + 1} of {table.name!r}: {error.text}"
        raise ConfigError(f"permissions.{error.key}: {text}") from None
    if table.authorizer is not None:
        _check_authorizer(table, table.authorizer)


def check_procedure(key: str, procedure: str) -> None:
    """Raises ConfigError for a procedure that no program could register."""
    try:
        check_uri(procedure, "exact", Limits().uri_length)
    except RequestError as error:
        raise ConfigError(f"{key}: {error.text}") from None
    if is_reserved(procedure):
        raise ConfigError(f"{key}: {procedure!r} must not be under 'wamp.' or 'fairlead.': nobody could register it")


def _check_authorizer(table: RealmTable, procedure: str) -> None:
    check_procedure("authorizer", procedure)
    if not any("register" in rule.allow and matches(rule.uri, rule.match, procedure) for rule in table.permissions):
        text = f"no permission of {table.name!r} allows anybody to register {procedure!r}"
        raise ConfigError(f"authorizer: {text}")
