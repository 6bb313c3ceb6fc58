"""The command line: its table, its help, and what becomes of errors."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from fairlead_server import VERSION
from fairlead_server.main import SUBCOMMANDS, Subcommand, load, main

# What a start must not pay for: each costs more than the whole command line.
HEAVY = ("rich", "twisted", "autobahn", "aiohttp", "sqlalchemy", "fairlead_router", "fairlead_authz", "uvloop")


def ended_with(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def loaded_by(*arguments: str) -> set[str]:
    """The top-level packages that a command line has imported when it ends."""
    code = f"""
import sys
from fairlead_server.main import main
try:
    main({list(arguments)!r})
except SystemExit:
    pass
print(*{{name.partition(".")[0] for name in sys.modules}}, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_version_is_the_distribution_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert version("fairlead") == VERSION
    assert ended_with("--version") == 0
    assert capsys.readouterr().out == f"fairlead {VERSION}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_every_subcommand_with_a_line(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_with(*arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, subcommand in SUBCOMMANDS.items():
        assert any(line.split() == [name, *subcommand.summary.split()] for line in lines)


def test_help_and_version_import_nothing_heavy() -> None:
    assert not loaded_by("--help") & set(HEAVY)
    assert not loaded_by("--version") & set(HEAVY)


def test_a_client_command_does_not_import_the_server() -> None:
    server = {"fairlead_router", "fairlead_authz", "fairlead_logstream", "sqlalchemy", "aiohttp", "twisted", "rich"}
    for name in ("logs", "run", "grant", "token"):
        assert not loaded_by(name, "--help") & server


def test_the_server_imports_no_client() -> None:
    assert not loaded_by("serve", "--help") & {"fairlead_client", "autobahn", "twisted", "rich"}


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_target_of_the_table_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect.getdoc(load(SUBCOMMANDS[name].target))
    assert ended_with(name, "--help") == 0
    assert f"fairlead {name}" in capsys.readouterr().out


def test_an_unknown_subcommand_is_an_error_of_usage_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with("lags") == 2
    assert "Did you mean 'logs'?" in capsys.readouterr().err


def test_an_unknown_option_is_an_error_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with("serve", "--prot", "1") == 2
    assert "--prot" in capsys.readouterr().err


def test_a_mistake_of_the_user_is_one_line_and_status_125(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with("serve", "--listen", "nonsense") == 125
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("fairlead: --listen: 'nonsense' must be HOST:PORT")
    assert said.err.count("\n") == 1


def test_a_bug_shows_its_traceback_and_asks_for_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_subcommand.py").write_text("def run() -> None:\n    raise KeyError('oops')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(SUBCOMMANDS, "broken", Subcommand("broken_subcommand:run", "Fails."))
    assert ended_with("broken") == 125
    said = capsys.readouterr().err
    assert "KeyError: 'oops'" in said
    assert said.splitlines()[-1] == "fairlead: this is a bug in Fairlead: please report it with the lines above"
