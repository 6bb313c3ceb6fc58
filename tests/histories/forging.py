"""Forged histories: functions that break an honest one, each with the validator that is to find it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Forge = TypeVar("Forge", bound=Callable[..., object])


class Forgeries:
    """Of one kind of history: `@forged("Ordered")` before a function that breaks what Ordered looks for."""

    def __init__(self) -> None:
        self.params: list[Any] = []
        """For parametrize: (validator, forge)."""

    def __call__(self, validator: str) -> Callable[[Forge], Forge]:
        """What this function does to an honest history, the validator finds."""

        def remember(forge: Forge) -> Forge:
            self.params.append(pytest.param(validator, forge, id=forge.__name__))
            return forge

        return remember
