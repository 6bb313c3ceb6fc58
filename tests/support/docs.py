"""The programs of a page of the documentation, and what the page says that they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def programs(page: str) -> list[tuple[str, str]]:
    """Each program and its output. Fails for a program without one."""
    text = (DOCS / page).read_text()
    found = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, flags=re.DOTALL)
    assert len(found) == text.count("```python")
    return found


def run(program: str) -> tuple[str, str]:
    """What the program writes to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout, done.stderr
