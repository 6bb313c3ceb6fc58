"""`fairlead.log.commit`, `cursor`, `cursors`, `delete_cursor`: how far consumers have come, kept beside the log.

A commit is durable when it is answered. A cursor belongs to the authid that made it and whoever may read the stream may
look at it; to move or delete it others need manage on the object. It goes back only if that is asked for, so that a
consumer that was thought dead doesn't undo the work of its successor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead_common.errors import StoreFailed
from fairlead_common.ids import check_id
from fairlead_common.turns import Locks
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.errors import AheadOfHead, CommitBackwards, NoSuchCursor, OtherEpoch, no_such_stream
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.rows import Cursor
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.arguments import CommitArguments, CursorArguments, StreamArguments
from fairlead_logstream.store.stream_store import StreamStore
from fairlead_router import Call, LimitExceeded, NotAuthorized
from fairlead_store import StoreError

CURSORS_LIMIT = 1_000
"""Cursors of one stream: one is a consumer, not a run of it."""

CURSORS_PER_OWNER_LIMIT = 100
"""Those of one authid: whoever may read a stream may make some, and leaves room for the others."""

Result = dict[str, Any]


class Cursors:
    """The procedures of who processes logs."""

    def __init__(
        self, directory: Directory, store: StreamStore, clock_us: Callable[[], int], counters: LogCounters
    ) -> None:
        self._directory = directory
        self._store = store
        self._clock_us = clock_us
        self._counters = counters
        self._locks = Locks()
        """One change of a stream's cursors at a time: whose a cursor is is looked up before."""

    async def commit(self, call: Call) -> Result:
        """`fairlead.log.commit`: a consumer has done with everything before `next`."""
        arguments = call.arguments(CommitArguments)
        live, name = self._find(call, arguments)
        _check(live.stream, arguments)
        me = call.caller.principal.authid
        wanted = Cursor(name, me, arguments.epoch, arguments.next, self._clock_us())
        try:
            async with self._locks.of(live.stream.id):
                _check_is_there(live)
                known = await self._store.cursors(live.stream.key)
                _check_owner(call, live.stream, _named(known, name))
                _check_count(live.stream, known, wanted)
                kept = await self._store.commit_cursor(live.stream.key, wanted, back=arguments.back)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        if kept.next != wanted.next:
            text = f"cursor '{name}' is at {kept.next}: going back to {wanted.next} takes back=true"
            raise CommitBackwards(text, next=kept.next, epoch=kept.epoch)
        self._counters.cursors_committed += 1
        return {"next": kept.next}

    async def cursor(self, call: Call) -> Result:
        """`fairlead.log.cursor`: where a consumer stands, and how much it has before it."""
        live, name = self._find(call, call.arguments(CursorArguments))
        stream = live.stream
        try:
            known = _named(await self._store.cursors(stream.key), name)
            if known is None:
                raise NoSuchCursor(f"stream '{stream.name}' has no cursor '{name}'", cursor=name)
            head, begin = stream.head, _reads_on_at(stream, known)
            lag_bytes = await self._store.size_between(stream.key, begin, head)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        return {**_entry(stream, known), "head": head, "lag_records": head - begin, "lag_bytes": lag_bytes}

    async def cursors(self, call: Call) -> Result:
        """`fairlead.log.cursors`: all of a stream, by name."""
        live = find(self._directory, call, "read", call.arguments(StreamArguments).stream)
        call.hold("read", live.stream.object_id)
        try:
            known = await self._store.cursors(live.stream.key)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        stream = live.stream
        return {"cursors": [_entry(stream, each) for each in known], "head": stream.head, "epoch": stream.epoch}

    async def delete_cursor(self, call: Call) -> Result:
        """`fairlead.log.delete_cursor`: a consumer is no more; one that is not there is none already."""
        live, name = self._find(call, call.arguments(CursorArguments))
        try:
            async with self._locks.of(live.stream.id):
                _check_is_there(live)
                _check_owner(call, live.stream, _named(await self._store.cursors(live.stream.key), name))
                await self._store.delete_cursor(live.stream.key, name)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        return {}

    def _find(self, call: Call, arguments: CursorArguments) -> tuple[LiveStream, str]:
        live = find(self._directory, call, "read", arguments.stream)
        call.hold("read", live.stream.object_id)
        return live, check_id("cursor", arguments.cursor)


def _check_is_there(live: LiveStream) -> None:
    """It may have been deleted while others' commits went first. Raises NoSuchStream."""
    if live.is_gone:
        raise no_such_stream(live.stream.name)


def _check(stream: Stream, wanted: CommitArguments) -> None:
    """Raises OtherEpoch, AheadOfHead."""
    if wanted.epoch != stream.epoch:
        text = f"the commit is of epoch {wanted.epoch}, and stream '{stream.name}' is of epoch {stream.epoch}"
        raise OtherEpoch(text, epoch=stream.epoch, oldest=stream.oldest)
    if wanted.next > stream.head:
        text = f"next {wanted.next} is ahead of the head {stream.head} of stream '{stream.name}'"
        raise AheadOfHead(text, head=stream.head, epoch=stream.epoch)


def _check_owner(call: Call, stream: Stream, known: Cursor | None) -> None:
    """Raises NotAuthorized."""
    me = call.caller.principal.authid
    if known is not None and known.owner != me and not call.caller.can("manage", stream.object_id):
        whose = f"cursor '{known.name}' belongs to '{known.owner}'"
        text = f"{whose}: '{me}' needs manage on '{stream.object_id}' to change it"
        raise NotAuthorized(text)


def _check_count(stream: Stream, known: list[Cursor], wanted: Cursor) -> None:
    """Raises LimitExceeded for one more than a stream, or one owner there, may have."""
    if _named(known, wanted.name) is not None:
        return
    if len(known) >= CURSORS_LIMIT:
        text = f"stream '{stream.name}' has {CURSORS_LIMIT} cursors already: one is a consumer, not a run of it"
        raise LimitExceeded(text, limit="cursors_per_stream")
    if sum(cursor.owner == wanted.owner for cursor in known) >= CURSORS_PER_OWNER_LIMIT:
        text = f"'{wanted.owner}' has {CURSORS_PER_OWNER_LIMIT} cursors of stream '{stream.name}' already"
        raise LimitExceeded(f"{text}: one is a consumer, not a run of it", limit="cursors_per_owner")


def _named(known: list[Cursor], name: str) -> Cursor | None:
    return next((cursor for cursor in known if cursor.name == name), None)


def _reads_on_at(stream: Stream, cursor: Cursor) -> int:
    """The first record that the consumer will get."""
    if cursor.epoch != stream.epoch:
        return stream.oldest
    return max(cursor.next, stream.oldest)


def _entry(stream: Stream, cursor: Cursor) -> Result:
    return {
        "cursor": cursor.name,
        "owner": cursor.owner,
        "epoch": cursor.epoch,
        "next": cursor.next,
        "committed_us": cursor.committed_us,
        "lag_records": stream.head - _reads_on_at(stream, cursor),
    }
