"""The arguments of the procedures that read and list, with their limits, and what all share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from fairlead_logstream.live.history import Begin
from fairlead_logstream.model.records import MAX_NUMBER
from fairlead_logstream.model.selection import Filter
from fairlead_router import Call, InvalidArgument

READ_RECORDS = 1_000
READ_RECORDS_LIMIT = 10_000

ANSWER_LIMIT_BYTES = 240 << 10
"""Records of one answer; with the rest of it, it stays under 256 KiB."""

WAIT_LIMIT_S = 60.0
"""How long a read may wait: below what proxies and clients take for a dead call."""

HEARTBEAT_S = 30.0
HEARTBEAT_LIMIT_S = 300.0
"""How often an idle follower is told the head: below what proxies take for a dead connection."""

TEXT_CHARACTERS_LIMIT = 1_024
"""What may be searched for: more than a line of any screen."""

decode_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode_name = msgspec.json.Decoder(str).decode

Number = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
AttemptNumber = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Sources = Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\0]*$")]


class ReaderArguments(msgspec.Struct):
    """What `read` and `follow` share."""

    positional: ClassVar[tuple[str, ...]] = ("stream",)
    stream: str
    start: Number | None = None
    epoch: Number | None = None
    tail: Number | None = None
    tail_bytes: Number | None = None
    attempt: AttemptNumber | None = None
    since: Number | None = None
    sources: Sources | None = None

    def begin(self) -> Begin:
        """Where to begin. Raises InvalidArgument."""
        begin = Begin(self.start, self.epoch, self.tail, self.since, self.tail_bytes, self.attempt)
        begin.check()
        return begin

    def wanted(self) -> Filter | None:
        """Which records pass; None for all of them."""
        return None if self.sources is None else Filter(frozenset(self.sources))


class FollowArguments(ReaderArguments):
    """`follow`."""

    heartbeat_s: Annotated[float, Meta(ge=1, le=HEARTBEAT_LIMIT_S)] = HEARTBEAT_S


class ReadArguments(ReaderArguments):
    """`read`."""

    limit: Annotated[int, Meta(ge=1, le=READ_RECORDS_LIMIT)] = READ_RECORDS
    max_bytes: Annotated[int, Meta(ge=1)] = ANSWER_LIMIT_BYTES
    wait_s: Annotated[float, Meta(ge=0)] = 0.0


class SearchArguments(msgspec.Struct):
    """`search`."""

    positional: ClassVar[tuple[str, ...]] = ("stream", "text")
    stream: str
    text: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_LIMIT)] | None = None
    ignore_case: bool = False
    sources: Sources | None = None
    since: Number | None = None
    until: Number | None = None
    start: Number | None = None
    epoch: Number | None = None
    attempt: AttemptNumber | None = None
    limit: Annotated[int, Meta(ge=1, le=READ_RECORDS_LIMIT)] = READ_RECORDS
    backwards: bool = False

    def begin(self) -> Begin:
        """Where to begin; `since` only leaves out. Raises InvalidArgument."""
        if self.attempt is not None and self.backwards:
            raise InvalidArgument("attempt and backwards exclude each other: an attempt is searched from its begin on")
        begin = Begin(self.start, self.epoch, attempt=self.attempt)
        begin.check()
        return begin

    def wanted(self) -> Filter:
        """What is looked for."""
        sources = None if self.sources is None else frozenset(self.sources)
        return Filter(sources, self.since, self.until, self.text, self.ignore_case)


class EventsArguments(msgspec.Struct):
    """`events`, as the router passes on `wamp.subscription.get_events`."""

    positional: ClassVar[tuple[str, ...]] = ("topic",)
    topic: str
    subscription: Number = 0
    reverse: bool = False
    limit: Annotated[int, Meta(ge=1)] = READ_RECORDS
    since_us: Number = 0
    until_us: Number = MAX_NUMBER
    from_publication: Number | None = None
    after_publication: Number | None = None
    before_publication: Number | None = None
    until_publication: Number | None = None


class StreamArguments(msgspec.Struct):
    """`cursors`."""

    positional: ClassVar[tuple[str, ...]] = ("stream",)
    stream: str


class CursorArguments(msgspec.Struct):
    """`cursor` and `delete_cursor`."""

    positional: ClassVar[tuple[str, ...]] = ("stream", "cursor")
    stream: str
    cursor: str


class CommitArguments(CursorArguments):
    """`commit`."""

    positional: ClassVar[tuple[str, ...]] = ("stream", "cursor", "next", "epoch")
    next: Number
    epoch: Number
    back: bool = False


class ListArguments(msgspec.Struct):
    """`list`."""

    positional: ClassVar[tuple[str, ...]] = ()
    prefix: str = ""
    object: str | None = None
    sealed: bool | None = None
    stale: bool | None = None
    metadata: dict[str, Any] | None = None
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=READ_RECORDS_LIMIT)] = READ_RECORDS


class _Named(msgspec.Struct):
    stream: str | None = None


_decode_named = msgspec.json.Decoder(_Named).decode


def stream_of(call: Call) -> str | None:
    """The stream that a call is about; None where it says none, which the procedure itself refuses."""
    payload = call.payload.to("json")
    try:
        if payload.args_bytes and (values := decode_values(payload.args_bytes)):
            return decode_name(values[0])
        return _decode_named(payload.kwargs_bytes or b"{}").stream
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
