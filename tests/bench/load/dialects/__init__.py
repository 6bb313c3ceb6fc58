"""The protocols that the load generator speaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.load.dialects.base import Dialect
from bench.load.dialects.floor import Floor
from bench.load.dialects.nats import Nats
from bench.load.dialects.notations import JSON, MESSAGE_PACK
from bench.load.dialects.wamp import Habits, Wamp

WITH_HABITS = {
    "disclosed": Habits(publish={"disclose_me": True}),
    "retained": Habits(publish={"retain": True}),
    "pattern": Habits(subscribe={"match": "prefix"}),
    "named": Habits(is_named=True),
}

DIALECTS: dict[str, Callable[[str, int], Dialect]] = {
    "wamp-json": partial(Wamp, JSON),
    "wamp-msgpack": partial(Wamp, MESSAGE_PACK),
    **{f"wamp-{name}": partial(Wamp, JSON, habits=habits) for name, habits in WITH_HABITS.items()},
    "nats": Nats,
    "floor": Floor,
}
"""By name: what makes one from a router's URL and the payload's size in bytes."""
