"""The programs of a page of the documentation, and what the page says that they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
README = DOCS.parent / "README.md"


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of a language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def programs(page: Path) -> list[tuple[str, str]]:
    """Each program and its output. Fails for a program without one."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, flags=re.DOTALL)
    assert len(found) == text.count("```python"), f"{page.name} has a program without its output"
    return found


def run(program: str) -> tuple[str, str]:
    """What the program writes to stdout and stderr; a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout, done.stderr
