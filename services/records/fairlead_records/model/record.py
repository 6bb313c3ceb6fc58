"""A record: the latest state of one object, with a version that grows with each change of it.

It is kept as its readers are told it: `entry` is one JSON object, made once and copied through to everybody; the state
is a part of these bytes. A record never changes: a change makes another one.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

import msgspec

from fairlead_router import InvalidArgument, transcode

STATE_LIMIT_BYTES: Final = 64 << 10
"""Of one state: all are in memory, and each watcher is sent the whole of it. Larger things belong into a file."""

STATE_LIMIT_LEVELS: Final = 32
"""Levels of arrays and objects in a state; half of what a message may have, which has some around it."""

RECORDS_LIMIT: Final = 2_000_000
RECORDS_LIMIT_BYTES: Final = 2 << 30
"""Records of a realm, and what they take as they are told: all are in memory, each with some 550 bytes around it."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_encode = msgspec.json.Encoder().encode


class Record(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The state of an object at one version. Times are microseconds since 1970."""

    id: str
    kind: str
    owner: str
    object_id: str
    version: int
    revision: int
    """Of the realm, which only the service knows: from it one could count what one may not see."""
    created_us: int
    changed_us: int
    entry: bytes
    """The whole record as JSON: {id, kind, owner, object, version, created_us, changed_us, state}."""
    state_at: int
    """Where in `entry` the state begins."""

    @property
    def state_json(self) -> bytes:
        """The state as JSON."""
        return self.entry[self.state_at : -1]

    @property
    def state(self) -> dict[str, Any]:
        """The state, decoded: a new dict each time."""
        state: dict[str, Any] = transcode.decode("json", self.state_json)
        return state


class Change(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One step of one record. Without `before` it is new, without `after` it was deleted."""

    revision: int
    before: Record | None
    after: Record | None

    @property
    def id(self) -> str:
        """The record's."""
        record = self.after or self.before
        assert record is not None
        return record.id


def make_record(  # noqa: PLR0913 - one argument a field
    id_: str,
    kind: str,
    owner: str,
    object_id: str,
    *,
    version: int,
    revision: int,
    times_us: tuple[int, int],
    state: bytes,
) -> Record:
    """A record of checked parts; `times_us` are when it was made and changed, `state` is canonical JSON.

    The owner may be any text, as an authid is.

    >>> make_record("r1", "job", "alice", "r1", version=1, revision=7, times_us=(5, 6), state=b'{"a":1}').state
    {'a': 1}
    """
    created_us, changed_us = times_us
    # Ids and kinds are of an alphabet that JSON takes as it is.
    head = (
        f'{{"id":"{id_}","kind":"{kind}","owner":{_encode(owner).decode()},"object":"{object_id}",'
        f'"version":{version},"created_us":{created_us},"changed_us":{changed_us},"state":'
    ).encode()
    entry = b"%b%b}" % (head, state)
    kind, owner = sys.intern(kind), sys.intern(owner)  # few of them, in very many records
    object_id = id_ if object_id == id_ else sys.intern(object_id)
    return Record(id_, kind, owner, object_id, version, revision, created_us, changed_us, entry, len(head))


def size_of(record: Record | None) -> int:
    """Bytes of a record as it is told; of none, none."""
    return 0 if record is None else len(record.entry)


def encode_state(state: dict[str, Any]) -> bytes:
    """A state as canonical JSON. Raises InvalidArgument, which names the rule."""
    try:
        encoded = transcode.encode("json", state)
    except transcode.OutsideCommonModel as error:
        raise InvalidArgument(f"state: {error}") from error
    if len(encoded) > STATE_LIMIT_BYTES:
        raise InvalidArgument(f"state has {len(encoded)} bytes of JSON: at most {STATE_LIMIT_BYTES} are kept")
    may_be_deep = encoded.count(b"{") + encoded.count(b"[") > STATE_LIMIT_LEVELS
    if may_be_deep and _levels(state) > STATE_LIMIT_LEVELS:
        raise InvalidArgument(f"state has more than {STATE_LIMIT_LEVELS} levels of arrays and objects")
    return encoded


def check_kind(kind: str) -> str:
    """The kind, if it is one. Raises InvalidArgument."""
    if _KIND.fullmatch(kind) is None:
        raise InvalidArgument(f"kind is {kind[:80]!r}: a kind is a-z, then up to 63 of a-z 0-9 _")
    return kind


def _levels(value: Any) -> int:
    """How deep a value is nested, counted no further than the limit and one more."""
    level, layer = 0, [value]
    while layer and level <= STATE_LIMIT_LEVELS:
        inner: list[Any] = []
        for each in layer:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level += any(isinstance(each, (dict, list)) for each in layer)
        layer = inner
    return level
