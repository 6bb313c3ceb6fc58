"""`[options]` and `[realms.options]`: whatever a realm can be told, each realm of a server can be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fairlead_router import HistoryRule, RealmOptions
from fairlead_router.pubsub.revocation import RevocationSignal
from fairlead_server import config
from fairlead_server.config.options import OptionsTable
from fairlead_server.errors import ConfigError
from support.places import without_numbers

DEPLOY = Path(__file__).parents[4] / "deploy" / "fairlead.toml"
REALM = "[[realms]]\nname = 'r2'\nanonymous_role = 'guest'\n"

# One that is not the default, as TOML and as the router has it.
OTHERS: dict[str, tuple[str, Any]] = {
    "revocation_signal": ("'close'", RevocationSignal.CLOSE),
    "disclosure": ("'always'", "always"),
    "slow_consumer": ("'drop'", "drop"),
    "call_timeout_s": ("30", 30.0),
    "call_timeout_max_s": ("3600.5", 3600.5),
    "event_history": (
        "[{ uri = 'com.', match = 'prefix', limit_events = 5 }, { uri = 'x' }]",
        (HistoryRule("com.", "prefix", limit_events=5), HistoryRule("x")),
    ),
}


def read(directory: Path, text: str) -> config.Config:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return config.read(path)


@pytest.mark.parametrize("name", RealmOptions.__struct_fields__)
def test_each_option_can_be_set_for_the_main_realm_and_for_others(tmp_path: Path, name: str) -> None:
    text, value = OTHERS[name]
    wanted = OptionsTable(**{name: value})
    assert wanted != OptionsTable()
    assert read(tmp_path, f"[options]\n{name} = {text}").options == wanted
    [realm] = read(tmp_path, f"{REALM}[realms.options]\n{name} = {text}").realms
    assert realm.options == wanted


@pytest.mark.parametrize("name", RealmOptions.__struct_fields__)
def test_each_option_is_in_the_example_file(name: str) -> None:
    assert re.search(rf"(?m)^(# )?({name} = |\[\[options\.{name}\]\])", DEPLOY.read_text(encoding="utf-8"))


def test_history_may_stand_in_tables_of_its_own(tmp_path: Path) -> None:
    text = f"[[options.event_history]]\nuri = 'a'\n{REALM}[[realms.options.event_history]]\nuri = 'b'\n"
    loaded = read(tmp_path, text)
    assert loaded.options.event_history == (HistoryRule("a"),)
    assert loaded.realms[0].options.event_history == (HistoryRule("b"),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("slow = 1", "unknown key 'options.slow'; allowed are revocation_signal, disclosure"),
        ("slow_consumer = 'wait'", "options.slow_consumer: Invalid enum value 'wait'; allowed are close, drop, reset"),
        (
            "revocation_signal = 'x'",
            "options.revocation_signal: Invalid enum value 'x'; allowed are auto, spec, event, silent, close",
        ),
        ("call_timeout_s = 0", "options.call_timeout_s: 0.0 must be greater than 0"),
        ("call_timeout_max_s = nan", "options.call_timeout_max_s: nan must be greater than 0"),
        (
            "call_timeout_s = 9\ncall_timeout_max_s = 8",
            "options.call_timeout_s: 9.0 must be at most call_timeout_max_s, which is 8.0",
        ),
        ("event_history = [{ uri = 'a b' }]", "options.event_history: URI 'a b' is not valid for match=exact"),
        ("event_history = [{ uri = 'a', limit_events = 0 }]", "options.event_history: 'a': limit_events 0 and"),
        ("event_history = [{ uri = 'a', max = 1 }]", "unknown key 'options.event_history.max'; allowed are uri, match"),
        ("event_history = [{ match = 'prefix' }]", "options.event_history: Object missing required field 'uri'"),
    ],
)
def test_mistake_is_named_with_file_key_value_and_rule(tmp_path: Path, options: str, message: str) -> None:
    file = tmp_path / "fairlead.toml"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[options]\n{options}")
    assert without_numbers(caught.value).startswith(f"{file}: {message}")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"{REALM}[realms.options]\n{options}")
    assert without_numbers(caught.value).startswith(f"{file}: {message.replace('options.', 'realms.options.')}")
