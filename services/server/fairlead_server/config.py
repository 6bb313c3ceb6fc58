"""The configuration of a server: one TOML file, checked into Structs, overridden by options of `fairlead serve`.

Every key has a default that is safe, so an empty file and no file serve the same: loopback only, nothing for
strangers. `deploy/fairlead.toml` shows all keys with comments; a test loads it. An error names the file, the key and
what is allowed.

Opening the server to other machines needs a file: a slip on a command line must not do it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from fairlead_authz import UriRule
from fairlead_router import Limits
from fairlead_router.authorizers.rules import Rule as Permission
from fairlead_server.address import Address, parse_listen
from fairlead_server.config_listeners import ListenerTable, TlsTable, check_listener, check_proxies
from fairlead_server.config_realms import AuthTable, RealmTable, tables_of
from fairlead_server.datadir import DEFAULT_PATH
from fairlead_server.errors import ConfigError
from fairlead_server.realm_methods import check_methods
from fairlead_server.realm_rights import check_rights

OBJECT_COMPONENT = "{object}"

REMOTE_RULE = (
    "is not a loopback address: who opens the server to other machines says so in a configuration file "
    "(listen = ... there, given with --config)"
)


class LimitsTable(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: any of the router's limits by name."""


class Rule(UriRule, frozen=True, forbid_unknown_fields=True):
    """`[[rules]]`: which level on the object each action needs on the URIs of this form; none given, none allowed."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that can be set. Names are those in the file."""

    listen: str = "127.0.0.1:8080"
    data: str = str(DEFAULT_PATH)
    realm: str = "realm1"
    open: bool = False
    public_url: str | None = None
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    listeners: tuple[ListenerTable, ...] = ()
    metrics: bool | None = None
    limits: LimitsTable = LimitsTable()
    rules: tuple[Rule, ...] = ()
    auth: AuthTable = AuthTable()
    realms: tuple[RealmTable, ...] = ()

    @property
    def address(self) -> Address:
        """`listen`, parsed."""
        return parse_listen(self.listen, "listen")

    @property
    def sets_cookies(self) -> bool:
        """Whether browsers get a cookie on every endpoint: a realm knows them again by it."""
        return any(realm.cookies for realm in self.realms)

    @property
    def shows_metrics(self) -> bool:
        """Whether /metrics is served: if not said otherwise, only where nobody but this machine can reach it."""
        if self.metrics is not None:
            return self.metrics
        is_reached = self.public_url is not None or self.hosts or self.trusted_proxies or self.listeners
        return self.address.is_loopback and not is_reached

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The configured origins and that of the public URL."""
        own = () if self.public_url is None else (origin_of(self.public_url),)
        return tuple(dict.fromkeys((*self.origins, *own)))

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The configured hosts and that of the public URL, without ports."""
        own = () if self.public_url is None else (urlsplit(self.public_url).hostname or "",)
        return tuple(dict.fromkeys((*(host.lower() for host in self.hosts), *own)))


def load(path: Path | None, *, listen: str | None = None, data: Path | None = None, is_open: bool = False) -> Config:
    """The configuration of the file (if any) with the options of the command line over it. Raises ConfigError."""
    config = Config() if path is None else read(path)
    if listen is not None:
        wanted = parse_listen(listen, "--listen")
        if not wanted.is_loopback and config.address.is_loopback:
            raise ConfigError(f"--listen {listen!r} {REMOTE_RULE}")
        config = msgspec.structs.replace(config, listen=listen)
    if data is not None:
        config = msgspec.structs.replace(config, data=str(data))
    if is_open:
        config = msgspec.structs.replace(config, open=True)
    remote = None if config.address.is_loopback else config.listen
    remote = remote or next((each.endpoint for each in config.listeners if not each.is_local), None)
    if config.open and remote is not None:
        text = f"an open server lets everybody do everything, so it listens on loopback only, not on {remote!r}"
        raise ConfigError(f"--open: {text}" if is_open else f"{path}: open: {text}")
    return config


def read(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError naming the file, the key and what is allowed."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_describe(str(error), values)}") from None
    try:
        _check(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return config


def origin_of(url: str) -> str:
    """What a browser sends as Origin from pages of this URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


# ---------------------------------------------------------------- what the types cannot say


def _check(config: Config) -> None:
    parse_listen(config.listen, "listen")
    _check_realm_name("realm", config.realm)
    if config.public_url is not None:
        _check_url("public_url", config.public_url)
    for origin in config.origins:
        _check_url("origins", origin)
    for host in config.hosts:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
            raise ConfigError(f"hosts: {host!r} must be a host name without a port, like fairlead.example.org")
    check_proxies("trusted_proxies", config.trusted_proxies)
    for listener in config.listeners:
        check_listener(listener)
    for name in LimitsTable.__struct_fields__:
        value = getattr(config.limits, name)
        if value is not None and value <= 0:
            raise ConfigError(f"limits.{name}: {value} must be greater than 0")
    for rule in config.rules:
        _check_rule(rule)
    _check_auth(config)
    _check_realms(config)


def _check_realm_name(key: str, name: str) -> None:
    if not re.fullmatch(r"[^\s.#]+(\.[^\s.#]+)*", name):
        raise ConfigError(f"{key}: {name!r} must be a WAMP URI: components without space or '#', between dots")


def _check_auth(config: Config) -> None:
    try:
        check_methods(config.auth, taken=("ticket", "anonymous"))
    except ConfigError as error:
        raise ConfigError(f"auth.{error}") from None
    _check_authenticator_realm("auth", config, config.auth)


def _check_realms(config: Config) -> None:
    names = [config.realm]
    for table in config.realms:
        if table.on_demand and not table.name.endswith("."):
            text = "with on_demand the name is how the realms' names begin, with a dot at its end"
            raise ConfigError(f"realms.name: {table.name!r}: {text}")
        _check_realm_name("realms.name", table.name.removesuffix(".") if table.on_demand else table.name)
        if table.name in names:
            raise ConfigError(f"realms.name: {table.name!r} is there twice")
        names.append(table.name)
        try:
            check_methods(table)
            check_rights(table)
        except ConfigError as error:
            raise ConfigError(f"realms.{error}") from None
        if not (table.users or table.users_file or table.authenticator or table.anonymous_role):
            text = "nobody could join: give users, users_file, authenticator or anonymous_role"
            raise ConfigError(f"realms: {table.name!r}: {text}")
        _check_authenticator_realm("realms", config, table)


def _check_authenticator_realm(key: str, config: Config, table: AuthTable) -> None:
    names = [config.realm, *(each.name for each in config.realms if not each.on_demand)]
    if table.authenticator_realm is not None and table.authenticator_realm not in names:
        text = f"{table.authenticator_realm!r} is none of the realms that are always there: {', '.join(names)}"
        raise ConfigError(f"{key}.authenticator_realm: {text}")


def _check_url(key: str, value: str) -> None:
    parts = urlsplit(value)
    try:
        is_good = parts.port is None or parts.port > 0
    except ValueError:
        is_good = False
    is_good = is_good and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
    if not is_good or parts.query or parts.fragment or parts.username:
        raise ConfigError(f"{key}: {value!r} must be http:// or https://, a host and nothing behind it")


def _check_rule(rule: Rule) -> None:
    components = rule.uri.split(".")
    others = [component for component in components if component != OBJECT_COMPONENT]
    if len(others) != len(components) - 1 or not all(re.fullmatch(r"[^\s.#{]+", other) for other in others):
        raise ConfigError(f"rules.uri: {rule.uri!r} must be a WAMP URI with {OBJECT_COMPONENT} as just one component")
    if components[0] in ("wamp", "fairlead"):
        raise ConfigError(f"rules.uri: {rule.uri!r} must not be under 'wamp.' or 'fairlead.', whose rules are built in")


# ---------------------------------------------------------------- what msgspec says, in the words of the file

TABLES: dict[str, type[msgspec.Struct]] = {
    "": Config,
    "limits": LimitsTable,
    **tables_of("auth", AuthTable),
    **tables_of("realms", RealmTable),
    "realms.permissions": Permission,
    "listeners": ListenerTable,
    "listeners.tls": TlsTable,
    "rules": Rule,
}


def _describe(text: str, values: dict[str, Any]) -> str:
    """The error of msgspec as "key: what is wrong": it names places as `$.limits` or `$.rules[...].call`."""
    found = re.fullmatch(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?", text, re.DOTALL)
    assert found is not None
    place = re.sub(r"\[[^\]]*\]", "", found["place"] or "")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", found["what"])
    if unknown is not None:
        key = f"{place}.{unknown[1]}" if place else unknown[1]
        return f"unknown key {key!r}; allowed are {', '.join(TABLES[place].__struct_fields__)}"
    what = found["what"].replace("`", "'")
    if what.startswith("Invalid enum value"):
        what = f"{what}; allowed are {', '.join(_allowed_values(place))}"
    given = values.get(place) if place in values and not isinstance(values[place], (dict, list)) else None
    return f"{place or 'the file'}: {what}" + (f" ({given!r})" if given is not None else "")


def _allowed_values(place: str) -> tuple[str, ...]:
    """Of a key whose values are names."""
    table, _, key = place.rpartition(".")
    return _literals(get_type_hints(TABLES[table])[key])


def _literals(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(name for part in get_args(hint) for name in _literals(part))
