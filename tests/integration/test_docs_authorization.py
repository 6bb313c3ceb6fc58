"""The programs of docs/authorization.md print what stands behind them, and its configuration is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairlead_server import config
from support.docs import DOCS, programs, run


@pytest.mark.parametrize(("program", "output"), programs("authorization.md"), ids=["rules", "function", "procedure"])
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    assert run(program) == (output, "")


def test_configuration_is_one(tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", (DOCS / "authorization.md").read_text(), flags=re.DOTALL)
    path = tmp_path / "fairlead.toml"
    path.write_text(text)
    [realm] = config.load(path).realms
    assert (realm.authorizer, len(realm.permissions)) == ("org.example.authorize", 3)
