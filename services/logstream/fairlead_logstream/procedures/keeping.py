"""`create`, `update`, `delete`: the streams themselves; what they hold is written by others (writing.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from fairlead_common.errors import StoreFailed
from fairlead_common.ids import check_id
from fairlead_common.outcomes import Outcome, Result
from fairlead_logstream.live import notices
from fairlead_logstream.live.appender import Request
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.entries import retention_of
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.attempts import Attempt
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.producers import UNIT_NAMES
from fairlead_logstream.model.rows import Retention, State
from fairlead_logstream.procedures.access import find, not_authorized, require
from fairlead_logstream.procedures.metadata import checked_metadata
from fairlead_logstream.procedures.writing_arguments import (
    CreateArguments,
    DeleteArguments,
    RetentionArguments,
    UpdateArguments,
)
from fairlead_router import Call, InvalidArgument, Payload, Principal, RequestError
from fairlead_store import StoreError

_encode = msgspec.json.Encoder().encode

NewObject = Callable[[Principal, str, str | None], Awaitable[None]]
"""Called with the caller, an object id and a project (or None) before a stream is made. It makes the
object if there is none, which needs write on the project, leaves one that exists as it is, and raises
a RequestError to refuse."""


class Keeping:
    """The procedures of who makes streams, and unmakes them."""

    def __init__(self, directory: Directory, new_object: NewObject | None) -> None:
        self._directory = directory
        self._new_object = new_object

    async def create(self, call: Call) -> Result:
        """`fairlead.log.create`: make a stream, or say where it and a producer stand."""
        arguments = call.arguments(CreateArguments)
        name = check_id("stream", arguments.stream)
        object_id = None if arguments.object is None else check_id("object", arguments.object)
        metadata = checked_metadata(arguments.metadata or {})
        live = self._directory.get(name)
        if live is None:
            live = await self._create(call, name, object_id or name, arguments, metadata)
        require(call, "write", live)
        if object_id not in (None, live.stream.object_id):
            raise InvalidArgument(f"stream '{name}' belongs to object '{live.stream.object_id}', not '{object_id}'")
        live.heard()
        return await _asked(live, partial(_stand, live, arguments))

    async def update(self, call: Call) -> Payload:
        """`fairlead.log.update`: other metadata, another retention."""
        arguments = call.arguments(UpdateArguments)
        live = find(self._directory, call, "write", arguments.stream)
        values: dict[str, Any] = {}
        if arguments.metadata is not UNSET:
            values["metadata"] = checked_metadata(arguments.metadata)
        if arguments.retention is not UNSET:
            values["retention"] = _retention(arguments.retention)
        result = await _asked(live, partial(_update, values))
        return Payload.from_json(_encode([result]), b"{}")  # its metadata is JSON already, binary in WAMP's way

    async def delete(self, call: Call) -> Result:
        """`fairlead.log.delete`: the stream and everything in it, for good."""
        live = find(self._directory, call, "manage", call.arguments(DeleteArguments).stream)
        try:
            await self._directory.delete(live)
        except StoreError as error:
            raise StoreFailed(f"stream '{live.stream.name}' was not deleted: {error}") from error
        return {"stream": live.stream.name}

    async def _create(
        self, call: Call, name: str, object_id: str, arguments: CreateArguments, metadata: dict[str, Any]
    ) -> LiveStream:
        if self._new_object is not None:
            await self._new_object(call.caller.principal, object_id, arguments.project)
        if not call.caller.can("write", object_id):
            raise not_authorized(call, "write", name)
        first = Attempt(1, 0, self._directory.now_us())  # it has no marker; where a number is given, that one has
        state = State(
            attempt=1 if arguments.attempt is None else arguments.attempt - 1,
            attempts=(first,) if arguments.attempt is None else (),
            metadata=metadata,
            retention=_retention(arguments.retention),
            heartbeat_s=arguments.heartbeat_s,
        )
        try:
            return await self._directory.create(name, object_id, state)
        except StoreError as error:
            raise StoreFailed(str(error)) from error


async def _asked(live: LiveStream, apply: Callable[[Draft], Result]) -> Result:
    """What came of it, once it is durable. Raises what the draft refuses, and StoreFailed."""
    future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    live.appender.submit(Request(apply, partial(_tell_future, future)))
    return await future


def _stand(live: LiveStream, arguments: CreateArguments, draft: Draft) -> Result:
    """Where a stream and a producer stand, after an attempt has begun if one is to."""
    producer, unit = arguments.producer, arguments.unit_number
    if producer is not None and unit is not None:
        draft.producers.check_unit(producer, unit)
    if arguments.attempt is not None:
        draft.begin_attempt(arguments.attempt)
    if arguments.heartbeat_s is not None:
        draft.set(heartbeat_s=arguments.heartbeat_s)
    known = draft.producers.standing(producer)
    return {
        "epoch": live.stream.epoch,
        "next": draft.head,
        "producer_term": known.term,
        "producer_seq": known.seq,
        "producer_unit": UNIT_NAMES[known.unit if known.seq or unit is None else unit],
        "attempt": draft.attempt,
        "sealed": notices.sealed_of(draft.sealed),
    }


def _update(values: dict[str, Any], draft: Draft) -> Result:
    draft.set(**values)
    return {"metadata": draft.state.metadata, "retention": retention_of(draft.state.retention)}


def _retention(asked: RetentionArguments | None) -> Retention:
    return Retention() if asked is None else asked.retention()


def _tell_future(future: asyncio.Future[Result], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, RequestError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
