"""The files in deploy/ fit the program: they cannot be run here, but what they say can be checked."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from fairlead_server import config
from fairlead_server.main import main
from fairlead_server.signals import STOP_LIMIT_S

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(DEPLOY / "fairlead.service")
    return parser["Service"]


def instructions() -> list[str]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_container_listens_where_its_port_is_published() -> None:
    loaded = config.load(DEPLOY / "container.toml")
    assert loaded.address == ("0.0.0.0", 8080)
    assert "EXPOSE 8080" in instructions()


def test_unit_and_image_start_the_server_with_options_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    command = unit()["ExecStart"]
    assert " serve " in command
    assert set(re.findall(r"--[a-z-]+", command)) <= known
    assert 'CMD ["serve", "--config", "/etc/fairlead/fairlead.toml"]' in instructions()


def test_the_unit_waits_for_an_orderly_end() -> None:
    assert float(unit()["TimeoutStopSec"].removesuffix("s")) > STOP_LIMIT_S


def test_the_unit_gives_little_away() -> None:
    settings = unit()
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert settings[name] == "yes"
    assert settings["ProtectSystem"] == "strict"
    assert settings["StateDirectoryMode"] == "0700"


def test_the_image_copies_what_is_there_and_names_no_registry() -> None:
    for line in instructions():
        word, *rest = line.split()
        if word == "FROM":
            assert "/" not in rest[0]
        if word == "COPY" and not rest[0].startswith("--"):
            assert (ROOT / rest[0]).exists()
    assert (ROOT / "constraints.txt").is_file()


def test_the_image_does_not_run_as_root() -> None:
    assert "USER fairlead" in instructions()


def test_the_unit_reloads_by_the_signal_that_does_it() -> None:
    assert unit()["ExecReload"] == "/bin/kill -HUP $MAINPID"
