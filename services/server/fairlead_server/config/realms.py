"""`[[realms]]`: realms beside the main one, with users, permissions and options of their own, and no objects."""

from __future__ import annotations

from fairlead_router.authorizers.rules import InvalidRule, Rule, check_rules
from fairlead_router.uris import matches
from fairlead_server.config.auth import AuthTable, check_joining
from fairlead_server.config.options import OptionsTable, check_options
from fairlead_server.config.values import check_procedure, check_realm_name, naming
from fairlead_server.errors import ConfigError


class RealmTable(AuthTable, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One realm; with `on_demand` every realm whose name begins like this, made when a client asks for it."""

    name: str
    on_demand: bool = False
    anonymous_role: str | None = None
    """None: nobody joins without a proof."""

    cookies: bool = False
    """Whether a browser need prove only once who it is."""

    permissions: tuple[Rule, ...] = ()
    authorizer: str | None = None
    """A procedure of this realm that judges what the permissions neither allow nor deny."""

    options: OptionsTable = OptionsTable()

    @property
    def guest_role(self) -> str | None:
        """`anonymous_role`."""
        return self.anonymous_role


def check_realms(realms: tuple[RealmTable, ...], main: str, lasting: tuple[str, ...]) -> None:
    """Raises ConfigError. `lasting` are the realms that are always there, `main` among them."""
    names = [main]
    for index, realm in enumerate(realms):
        with naming(f"realms[{index}]."):
            _check_name(realm, names)
            check_joining(realm, lasting)
            _check_permissions(realm)
            if realm.authorizer is not None:
                _check_authorizer(realm, realm.authorizer)
            check_options("options", realm.options)
            if not (realm.users or realm.users_file or realm.authenticator or realm.anonymous_role):
                text = "nobody could join: give users, users_file, authenticator or anonymous_role"
                raise ConfigError(f"name: {realm.name!r}: {text}")
        names.append(realm.name)


def _check_name(realm: RealmTable, others: list[str]) -> None:
    name = realm.name
    if realm.on_demand and not name.endswith("."):
        text = "with on_demand the name is how the realms' names begin, with a dot at its end"
        raise ConfigError(f"name: {name!r}: {text}")
    check_realm_name("name", name.removesuffix(".") if realm.on_demand else name)
    if name in others:
        raise ConfigError(f"name: {name!r} is there twice")


def _check_permissions(realm: RealmTable) -> None:
    try:
        check_rules(realm.permissions)
    except InvalidRule as error:
        raise ConfigError(f"permissions[{error.index}].{error.key}: {error.text}") from None


def _check_authorizer(realm: RealmTable, procedure: str) -> None:
    check_procedure("authorizer", procedure)
    if not any("register" in rule.allow and matches(rule.uri, rule.match, procedure) for rule in realm.permissions):
        text = f"no permission of {realm.name!r} allows anybody to register {procedure!r}"
        raise ConfigError(f"authorizer: {text}")
