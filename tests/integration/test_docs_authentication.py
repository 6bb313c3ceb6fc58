"""The programs of docs/authentication.md print what stands behind them, and its configuration loads.

Autobahn logs to stderr.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairlead_server import config
from support.docs import DOCS, programs, run

PAGE = "authentication.md"


@pytest.mark.parametrize(("program", "output"), programs(PAGE), ids=["methods", "function", "on-demand", "scram-keys"])
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    printed, logged = run(program)
    assert printed == output, logged
    assert "Traceback" not in logged


def test_configuration_loads(tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", (DOCS / PAGE).read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    loaded = config.read(path)
    assert [realm.name for realm in loaded.realms] == ["org.example.sensors", "org.example.room."]
