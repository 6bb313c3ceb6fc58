"""The arguments of `fairlead.container.*`, with their limits."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fairlead_records.procedures.arguments import MAX_NUMBER, Key
from fairlead_router import InvalidArgument, transcode

TAKEN_LIMIT: Final = 1_000
"""Containers of one `take`."""

LEASE_S: Final = 30.0
LEASE_LEAST_S: Final = 1.0
LEASE_LIMIT_S: Final = 3600.0
"""How long a lock may last unheard: below the least a slow network ends it, above the most nobody waits."""

ATTEMPTS_LIMIT: Final = 100

SPEC_LIMIT_BYTES: Final = 32 << 10
"""Of JSON: what is to be run."""

STATUS_LIMIT_BYTES: Final = 4 << 10
OUTPUT_LIMIT_BYTES: Final = 8 << 10
"""So a state always has room for what happens to its container: each that waits can be locked, cancelled, and end."""

Priority = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Term = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
LeaseS = Annotated[float, Meta(ge=LEASE_LEAST_S, le=LEASE_LIMIT_S)]
Name = Annotated[str, Meta(max_length=256)]
Command = Annotated[list[str], Meta(min_length=1, max_length=10_000)]
Amounts = dict[str, Annotated[float, Meta(ge=0)]]
ExitCode = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Reason = Annotated[str, Meta(max_length=1_000)]


def check_size(name: str, value: Any, limit_bytes: int) -> None:
    """Raises InvalidArgument if a part of a state is larger, or none that it can have."""
    try:
        size = len(transcode.encode("json", value))
    except transcode.OutsideCommonModel as error:
        raise InvalidArgument(f"{name}: {error}") from error
    if size > limit_bytes:
        raise InvalidArgument(f"{name} has {size} bytes of JSON: at most {limit_bytes} are kept")


class CreateArguments(msgspec.Struct):
    """`create`."""

    positional: ClassVar[tuple[str, ...]] = ("command",)
    command: Command
    id: str | None = None
    project: str | None = None
    object: str | None = None
    priority: Priority = 1
    constraints: Amounts = {}
    name: Name = ""
    cwd: str | None = None
    environment: dict[str, str] = {}
    key: Key | None = None


class RequestArguments(CreateArguments):
    """`request`."""

    positional: ClassVar[tuple[str, ...]] = ("command",)
    attempts: Annotated[int, Meta(ge=1, le=ATTEMPTS_LIMIT)] = 1
    reuse: bool = False
    parent: str | None = None


class TakeArguments(msgspec.Struct):
    """`take`."""

    positional: ClassVar[tuple[str, ...]] = ("n", "dispatcher")
    n: Annotated[int, Meta(ge=1, le=TAKEN_LIMIT)]
    dispatcher: str
    constraints: Amounts | None = None
    lease_s: LeaseS = LEASE_S


class LockArguments(msgspec.Struct):
    """`lock`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "dispatcher")
    id: str
    dispatcher: str
    lease_s: LeaseS = LEASE_S


class HeldArguments(msgspec.Struct):
    """`unlock`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "term")
    id: str
    term: Term


class StartArguments(HeldArguments):
    """`start`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "term")
    log: str | None = None


class ProgressArguments(HeldArguments):
    """`progress`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "term")
    progress: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    runtime_status: dict[str, Any] | UnsetType = UNSET


class FinishArguments(HeldArguments):
    """`finish`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "term")
    exit_code: ExitCode | None = None
    output: Any = None
    reason: Reason | None = None
    cancelled: bool = False


class RenewArguments(msgspec.Struct):
    """`renew`."""

    positional: ClassVar[tuple[str, ...]] = ("dispatcher", "terms")
    dispatcher: str
    terms: Annotated[dict[str, Term], Meta(max_length=10_000)]


class CancelArguments(msgspec.Struct):
    """`cancel`."""

    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    reason: Reason | None = None


class PriorityArguments(msgspec.Struct):
    """`set_priority`."""

    positional: ClassVar[tuple[str, ...]] = ("id", "priority")
    id: str
    priority: Priority
