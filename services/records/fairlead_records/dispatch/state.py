"""The states of containers and of requests for them: the JSON document of a record, with names for its fields."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from fairlead_records.dispatch.lifecycle import FINAL, HELD, StateName
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record

CONTAINER: Final = "container"
REQUEST: Final = "container_request"

REMEMBERED: Final = 4_096
"""Records whose state is remembered as it was decoded: of each change it is looked at some eight times."""

LATE_LIMIT: Final = 10
"""Of those who came too late, the latest are remembered."""


class Holder(msgspec.Struct, frozen=True):
    """Who has locked a container."""

    dispatcher: str
    authid: str


class Cancel(msgspec.Struct, frozen=True):
    """That a container is to end, who wants it, and since when (microseconds since 1970)."""

    by: str
    at_us: int
    reason: str | None = None


class Late(msgspec.Struct, frozen=True):
    """A dispatcher that reported an end when its lease had lapsed: its process ran beside whatever came after it."""

    dispatcher: str
    term: int
    at_us: int
    exit_code: int | None = None


class Spec(msgspec.Struct, frozen=True):
    """What is to be run."""

    command: list[str]
    name: str = ""
    cwd: str | None = None
    environment: dict[str, str] = {}
    constraints: dict[str, float] = {}


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a container. Times are microseconds since 1970."""

    state: StateName = "Queued"
    priority: int
    command: list[str]
    name: str = ""
    cwd: str | None = None
    environment: dict[str, str] = {}
    constraints: dict[str, float] = {}
    locked_by: Holder | None = None
    lock_count: int = 0
    term: int = 0
    """Of the latest lock: it grows with each, and whoever gives an older one is fenced."""
    lease_s: float | None = None
    started_us: int | None = None
    finished_us: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    progress: float | None = None
    runtime_status: dict[str, Any] = {}
    log: str | None = None
    output: Any = None
    cancel: Cancel | None = None
    late: list[Late] = []
    request: str | None = None
    """The one that it was made for."""
    attempt: int = 1

    @property
    def is_final(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.state in FINAL

    @property
    def is_held(self) -> bool:
        """Whether a dispatcher has it."""
        return self.state in HELD

    @property
    def spec(self) -> Spec:
        """What it runs."""
        return Spec(self.command, self.name, self.cwd, self.environment, self.constraints)


class ContainerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a request: somebody wants this run, as the container that it names now."""

    state: str = "Committed"
    """Committed, or Final."""
    priority: int
    container: str
    container_count: int = 1
    attempts: int = 1
    """So many containers it may have, one after the other, until one completes."""
    parent: str | None = None
    """The container that has asked for it: it gives its priority, and its end ends this."""
    name: str = ""
    exit_code: int | None = None
    reason: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.state == "Final"


@lru_cache(REMEMBERED)
def container_of(record: Record) -> Container:
    """The container in a record."""
    return msgspec.convert(record.state, Container)


@lru_cache(REMEMBERED)
def request_of(record: Record) -> ContainerRequest:
    """The request in a record."""
    return msgspec.convert(record.state, ContainerRequest)


def is_ended(record: Record) -> bool:
    """Whether it is a container, or a request for one, to which nothing happens any more."""
    if record.kind == CONTAINER:
        return container_of(record).is_final
    return record.kind == REQUEST and request_of(record).is_final


def put_state(draft: Draft, record: Record, state: Container | ContainerRequest) -> Record:
    """The record's next version."""
    return draft.put(
        record.id,
        kind=record.kind,
        owner=record.owner,
        object_id=record.object_id,
        state=builtins(state),
    )


def builtins(state: Container | ContainerRequest) -> dict[str, Any]:
    """A state as the JSON document that it is kept as."""
    document: dict[str, Any] = msgspec.to_builtins(state, builtin_types=(bytes,))
    return document
