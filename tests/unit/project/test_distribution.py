"""What is installed: one wheel with all packages, the plugin for Twisted, and the page where it is built."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.project import PACKAGE_DIRECTORIES, PACKAGES, ROOT

FILES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore")
PLUGIN = "twisted/plugins/fairlead_plugin.py"
PAGE = "fairlead_server/web/index.html"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the build reads; the page is not built in it."""
    copy = tmp_path / "checkout"
    for directory in PACKAGE_DIRECTORIES:
        shutil.copytree(ROOT / directory, copy / directory, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "router" / "twisted", copy / "router" / "twisted")
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


def build(checkout: Path, kind: str) -> Path:
    """Builds a wheel, an editable wheel or an sdist; offline, as the build backend is installed."""
    code = f"import hatchling.build, sys; print(hatchling.build.build_{kind}(sys.argv[1]))"
    target = checkout.parent / "built"
    target.mkdir()
    command = [sys.executable, "-c", code, str(target)]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return target / run.stdout.strip().splitlines()[-1]


def names_in(archive: Path) -> list[str]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.namelist()
    with tarfile.open(archive) as sdist:
        return sdist.getnames()


def build_page(checkout: Path) -> None:
    page = checkout / "web" / "dist" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!doctype html>")


def test_wheel_holds_every_package_with_its_types(checkout: Path) -> None:
    names = names_in(build(checkout, "wheel"))
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    assert {name.split("/")[0] for name in names} == {*PACKAGES, "twisted", "fairlead-0.1.0.dist-info"}
    assert "fairlead-0.1.0.dist-info/licenses/LICENSE" in names


def test_wheel_holds_the_plugin_that_twisted_looks_for_and_nothing_else_under_its_name(checkout: Path) -> None:
    names = names_in(build(checkout, "wheel"))
    assert [name for name in names if name.startswith("twisted/")] == [PLUGIN]


def test_editable_install_has_no_copy_of_the_plugin(checkout: Path) -> None:
    assert PLUGIN not in names_in(build(checkout, "editable"))


def test_wheel_is_built_where_the_page_is_not(checkout: Path) -> None:
    assert PAGE not in names_in(build(checkout, "wheel"))


def test_wheel_holds_the_page_where_it_is_built(checkout: Path) -> None:
    build_page(checkout)
    assert PAGE in names_in(build(checkout, "wheel"))


def test_editable_install_has_no_copy_of_the_page(checkout: Path) -> None:
    build_page(checkout)
    assert PAGE not in names_in(build(checkout, "editable"))


def test_sdist_holds_the_page_that_git_ignores(checkout: Path) -> None:
    build_page(checkout)
    names = names_in(build(checkout, "sdist"))
    assert "fairlead-0.1.0/web/dist/index.html" in names
    assert "fairlead-0.1.0/hatch_build.py" in names


def test_editable_install_puts_every_source_root_on_the_path(checkout: Path) -> None:
    with zipfile.ZipFile(build(checkout, "editable")) as wheel:
        paths = wheel.read("_fairlead.pth").decode().split()
    assert sorted(paths) == sorted(str((checkout / directory).parent) for directory in PACKAGE_DIRECTORIES)
