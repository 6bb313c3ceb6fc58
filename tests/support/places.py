"""Errors of a configuration without the numbers in them, for tests of what else they say."""

from __future__ import annotations

import re


def without_numbers(error: BaseException) -> str:
    """The error without the line and without which of several tables it is."""
    return re.sub(r"\[\d+\]", "", re.sub(r"(\.toml):\d+: ", r"\1: ", str(error), count=1))
