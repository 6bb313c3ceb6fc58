"""docs/outbox.md has the options that the commands have, and the keys of a mapping file."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from fairlead_server.commands.outbox import application
from fairlead_server.outbox.mapping import Mapping

TEXT = (Path(__file__).parents[4] / "docs" / "outbox.md").read_text(encoding="utf-8")
ELSEWHERE = {"--where", "--url", "--token-file"}
"""Of `fairlead watch`, and those that all commands have."""


def options() -> set[str]:
    group = typer.main.get_command(application)
    commands = getattr(group, "commands").values()  # noqa: B009 - typer has classes of click of its own
    return {option for command in commands for parameter in command.params for option in parameter.opts}


def test_the_page_has_each_option_and_no_other() -> None:
    assert set(re.findall(r"--[a-z][a-z-]*", TEXT)) - ELSEWHERE == options() - ELSEWHERE


def test_the_page_has_an_option_for_each_key_of_a_mapping() -> None:
    for key in Mapping.__struct_fields__:
        assert f"--{key.replace('_', '-')}" in TEXT
