"""The commands on docs/permissions.md print what the page says, one after the other, and its changes are changes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from fairlead_authz.changes import decode_changes
from fairlead_server.main import SUBCOMMANDS
from support.docs import DOCS, fenced
from support.serving import Serving

PAGE = DOCS / "permissions.md"
PAGES = ("permissions.md", "logs.md", "records.md", "dispatch.md", "outbox.md")
NO = 1


@pytest.mark.limit_s(90)  # some thirty processes
async def test_commands_of_the_page_print_what_it_says(tmp_path: Path) -> None:
    [session] = fenced(PAGE, "console")
    commands = [part.split("\n", 1) for part in re.split(r"(?m)^\$ fairlead ", session)[1:]]
    assert len(commands) > 10
    async with Serving(tmp_path) as server:
        for command, printed in commands:
            done = await server.fairlead(*shlex.split(command))
            assert (command, done.stdout.decode(), done.stderr) == (command, printed, "")
            assert done.status == (NO if printed.startswith("no") else 0)


def test_every_change_on_the_page_is_one() -> None:
    changes = [json.loads(text) for text in re.findall(r'`(\{"op".*?\})`', PAGE.read_text(encoding="utf-8"))]
    assert len(changes) > 8
    decode_changes(changes)


def test_every_command_is_on_a_page_of_its_subject() -> None:
    pages = "".join((DOCS / name).read_text(encoding="utf-8") for name in PAGES)
    shown = set(re.findall(r"(?m)(?:^    |`)fairlead (\w+)[ `]", pages))
    assert set(SUBCOMMANDS) - shown == {"demo"}
