"""What answers the same questions about the same graph: one module (or package) here per engine, listed in ENGINES."""

from __future__ import annotations

from bench.permissions.engines.base import Engine
from bench.permissions.engines.fairlead import InProcess, OverWamp
from bench.permissions.engines.openfga import OpenFga
from bench.permissions.engines.postgres import Materialized, Recursive

ENGINES: tuple[Engine, ...] = (
    InProcess(),
    OverWamp(),
    OpenFga(has_cache=False),
    OpenFga(has_cache=True),
    Recursive(),
    Materialized(),
)
"""In the order of the table. Each has to answer as the first does."""
