"""The whole file, and the options of `fairlead serve` that override it.

Opening the server to other machines needs a file: a slip on a command line must not do it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from fairlead_server.address import Address, parse_listen
from fairlead_server.config.auth import MainAuthTable, check_auth
from fairlead_server.config.limits import LimitsTable, check_limits
from fairlead_server.config.lines import line_of
from fairlead_server.config.listeners import ListenerTable, check_listener, check_proxies
from fairlead_server.config.logs import LogsTable, check_logs
from fairlead_server.config.options import OptionsTable, check_options
from fairlead_server.config.permissions import PermissionsTable, check_permissions
from fairlead_server.config.realms import RealmTable, check_realms
from fairlead_server.config.records import RecordsTable, check_records
from fairlead_server.config.rules import RuleTable, check_rule
from fairlead_server.config.values import check_host, check_path, check_realm_name, check_url, naming, origin_of
from fairlead_server.config.wording import describe
from fairlead_server.datadir import DEFAULT_PATH
from fairlead_server.errors import ConfigError

REMOTE_RULE = (
    "is not a loopback address: who opens the server to other machines says so in a configuration file "
    "(listen = ... there, given with --config)"
)


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
    options: OptionsTable = OptionsTable()
    permissions: PermissionsTable = PermissionsTable()
    logs: LogsTable = LogsTable()
    records: RecordsTable = RecordsTable()
    rules: tuple[RuleTable, ...] = ()
    auth: MainAuthTable = MainAuthTable()
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
    if config.open:
        _check_open(config, "--open" if is_open else f"{path}: open")
    return config


def read(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError naming the file, the line, the key and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        config = msgspec.convert(values, Config)
        _check(config)
    except msgspec.ValidationError as error:
        raise ConfigError(_located(path, text, describe(str(error), values, Config))) from None
    except ConfigError as error:
        raise ConfigError(_located(path, text, str(error))) from None
    return config


def _located(path: Path, text: str, error: str) -> str:
    """The error, which begins with a key, behind the file and the line."""
    place = re.match(r"(?:unknown key ')?([\w.\[\]]*)", error)
    line = None if place is None else line_of(text, place[1])
    return f"{path}: {error}" if line is None else f"{path}:{line}: {error}"


def _check(config: Config) -> None:
    """What the types cannot say."""
    parse_listen(config.listen, "listen")
    check_path("data", config.data)
    check_realm_name("realm", config.realm)
    if config.public_url is not None:
        check_url("public_url", config.public_url)
    for origin in config.origins:
        check_url("origins", origin)
    for host in config.hosts:
        check_host("hosts", host)
    check_proxies("trusted_proxies", config.trusted_proxies)
    for index, listener in enumerate(config.listeners):
        with naming(f"listeners[{index}]."):
            check_listener(listener)
    check_limits(config.limits)
    check_options("options", config.options)
    check_permissions(config.permissions)
    check_logs(config.logs)
    check_records(config.records)
    for index, rule in enumerate(config.rules):
        with naming(f"rules[{index}]."):
            check_rule(rule)
    lasting = (config.realm, *(realm.name for realm in config.realms if not realm.on_demand))
    check_auth(config.auth, lasting)
    check_realms(config.realms, config.realm, lasting)


def _check_open(config: Config, key: str) -> None:
    remote = None if config.address.is_loopback else config.listen
    remote = remote or next((each.endpoint for each in config.listeners if not each.is_local), None)
    if remote is not None:
        text = f"an open server lets everybody do everything, so it listens on loopback only, not on {remote!r}"
        raise ConfigError(f"{key}: {text}")
