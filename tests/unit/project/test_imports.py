"""Who imports whom: the contracts cover every package, and importing a part loads no more than it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.project import PACKAGES, PYPROJECT, modules

CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]

POSTGRESQL = ["psycopg", "sqlalchemy.dialects.postgresql"]

# What must not be loaded by importing a module: start-up time, and Autobahn's frameworks exclude each other.
HEAVY = {
    "fairlead_router": ["twisted", "autobahn", "txaio", "sqlalchemy", "aiohttp", "typer", "rich"],
    "fairlead_store": ["twisted", "autobahn", "txaio", "aiohttp", "typer", "rich", "alembic", *POSTGRESQL],
    "fairlead_authz": ["twisted", "autobahn", "txaio", "aiohttp", "typer", "rich", "alembic", *POSTGRESQL],
    "fairlead_common": ["twisted", "autobahn", "txaio", "aiohttp", "typer", "rich", "alembic", *POSTGRESQL],
    "fairlead_logstream": ["twisted", "autobahn", "txaio", "aiohttp", "typer", "rich", "alembic", *POSTGRESQL],
    "fairlead_records": ["twisted", "autobahn", "txaio", "aiohttp", "typer", "rich", "alembic", *POSTGRESQL],
    "fairlead_client": ["twisted", "autobahn.twisted", "autobahn.asyncio", "sqlalchemy", "aiohttp", "typer", "rich"],
    "fairlead_server.serve": ["twisted", "autobahn", "txaio", "rich", "pydantic", "argon2", "alembic", *POSTGRESQL],
    "fairlead_server.main": ["twisted", "autobahn", "txaio", "sqlalchemy", "aiohttp", "picows"],
}

# The router's modules that know a loop, a socket or a framework; all others are its protocol core.
ROUTER_EDGE = {
    "fairlead_router",
    "fairlead_router.loop_host",
    "fairlead_router.member",
    "fairlead_router.router",
    "fairlead_router.transports",
    "fairlead_router.twist",
    "fairlead_router.twisted",
    "fairlead_router.uvloop_reactor",
}


def test_every_module_of_the_router_is_core_or_edge() -> None:
    contract = next(each for each in CONTRACTS if "protocol core" in each["name"])
    everything = {".".join(module.split(".")[:2]) for module in modules("fairlead_router")}
    assert sorted(everything - ROUTER_EDGE) == sorted(contract["source_modules"])


def test_contracts_know_every_package() -> None:
    assert sorted(PYPROJECT["tool"]["importlinter"]["root_packages"]) == sorted(PACKAGES)
    layers = next(contract["layers"] for contract in CONTRACTS if contract["type"] == "layers")
    placed = [package.strip() for layer in layers for package in layer.split("|")]
    assert sorted(placed) == sorted(PACKAGES)


def test_second_copies_of_packages_are_banned() -> None:
    banned = PYPROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    directories = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [directory for directory in directories if directory.replace("/", ".") not in banned] == []


@pytest.mark.parametrize("module", HEAVY)
def test_import_loads_no_more_than_it_needs(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY[module]!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "", "")


def test_client_core_imports_neither_framework() -> None:
    on_asyncio = {"fairlead_client.asyncio", "fairlead_client.sync", "fairlead_client.logs"}
    adapters = on_asyncio | {"fairlead_client.twisted"}
    core = [module for module in modules("fairlead_client") if module not in adapters]
    frameworks = ["autobahn.asyncio", "autobahn.twisted", "twisted", "txaio.aio", "txaio.tx"]
    code = f"import sys, {', '.join(core)}; print(*[name for name in {frameworks!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "", "")
