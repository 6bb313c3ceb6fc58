"""Where in the file a mistake stands: the line, the table of several, the key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fairlead_server import config
from fairlead_server.config.lines import line_of
from fairlead_server.errors import ConfigError

FILE = '''\
# a comment = with a key
listen = "127.0.0.1:0" # and one behind

text = """
[limits]
x = 1
"""
words = [ # a list of
  "[[rules]]",
  'uri = "x"',
]
quoted."two words" = """ends with quotes\\""""

[limits]
uri_length = 256
  "outbox_bytes" = 1

[[rules]]
uri = "a"

[[rules]]
uri = "b]"

subscribe = 'read'

[auth]
users_file = 'x'

[[auth.users]]
authid = "alice"

[auth.users.wampcra]
secret = "[[s]]"

[[auth.users]]
authid = "bob"
wampcra = { secret = "s", salt = "[" }

[auth.users.tls]
common_names = [
  "b",
]
[[realms]]
name = "r"
[[realms.users]]
authid = "carol"
[realms.options]
disclosure = "never"
[[realms]]
name = "s"
[[realms.users]]
authid = "dave"
'''


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("listen", 'listen = "127.0.0.1:0"'),
        ("text", "text ="),
        ("words", "words ="),
        ("quoted.two words", "quoted."),
        ("limits", "[limits]\nuri"),
        ("limits.uri_length", "uri_length"),
        ("limits.outbox_bytes", '  "outbox_bytes"'),
        ("limits.missing", "[limits]\nuri"),
        ("rules[0]", '[[rules]]\nuri = "a"'),
        ("rules[0].uri", 'uri = "a"'),
        ("rules[1].subscribe", "subscribe"),
        ("rules[1].missing", '[[rules]]\nuri = "b]"'),
        ("auth.users_file", "users_file"),
        ("auth.users[0].authid", 'authid = "alice"'),
        ("auth.users[0].wampcra.secret", 'secret = "[[s]]"'),
        ("auth.users[1].wampcra", "wampcra = {"),
        ("auth.users[1].wampcra.salt", "wampcra = {"),
        ("auth.users[1].tls.common_names", "common_names"),
        ("realms[0].users[0].authid", 'authid = "carol"'),
        ("realms[0].options.disclosure", "disclosure"),
        ("realms[1].users[0].authid", 'authid = "dave"'),
    ],
)
def test_a_place_has_the_line_in_which_its_statement_begins(place: str, text: str) -> None:
    assert tomllib.loads(FILE)
    assert line_of(FILE, place) == FILE[: FILE.index(text)].count("\n") + 1


@pytest.mark.parametrize("place", ["", "nowhere", "rules[2].uri", "auth.users.authid", "a.b.c"])
def test_what_is_not_there_has_no_line(place: str) -> None:
    assert line_of(FILE, place) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("\nlisten = 8080", ":2: listen: Expected 'str', got 'int' (8080)"),
        ("a = 1", ":1: unknown key 'a'; allowed are listen, data"),
        (
            "[[rules]]\nuri = 'a.{object}'\n[[rules]]\nuri = 'b.{object}'\nsubscribe = 'raed'",
            ":5: rules[1].subscribe: Invalid enum value 'raed'; allowed are manage, read, write",
        ),
        (
            "[[rules]]\nuri = 'a.{object}'\n[[rules]]\nuri = 'b.{object}'\nread = 'x'",
            ":5: unknown key 'rules[1].read'; allowed are uri, subscribe, publish, call, register",
        ),
        ("\n[[rules]]\nsubscribe = 'read'", ":2: rules[0]: Object missing required field 'uri'"),
        (
            "[[rules]]\nuri = 'a.{object}'\n[[rules]]\nuri = 'a.b'",
            ":4: rules[1].uri: 'a.b' must be a WAMP URI with {object} as just one component",
        ),
        (
            "[[rules]]\nuri = 'wamp.{object}'",
            ":2: rules[0].uri: 'wamp.{object}' must not be under 'wamp.' or 'fairlead.'",
        ),
        ("[permissions]\nroles_visible = 1", ":2: permissions.roles_visible: Expected 'bool', got 'int' (1)"),
        (
            "[[listeners]]\nendpoint = 'unix:///x'\n[[listeners]]\nendpoint = 'x'",
            ":4: listeners[1].endpoint: ",
        ),
        (
            "[[realms]]\nname = 'r'\nanonymous_role = 'x'\npermissions = [\n{ uri = 'a', roles = ['x'] } ]",
            ":4: realms[0].permissions[0].allow: the rule says nothing",
        ),
    ],
)
def test_an_error_names_file_line_key_and_what_is_allowed(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value).startswith(f"{path}{error}")
