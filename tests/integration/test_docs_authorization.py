"""The programs of docs/authorization.md print what stands behind them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "authorization.md"
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def test_every_program_says_what_it_prints() -> None:
    assert len(PROGRAMS) == PAGE.read_text().count("```python") == 3


@pytest.mark.parametrize(("program", "output"), PROGRAMS, ids=["rules", "function", "procedure"])
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.stdout, done.stderr) == (output, "")
