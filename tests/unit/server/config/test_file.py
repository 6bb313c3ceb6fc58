"""The configuration: what is accepted, and what an error says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairlead_server import config
from fairlead_server.config.listeners import TlsTable
from fairlead_server.config.wording import keys_of, tables_of
from fairlead_server.errors import ConfigError
from support.places import without_numbers

GUESTS = "[[realms]]\nname = 'x'\nanonymous_role = 'x'\n"
DEPLOY = Path(__file__).parents[4] / "deploy"


def write(directory: Path, text: str) -> Path:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_file_loads_and_says_the_defaults() -> None:
    assert config.read(DEPLOY / "fairlead.toml") == config.Config()


def test_the_example_file_names_every_key() -> None:
    text = (DEPLOY / "fairlead.toml").read_text(encoding="utf-8")
    for place, table in tables_of(config.Config).items():
        if place != "limits":
            assert [key for key in keys_of(table) if key not in text] == [], place


def test_the_commented_examples_of_the_file_load_too(tmp_path: Path) -> None:
    text = (DEPLOY / "fairlead.toml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^# (?=\[|[a-z_]+ = |  \{|\])", "", text)
    text = text.replace("/etc/fairlead/users.toml", str(tmp_path / "users"))
    (tmp_path / "users").write_text("[[users]]\nauthid = 'alice'\nwampcra = { secret = 's' }", encoding="utf-8")
    loaded = config.read(write(tmp_path, text))
    assert [rule.uri for rule in loaded.rules] == ["org.example.job.{object}.state", "org.example.job.{object}.cancel"]
    assert [listener.is_local for listener in loaded.listeners] == [True, False]
    assert loaded.listeners[1].tls == TlsTable(
        certificate="/etc/fairlead/server.pem",
        key="/etc/fairlead/server.key",
        client_ca="/etc/fairlead/clients.pem",
        client_certificate="optional",
    )
    assert loaded.allowed_origins == ("https://fairlead.example.org",)
    assert loaded.allowed_hosts == ("fairlead.example.org",)
    assert [realm.name for realm in loaded.realms] == ["org.example.sensors"]
    assert [user.authid for user in loaded.realms[0].users] == ["thermometer", "peter"]


def test_no_file_means_loopback_and_closed() -> None:
    loaded = config.load(None)
    assert loaded.address == ("127.0.0.1", 8080)
    assert not loaded.open


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("listne = 'x'", "unknown key 'listne'; allowed are listen, data, realm, open, public_url"),
        ("[limits]\nmessage = 1", "unknown key 'limits.message'; allowed are message_bytes, write_bytes"),
        ("[[rules]]\nuri='a.{object}'\nread='x'", "unknown key 'rules.read'; allowed are uri, subscribe, publish"),
        ("[rules]\nuri='a.{object}'", "rules: Expected 'array', got 'object': write the table as [[rules]]"),
        ("listen = 8080", "listen: Expected 'str', got 'int' (8080)"),
        ("listen = '8080'", "listen: '8080' must be HOST:PORT"),
        ("listen = '::1:8080'", "listen: '::1:8080' must be HOST:PORT"),
        ("listen = 'h:70000'", "listen: 'h:70000' must be HOST:PORT with a port from 0 to 65535"),
        ("open = 'yes'", "open: Expected 'bool', got 'str' ('yes')"),
        ("open = true\nlisten = '0.0.0.0:80'", "open: an open server lets everybody do everything"),
        ("realm = 'a b'", "realm: 'a b' must be a WAMP URI"),
        ("origins = ['*']", "origins: '*' must be http:// or https://"),
        ("origins = ['https://a/b']", "origins: 'https://a/b' must be http:// or https://"),
        ("public_url = 'https://a:x'", "public_url: 'https://a:x' must be"),
        ("public_url = 'http://[::1'", "public_url: 'http://[::1' must be"),
        ('origins = ["http://a\\n"]', "origins: 'http://a\\n' must be"),
        ("data = ''", "data: '' must be a path"),
        ('data = "a\\u0000"', "data: 'a\\x00' must be a path"),
        ('[auth]\nusers_file = "\\u0000"', "auth.users_file: cannot read '\\x00': embedded null byte"),
        ("listen = 2026-11-26", "listen: Expected 'str', got 'date'"),
        ("hosts = ['http://a']", "hosts: 'http://a' must be a host name"),
        ("hosts = ['a:80']", "hosts: 'a:80' must be a host name without a port"),
        ("[limits]\noutbox_bytes = 0", "limits.outbox_bytes: 0 must be greater than 0"),
        ("[limits]\noutbox_bytes = '1'", "limits.outbox_bytes: Expected 'int', got 'str'"),
        ("[[rules]]\nuri = 'a.b'", "rules.uri: 'a.b' must be a WAMP URI with {object} as just one component"),
        ("[[rules]]\nuri = 'fairlead.{object}'", "must not be under 'wamp.' or 'fairlead.'"),
        ("[[rules]]\nsubscribe = 'read'", "rules: Object missing required field 'uri'"),
        ("[[rules]]\nuri='a.{object}'\ncall='own'", "rules.call: Invalid enum value 'own'"),
        ("listen = ", "not TOML"),
        ("[auth]\nuser = 1", "unknown key 'auth.user'; allowed are users, users_file, authenticator"),
        ("[[auth.users]]\nname = 'x'", "unknown key 'auth.users.name'; allowed are authid, role, ticket"),
        ("[[auth.users]]\nrole = 'x'", "auth.users: Object missing required field 'authid'"),
        ("[[auth.users]]\nauthid = 'x'\nticket = 'y'", "auth.users.ticket: in the main realm a ticket is a token"),
        ("[auth]\nauthenticator = 'x'\nauthenticator_methods = ['ticket']", "in the main realm a ticket is a token"),
        ("[auth]\nauthenticator = 'x'", "auth.authenticator: goes with authenticator_methods"),
        ("[auth]\nauthenticator_realm = 'realm1'", "auth.authenticator_realm: says where the authenticator"),
        (
            "[auth]\nauthenticator = 'x'\nauthenticator_methods = ['wampcra']\nauthenticator_realm = 'r'",
            "auth.authenticator_realm: 'r' is none of the realms that are always there: realm1",
        ),
        ("[[realms]]\nanonymous_role = 'x'", "realms: Object missing required field 'name'"),
        ("[[realms]]\nname = 'x'", "realms.name: 'x': nobody could join: give users, users_file"),
        ("[[realms]]\nname = 'x y'\nanonymous_role = 'x'", "realms.name: 'x y' must be a WAMP URI"),
        ("[[realms]]\nname = 'realm1'\nanonymous_role = 'x'", "realms.name: 'realm1' is there twice"),
        ("[[realms]]\nname = 'x'\non_demand = true\nanonymous_role = 'x'", "realms.name: 'x': with on_demand the name"),
        ("[[realms]]\nname = 'x.'\nanonymous_role = 'x'", "realms.name: 'x.' must be a WAMP URI"),
        (
            "[[realms]]\nname = 'x'\nanonymous_role = 'service'",
            "realms.anonymous_role: 'service' must be a name, and",
        ),
        (
            GUESTS + "permissions = [{uri = 'a', roles = ['x'], permit = ['call']}]",
            "unknown key 'realms.permissions.permit'; allowed are uri, match",
        ),
        (
            GUESTS + "permissions = [{uri = 'a b', roles = ['x'], allow = ['call']}]",
            "realms.permissions.uri: URI 'a b' is not valid",
        ),
        (
            GUESTS + "permissions = [{uri = 'a', roles = ['*'], allow = ['call']}, {uri = 'a', roles = ['x']}]",
            "the rule says nothing; allow or deny some of subscribe, publish, call, register",
        ),
        (
            GUESTS + "permissions = [{uri = 'a', allow = ['call']}]",
            "realms.permissions.roles: the rule is for nobody",
        ),
        (
            GUESTS + "permissions = [{uri = 'a', roles = ['x'], allow = ['cal']}]",
            "realms.permissions.allow: Invalid enum value 'cal'; allowed are call, publish, register, subscribe",
        ),
        (
            GUESTS + "permissions = [{uri = 'a', match = 'suffix', roles = ['x'], allow = ['call']}]",
            "realms.permissions.match: Invalid enum value 'suffix'; allowed are exact, prefix, wildcard",
        ),
        (
            GUESTS + "permissions = [{uri = 'a', roles = 'x', allow = ['call']}]",
            "realms.permissions.roles: Expected 'array', got 'str'",
        ),
        (GUESTS + "authorizer = 'a b'", "realms.authorizer: URI 'a b' is not valid"),
        (GUESTS + "authorizer = 'wamp.authorize'", "realms.authorizer: 'wamp.authorize' must not be under 'wamp.'"),
        (
            GUESTS + "authorizer = 'a'\npermissions = [{uri = 'a', roles = ['x'], allow = ['call']}]",
            "allows anybody to register 'a'",
        ),
        (
            "[[realms]]\nname = 'x'\n[[realms.users]]\nauthid = 'y'\nwampcra = { password = 'z' }",
            "unknown key 'realms.users.wampcra.password'; allowed are secret, secret_file",
        ),
        ("trusted_proxies = ['proxy']", "trusted_proxies: 'proxy' does not appear to be an IPv4 or IPv6 network"),
        ("[[listeners]]\nunix_mode = '0600'", "listeners: Object missing required field 'endpoint'"),
        ("[[listeners]]\nendpoint = 'ws://h:1'", "listeners.endpoint: endpoint 'ws://h:1' must be tcp://HOST:PORT"),
        ("[[listeners]]\nendpoint = 'tls://h:1'", "listeners.tls: 'tls://h:1' needs a certificate"),
        (
            "[[listeners]]\nendpoint = 'tcp://h:1'\ntls = {certificate = 'x'}",
            "listeners.tls: 'tcp://h:1' does not speak TLS",
        ),
        (
            "[[listeners]]\nendpoint = 'tls://h:1'\ntls = {certificate = 'x', client_certificate = 'required'}",
            "listeners.tls.client_ca: client certificates need",
        ),
        (
            "[[listeners]]\nendpoint = 'tls://h:1'\ntls = {cert = 'x'}",
            "unknown key 'listeners.tls.cert'; allowed are certificate, key, client_ca",
        ),
        (
            "[[listeners]]\nendpoint = 'unix:///x'\nunix_mode = '9'",
            "listeners.unix_mode: '9' must be three octal digits",
        ),
        ("[[listeners]]\nendpoint = 'unix:///x'\ntrusted_proxies = ['x']", "listeners.trusted_proxies: 'x'"),
        ("open = true\n[[listeners]]\nendpoint = 'tcp://0.0.0.0:1'", "loopback only, not on 'tcp://0.0.0.0:1'"),
        ("open = true\n[[listeners]]\nendpoint = 'fd://3'", "loopback only, not on 'fd://3'"),
    ],
)
def test_an_error_names_file_and_key_and_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert without_numbers(caught.value).startswith(f"{path}: ")
    assert message in without_numbers(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration '/nowhere/x.toml': No such file"):
        config.load(Path("/nowhere/x.toml"))


def test_options_override_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "listen = '127.0.0.1:1'\ndata = 'a'\nrealm = 'r'")
    loaded = config.load(path, listen="[::1]:2", data=Path("b"), is_open=True)
    assert (loaded.address, loaded.data, loaded.realm, loaded.open) == (("::1", 2), "b", "r", True)
    assert str(loaded.address) == "[::1]:2"


def test_only_a_file_opens_the_server_to_other_machines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--listen '0.0.0.0:8080' is not a loopback address"):
        config.load(None, listen="0.0.0.0:8080")
    with pytest.raises(ConfigError, match="is not a loopback address"):
        config.load(write(tmp_path, "realm = 'r'"), listen="example.org:80")
    assert config.load(write(tmp_path, "listen = '0.0.0.0:1'")).address == ("0.0.0.0", 1)
    assert config.load(write(tmp_path, "listen = '0.0.0.0:1'"), listen="10.0.0.1:2").address == ("10.0.0.1", 2)


def test_an_open_server_is_never_reachable_from_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--open: an open server lets everybody do everything"):
        config.load(write(tmp_path, "listen = '0.0.0.0:1'"), is_open=True)
