"""A program's own functions, called so that a mistake in one costs it nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def shielded(function: Callable[..., object], *args: Any) -> None:
    """Calls it; what it raises is in the log."""
    try:
        function(*args)
    except Exception:
        log.exception("a handler failed")
