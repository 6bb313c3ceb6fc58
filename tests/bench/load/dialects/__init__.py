"""The protocols that the load generator speaks."""

from __future__ import annotations

from collections.abc import Callable

from bench.load.dialects.base import Dialect
from bench.load.dialects.wamp_json import WampJson

DIALECTS: dict[str, Callable[[str, int], Dialect]] = {
    "wamp-json": WampJson,
}
"""By name: what makes one from a router's URL and the payload's size in bytes."""
