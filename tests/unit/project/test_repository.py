"""What the checkout holds, and what it must not."""

from __future__ import annotations

import re
import subprocess

import pytest

from support.project import PACKAGE_DIRECTORIES, ROOT, tracked_files

# Where packages come from is the machine's business: a mirror, a wheel directory or a proxy must keep working.
# Written in two halves, so that this file does not name one either.
REGISTRIES = [
    name.replace(" ", "").encode()
    for name in ("pypi .org", "python hosted.org", "npm js.org", "npm js.com", "yarn pkg.com", "proxy .golang.org")
]
# A module longer than this is two modules; 400 is what we aim at.
MODULE_LINES = 700


def test_no_file_names_a_package_registry() -> None:
    naming = [
        f"{path.relative_to(ROOT)}: {registry.decode()}"
        for path in tracked_files()
        for registry in REGISTRIES
        if registry in path.read_bytes()
    ]
    assert naming == []


def test_constraints_pin_exact_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)]
    assert odd == []


def test_no_module_has_grown_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for directory in PACKAGE_DIRECTORIES
        for path in (ROOT / directory).rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_bare_make_lists_the_commands() -> None:
    listing = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in ("demo", "test", "check", "bench", "clean"):
        assert f"make {command} " in listing


@pytest.mark.parametrize("name", [".ci/run", ".ci/make-venv"])
def test_scripts_can_be_run(name: str) -> None:
    assert (ROOT / name).stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_checkout_has(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()
