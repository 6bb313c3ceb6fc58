"""The arguments of the procedures that change and read records, with their limits."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

MAX_NUMBER: Final = 2**53

BATCH_LIMIT: Final = 1_000
"""Changes of one batch: some milliseconds of one turn."""

LIST_RECORDS: Final = 1_000
LIST_LOOKED_AT: Final = 10_000
"""Records that one `list` looks at: some 50 ms, in slices."""
ANSWER_LIMIT_BYTES: Final = 240 << 10
"""Records of one answer; with the rest of it, it stays under 256 KiB."""

WAIT_LIMIT_S: Final = 60.0
"""How long a `get` may wait: below what proxies and clients take for a dead call."""

IDS_LIMIT: Final = 10_000
"""Ids of one watch: what a message of 1 MiB has room for."""

HEARTBEAT_S: Final = 30.0
HEARTBEAT_LIMIT_S: Final = 300.0
"""How often an idle watcher gets a bookmark: below what proxies take for a dead connection."""

Version = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
Owner = Annotated[str, Meta(min_length=1, max_length=256)]
"""An id, or an authid, which may be any text."""
Conditions = list[list[Any]]


class PutArguments(msgspec.Struct):
    """`put`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "state")
    id: str
    state: dict[str, Any]
    kind: str | None = None
    owner: str | None = None
    object: str | None = None
    expected: Version | None = None
    key: Key | None = None


class PatchArguments(msgspec.Struct):
    """`patch`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "patch")
    id: str
    patch: dict[str, Any]
    expected: Version | None = None
    key: Key | None = None


class DeleteArguments(msgspec.Struct):
    """`delete`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    expected: Version | None = None
    key: Key | None = None


class BatchChange(msgspec.Struct):
    """One change of a batch: what `op` takes, by name."""

    op: Literal["put", "patch", "delete"]
    id: str
    state: dict[str, Any] | None = None
    patch: dict[str, Any] | None = None
    kind: str | None = None
    owner: str | None = None
    object: str | None = None
    expected: Version | None = None


class BatchArguments(msgspec.Struct):
    """`batch`."""

    positional: ClassVar[tuple[str, ...]] = ("changes",)
    changes: Annotated[list[BatchChange], Meta(min_length=1, max_length=BATCH_LIMIT)]
    key: Key | None = None


class GetArguments(msgspec.Struct):
    """`get`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    since_version: Version | None = None
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_LIMIT_S)] = 0.0


class ListArguments(msgspec.Struct):
    """`list`."""

    positional: ClassVar[tuple[str, ...]] = ()
    kind: str | None = None
    owner: Owner | None = None
    where: Conditions | None = None
    any: list[Conditions] | None = None
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=LIST_RECORDS)] = LIST_RECORDS


class WatchArguments(msgspec.Struct):
    """`watch`."""

    positional: ClassVar[tuple[str, ...]] = ()
    id: str | None = None
    ids: Annotated[list[str], Meta(min_length=1, max_length=IDS_LIMIT)] | None = None
    kind: str | None = None
    owner: Owner | None = None
    where: Conditions | None = None
    any: list[Conditions] | None = None
    bookmark: str | None = None
    heartbeat_s: Annotated[float, Meta(ge=1, le=HEARTBEAT_LIMIT_S)] = HEARTBEAT_S


class MarkArguments(msgspec.Struct):
    """`mark`."""

    positional: ClassVar[tuple[str, ...]] = ("watch", "token")
    watch: Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
    token: Key
