"""`make browser`: finds Chromium, installs it where that is possible, or says what to type."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support import chromium


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the PATH, empty; nobody has named a browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return tmp_path


def write_program(path: Path, script: str = "") -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_named_browser_is_preferred(programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_program(programs / "chromium")
    mine = write_program(tmp_path / "mine")
    monkeypatch.setenv("CHROMIUM", str(mine))
    assert chromium.find() == str(mine)


def test_a_named_browser_that_is_not_there_is_an_error(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(programs / "chromium")
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(chromium.NoChromium, match=r"CHROMIUM=/nowhere/chromium is not a program"):
        chromium.find_or_install()


@pytest.mark.parametrize("name", chromium.NAMES)
def test_a_browser_on_the_path_is_found(programs: Path, name: str) -> None:
    program = write_program(programs / name)
    assert chromium.find() == str(program)


@pytest.mark.usefixtures("programs")
def test_without_apt_it_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert chromium.main() == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert chromium.INSTALL in output.err


def test_without_root_apt_is_not_tried(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = programs / "tried"
    write_program(programs / "apt-get", f": > {tried}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert chromium.main() == 1
    assert chromium.INSTALL in capsys.readouterr().err
    assert not tried.exists()


def test_with_apt_and_root_it_is_installed(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = programs / "chromium"
    write_program(programs / "apt-get", f'case "$1" in install) : > {browser}; /bin/chmod 755 {browser};; esac')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert chromium.main() == 0
    assert f"browser tests use {browser}" in capsys.readouterr().out
