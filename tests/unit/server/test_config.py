"""The configuration: what is accepted, and what an error says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairlead_server import config
from fairlead_server.errors import ConfigError

DEPLOY = Path(__file__).parents[3] / "deploy"


def write(directory: Path, text: str) -> Path:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_file_loads_and_says_the_defaults() -> None:
    assert config.read(DEPLOY / "fairlead.toml") == config.Config()


def test_the_example_file_names_every_key() -> None:
    text = (DEPLOY / "fairlead.toml").read_text(encoding="utf-8")
    for key in (*config.Config.__struct_fields__, *config.Rule.__struct_fields__):
        assert key in text


def test_the_commented_examples_of_the_file_load_too(tmp_path: Path) -> None:
    text = (DEPLOY / "fairlead.toml").read_text(encoding="utf-8")
    examples = [line.removeprefix("# ") for line in text.splitlines() if re.match(r"# (\[\[|[a-z_]+ = )", line)]
    loaded = config.read(write(tmp_path, "\n".join(examples)))
    assert [rule.uri for rule in loaded.rules] == ["org.example.job.{object}.state", "org.example.job.{object}.cancel"]
    assert loaded.allowed_origins == ("https://fairlead.example.org",)
    assert loaded.allowed_hosts == ("fairlead.example.org",)


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
        ("hosts = ['http://a']", "hosts: 'http://a' must be a host name"),
        ("hosts = ['a:80']", "hosts: 'a:80' must be a host name without a port"),
        ("[limits]\noutbox_bytes = 0", "limits.outbox_bytes: 0 must be greater than 0"),
        ("[limits]\noutbox_bytes = '1'", "limits.outbox_bytes: Expected 'int', got 'str'"),
        ("[[rules]]\nuri = 'a.b'", "rules.uri: 'a.b' must be a WAMP URI with {object} as just one component"),
        ("[[rules]]\nuri = 'fairlead.{object}'", "must not be under 'wamp.' or 'fairlead.'"),
        ("[[rules]]\nsubscribe = 'read'", "rules: Object missing required field 'uri'"),
        ("[[rules]]\nuri='a.{object}'\ncall='own'", "rules.call: Invalid enum value 'own'"),
        ("listen = ", "not TOML"),
    ],
)
def test_an_error_names_file_and_key_and_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
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
