"""Programs of Debian: found, installed where that is possible, or it is said what to type; never skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support import debian


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the PATH, empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def write_program(path: Path, script: str = "") -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_what_is_there_is_found(programs: Path) -> None:
    compiler = write_program(programs / "cc")
    assert debian.program("cc") == str(compiler)


def test_what_is_missing_is_installed(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = programs / "journalctl"
    write_program(programs / "apt-get", f'case "$*" in install*systemd*) : > {wanted}; /bin/chmod 755 {wanted};; esac')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert debian.program("journalctl") == str(wanted)


@pytest.mark.usefixtures("programs")
def test_what_cannot_be_had_is_an_error_that_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert debian.main() == 1
    assert capsys.readouterr().err == f"make: no `cc` here; as root: {debian.install_line('gcc', 'libc6-dev')}\n"
