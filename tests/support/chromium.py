"""The browser that tests drive: Chromium of this machine.

Run as a program (`make browser`) it sees to it that there is one: what $CHROMIUM names, what is on the PATH, else
installed with apt where that is possible. A test that needs it fails when it is missing; it never skips.
"""

from __future__ import annotations

import os
import shutil
import sys

from support.debian import install, install_line

NAMES = ("chromium", "chromium-browser", "google-chrome")
# DejaVu: a slim system has no font at all, and a page without glyphs measures wrong.
PACKAGES = ("chromium", "fonts-dejavu-core")
INSTALL = install_line(*PACKAGES)


class NoChromium(Exception):
    """There is none; the text is the one line to type."""


def find() -> str:
    """The program's path: $CHROMIUM, else the first of NAMES on the PATH. Raises NoChromium."""
    named = os.environ.get("CHROMIUM")
    if named:
        path = shutil.which(named)
        if path is None:
            raise NoChromium(f"CHROMIUM={named} is not a program: correct it, or unset it")
        return path
    for name in NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    raise NoChromium(f"no Chromium here; as root: {INSTALL}    or name one: CHROMIUM=/path/to/chromium make test")


def find_or_install() -> str:
    """As `find`, after installing one with apt where this is possible. Raises NoChromium."""
    try:
        return find()
    except NoChromium:
        if os.environ.get("CHROMIUM"):
            raise
    install("Chromium", *PACKAGES)
    return find()


def main() -> int:
    """Prints the path, or on stderr what to type."""
    try:
        print(f"browser tests use {find_or_install()}")
    except NoChromium as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
