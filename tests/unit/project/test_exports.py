"""What a package offers is what `__all__` says: importable, documented, and nothing by accident."""

from __future__ import annotations

import importlib
import inspect
import re
import types

import pytest

from support.docs import DOCS, README
from support.project import PACKAGES

PARAMETERS = pytest.mark.parametrize("package", PACKAGES)


@PARAMETERS
def test_every_exported_name_can_be_imported(package: str) -> None:
    module = importlib.import_module(package)
    names = list(getattr(module, "__all__", []))
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


@PARAMETERS
def test_nothing_public_is_left_out_of_all(package: str) -> None:
    module = importlib.import_module(package)
    exported = set(getattr(module, "__all__", []))
    stray = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in exported and not isinstance(value, types.ModuleType)
    }
    assert stray - {"annotations"} == set()


@PARAMETERS
def test_exported_classes_and_functions_are_documented(package: str) -> None:
    module = importlib.import_module(package)
    exported = {name: getattr(module, name) for name in getattr(module, "__all__", [])}
    silent = [
        name
        for name, value in exported.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and not inspect.getdoc(value)
    ]
    assert silent == []


def test_every_name_that_the_documentation_imports_is_exported() -> None:
    used = set()
    for page in (README, *DOCS.glob("*.md")):
        for module, names in re.findall(r"^\s*from (fairlead_\w+) import ([\w, ]+)$", page.read_text(), re.MULTILINE):
            used |= {(module, name.strip()) for name in names.split(",")}
    assert len(used) > 10
    assert [
        (module, name) for module, name in sorted(used) if name not in importlib.import_module(module).__all__
    ] == []


def test_help_of_the_router_is_a_place_to_start() -> None:
    router = importlib.import_module("fairlead_router")
    told = set(re.findall(r"\b[A-Z]\w+", router.__doc__ or ""))
    for name in ("Router", "Member", "Call", "Authenticator", "Authorizer", "RealmObserver", "RequestError"):
        assert name in told & set(router.__all__)
