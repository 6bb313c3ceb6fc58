"""`create`, `append`, `seal`: what changes a stream goes through its appender, and is answered when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fairlead_logstream.errors import StoreFailed
from fairlead_logstream.live import notices
from fairlead_logstream.live.appender import Outcome, Request, Result
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.records import decode_records, pieces
from fairlead_logstream.procedures.access import find, not_authorized, require
from fairlead_logstream.procedures.arguments import CreateArguments, SealArguments, append_arguments, check_id
from fairlead_router import PENDING, Call, InvalidArgument, Principal, RequestError
from fairlead_store import StoreError

NewObject = Callable[[Principal, str, str | None], Awaitable[None]]
"""Called with the caller, an object id and a project (or None) before a stream is made. It makes the
object if there is none, which needs write on the project, leaves one that exists as it is, and raises
a RequestError to refuse."""


class Writing:
    """The procedures of who writes."""

    def __init__(self, directory: Directory, new_object: NewObject | None) -> None:
        self._directory = directory
        self._new_object = new_object

    async def create(self, call: Call) -> Result:
        """`fairlead.log.create`: make a stream, or say where it and a producer stand."""
        arguments = call.arguments(CreateArguments)
        name = check_id("stream", arguments.stream)
        object_id = None if arguments.object is None else check_id("object", arguments.object)
        live = self._directory.get(name)
        if live is None:
            live = await self._create(call, name, object_id or name, arguments)
        require(call, "write", live)
        if object_id not in (None, live.stream.object_id):
            raise InvalidArgument(f"stream '{name}' belongs to object '{live.stream.object_id}', not '{object_id}'")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        apply = partial(_stand, live, arguments.producer, arguments.attempt)
        live.appender.submit(Request(apply, partial(_tell_future, future)))
        return await future

    def append(self, call: Call) -> Any:
        """`fairlead.log.append`: acknowledged when the records are durable."""
        arguments = append_arguments(call)
        assert arguments.stream is not None
        live = find(self._directory, call, "write", arguments.stream)
        records = pieces(decode_records(arguments.records))
        append = Append(records, arguments.producer, arguments.term, arguments.seq, arguments.lost)
        live.appender.append(append, partial(_tell_call, call))
        return PENDING

    def seal(self, call: Call) -> Any:
        """`fairlead.log.seal`: no more records, and how it ended; behind everything appended before."""
        arguments = call.arguments(SealArguments)
        live = find(self._directory, call, "write", arguments.stream)
        apply = partial(_seal, arguments.exit_code, arguments.reason)
        live.appender.submit(Request(apply, partial(_tell_call, call)))
        return PENDING

    async def _create(self, call: Call, name: str, object_id: str, arguments: CreateArguments) -> LiveStream:
        if self._new_object is not None:
            await self._new_object(call.caller.principal, object_id, arguments.project)
        if not call.caller.can("write", object_id):
            raise not_authorized(call, "write", name)
        before = 1 if arguments.attempt is None else arguments.attempt - 1
        try:
            return await self._directory.create(name, object_id, before)
        except StoreError as error:
            raise StoreFailed(str(error)) from error


def _stand(live: LiveStream, producer: str | None, attempt: int | None, draft: Draft) -> Result:
    """Where a stream and a producer stand, after an attempt has begun if one is to."""
    if attempt is not None:
        draft.begin_attempt(attempt)
    known = draft.producers.standing(producer)
    return {
        "epoch": live.stream.epoch,
        "next": draft.head,
        "producer_term": known.term,
        "producer_seq": known.seq,
        "attempt": draft.attempt,
        "sealed": notices.sealed_of(draft.sealed),
    }


def _seal(exit_code: int | None, reason: str | None, draft: Draft) -> Result:
    return {"next": draft.seal(exit_code, reason)}


def _tell_call(call: Call, outcome: Outcome) -> None:
    if isinstance(outcome, RequestError):
        call.abort(outcome)
    else:
        call.finish(outcome)


def _tell_future(future: asyncio.Future[Result], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, RequestError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
