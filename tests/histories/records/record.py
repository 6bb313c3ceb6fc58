"""What is recorded of a play with records: every step of each record, and every dict that a watcher was told.

Each record has one writer, who does one thing after the other. So the versions of a record are known before they are
acknowledged, and of each it is known in which interval it began.
"""

from __future__ import annotations

from typing import Any

import msgspec

from histories.record import NEVER_S, Change

OWNERS = ["steady", "user0"]
KINDS = ["job", "disk"]
LANES = 4

QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"kind": "job"},
    {"kind": "job", "where": [["lane", "=", 1]]},
    {"any": [[["lane", "=", 0]], [["lane", ">", 2]]]},
    {"owner": "user0"},
    {"ids": ["r0", "r1", "r2", "r3", "none"]},
)
"""What is watched; `matches` says it in other words."""


class Step(msgspec.Struct):
    """What was done to a record: it was put, changed or deleted. `version` is that of the record as it was left."""

    store: int
    """How often the store was another one before."""
    id: str
    version: int
    n: int
    lane: int
    object: str
    sent_s: float
    acknowledged_s: float = NEVER_S
    is_delete: bool = False


class Seen(msgspec.Struct, array_like=True):
    """One change of a dict."""

    change: str
    id: str
    version: int | None = None
    n: int | None = None
    is_deleted: bool = False


class Told(msgspec.Struct):
    """One dict."""

    at_s: float
    changes: list[Seen] = msgspec.field(default_factory=list)
    is_whole: bool = False
    """Whether it has a bookmark."""
    reset: str | None = None
    mark: str | None = None
    size_bytes: int = 0


class Run(msgspec.Struct):
    """One call of `watch`. Resumed: with the last bookmark that the watcher was told in its runs before."""

    watcher: str
    user: str
    query: int
    store: int
    asked_s: float
    is_resumed: bool = False
    told: list[Told] = msgspec.field(default_factory=list)
    error: str | None = None


class RecordHistory(msgspec.Struct):
    """One play."""

    objects: list[str]
    users: list[str]
    changes: list[Change] = msgspec.field(default_factory=list)
    """Of rights."""
    steps: list[Step] = msgspec.field(default_factory=list)
    runs: list[Run] = msgspec.field(default_factory=list)
    left: dict[str, int] = msgspec.field(default_factory=dict)
    """What there was in the end, with its version."""
    stayed: dict[str, str] = msgspec.field(default_factory=dict)
    """Who watched until the end, and the mark that it was owed then."""
    starts: list[float] = msgspec.field(default_factory=list)
    """When the server was started again."""
    faults: dict[str, int] = msgspec.field(default_factory=dict)


def kind_of(id_: str) -> str:
    """Of a record, for ever."""
    return KINDS[int(id_[1:]) % 3 == 0]


def owner_of(id_: str) -> str:
    """Of a record, for ever."""
    return OWNERS[int(id_[1:]) % 2]


def matches(query: int, step: Step) -> bool:
    """Whether what a step has left is one of what is watched."""
    is_job = kind_of(step.id) == "job"
    return (
        not step.is_delete
        and (
            True,
            is_job,
            is_job and step.lane == 1,
            step.lane in (0, 3),
            owner_of(step.id) == "user0",
            step.id in QUERIES[5]["ids"],
        )[query]
    )
