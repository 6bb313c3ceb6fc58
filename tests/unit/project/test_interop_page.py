"""docs/interop.md names every client that is run, in the version that is run."""

from __future__ import annotations

import json
import re
from importlib.metadata import version

import pytest

from support.peers import BUILT_ONES, PROGRAMS, QUICK, Kind
from support.project import ROOT

PAGE = (ROOT / "docs" / "interop.md").read_text(encoding="utf-8")
TABLE = [line for line in PAGE.splitlines() if line.startswith("|")][2:]
ROWS = {cells[0]: cells for line in TABLE if (cells := [cell.strip() for cell in line.strip("|").split("|")])}
KINDS = pytest.mark.parametrize("kind", [*QUICK, *BUILT_ONES], ids=lambda kind: kind.name)


def pinned(name: str) -> str:
    """The version that is installed for the tests."""
    if name.startswith("autobahn-") and name != "autobahn-js":
        return version("autobahn")
    if name == "nexus":
        return found(r"nexus/v3 v(\S+)", "nexus/go.mod")
    if name == "xconn":
        return found(r"^xconn==(\S+)", "xconn_python/constraints.txt")
    directory, package = ("autobahn_js", "autobahn") if name == "autobahn-js" else (name, name)
    lock = json.loads((PROGRAMS / directory / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def found(pattern: str, name: str) -> str:
    match = re.search(pattern, (PROGRAMS / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None
    return match[1]


@KINDS
def test_the_page_names_the_version_that_runs(kind: Kind) -> None:
    assert ROWS[kind.name][1] == pinned(kind.name)


@KINDS
def test_the_page_says_which_command_runs_it(kind: Kind) -> None:
    assert ROWS[kind.name][3] == ("`make test`" if kind in QUICK else "`make interop`")


@KINDS
def test_the_page_names_what_is_tried(kind: Kind) -> None:
    transports, methods = ROWS[kind.name][5:7]
    raw = {"tcp": "TCP", "tcps": "TLS", "unix": "Unix"}
    web = {"ws": "TCP", "wss": "TLS"}
    spoken = [f"WebSocket on {', '.join(web[each] for each in kind.schemes if each in web)}"]
    if rest := ", ".join(raw[each] for each in kind.schemes if each in raw):
        spoken.append(f"RawSocket on {rest}")
    assert re.sub(r" \(.*?\)", "", transports) == "; ".join(spoken)
    assert methods.split(", ") == ["anonymous", *kind.auth]


def test_the_page_names_no_client_that_is_not_run() -> None:
    assert ROWS.keys() == {kind.name for kind in (*QUICK, *BUILT_ONES)}
