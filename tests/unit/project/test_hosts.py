"""Tests of two hosts: where they cannot be had, what to type is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hosts import Hosts, NoHosts


def test_who_is_not_root_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NoHosts, match=r"need root.*--deselect tests/integration/test_hosts\.py"):
        Hosts()


def test_without_ip_and_apt_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoHosts, match="apt-get install -y --no-install-recommends iproute2"):
        Hosts()


def test_a_container_without_the_capability_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ip"
    program.write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoHosts, match="Operation not permitted; a container needs NET_ADMIN"), Hosts():
        pass
