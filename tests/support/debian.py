"""Programs that Debian has and PyPI has not: found, else installed with apt where that is possible.

A test that needs one fails when it cannot be had, with the line to type; it never skips. Run as a program (`make
programs`) it sees to those that `make test` needs, before two processes of tests could ask apt at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NEEDED = {"cc": ("gcc", "libc6-dev"), "journalctl": ("systemd",)}
"""By name, the packages that bring it."""


class NoProgram(Exception):
    """It is not here; the text is what to type."""


def install_line(*packages: str) -> str:
    """What root types to have them."""
    return f"apt-get install -y --no-install-recommends {' '.join(packages)}"


def install(what: str, *packages: str) -> None:
    """Install packages, as far as this is possible here; whoever needs them looks whether they have come."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    line = install_line(*packages)
    print(f"no {what} here, installing it: {line}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ("apt-get update -qq", f"{line} -qq"):
        subprocess.run(command.split(), env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


def program(name: str, *packages: str) -> str:
    """The path of a program, after installing it where it is missing. Raises NoProgram."""
    packages = packages or NEEDED[name]
    if shutil.which(name) is None:
        install(name, *packages)
    path = shutil.which(name)
    if path is None:
        raise NoProgram(f"no `{name}` here; as root: {install_line(*packages)}")
    return path


def main() -> int:
    """Says on stderr what to type for what is missing."""
    try:
        for name in NEEDED:
            program(name)
    except NoProgram as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
