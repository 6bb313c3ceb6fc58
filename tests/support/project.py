"""Where the checkout is and what it is made of, for tests about the project itself."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# "router/fairlead_router" and so on, as the distribution names them.
PACKAGE_DIRECTORIES: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PACKAGES: list[str] = [Path(directory).name for directory in PACKAGE_DIRECTORIES]


def tracked_files() -> list[Path]:
    """What git holds, and what it would take with the next `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def modules(package: str) -> list[str]:
    """The dotted names of a package's modules, itself included."""
    directory = next(ROOT / each for each in PACKAGE_DIRECTORIES if Path(each).name == package)
    names = [path.relative_to(directory.parent).with_suffix("").parts for path in directory.rglob("*.py")]
    return sorted(".".join(parts).removesuffix(".__init__") for parts in names)
