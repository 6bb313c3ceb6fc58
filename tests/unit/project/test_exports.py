"""What a package offers is what `__all__` says: importable, documented, and nothing by accident."""

from __future__ import annotations

import importlib
import inspect
import types

import pytest

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
