"""The loop behind `follow`: sessions and answers for the state machine of `following`, items for whoever iterates."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Unpack

from fairlead_client.backoff import Backoff
from fairlead_client.calling import Calling
from fairlead_client.errors import CallFailed, Refused
from fairlead_client.following import Batch, Cursor, Follower, Following, Item, Start
from fairlead_client.records import Record, now_us
from fairlead_client.runtime import Answer, Sessions


def follow(
    sessions: Sessions,
    stream: str,
    cursor: Cursor | None = None,
    **how: Unpack[Following],
) -> AsyncGenerator[Record | Item, None]:
    """The records of a stream from a cursor, or where `how` says, or its beginning on, until it is sealed.

    Goes on by itself after lost sessions, without a hole or a repeat. Among the records are Lagged (some were not kept
    that long), Reset (the store was replaced) and Head (nothing new); the last item is Sealed, or Revoked, unless an
    end of one's own (`until_seq`, `until_us`) comes first. Raises CallFailed or Refused when there is no right to read
    in the first place, Incontiguous when what the router says cannot be right. Whoever iterates slowly makes us read no
    more from that session: it should have a Connection of its own, unless nothing else on it is in a hurry.
    """
    return _one_by_one(follow_items(sessions, Follower(stream, Start(cursor, **how))))


async def follow_items(sessions: Sessions, follower: Follower) -> AsyncGenerator[Item, None]:
    """The same by batches, for a follower of one's own, whose `cursor` can be kept."""
    runtime = sessions.runtime
    backoff = Backoff()
    while not follower.is_finished:
        try:
            session = await sessions.session()
        except Refused as error:
            for item in follower.refused(error):
                yield item
            continue
        request = follower.request()
        call = Calling(runtime, session, request)
        has_moved = False
        try:
            while not call.is_over and not follower.is_done_with(request):
                for item in _items(follower, await call.answers()):
                    has_moved = True
                    yield item
                follower.look_at_clock(now_us())
        finally:
            call.cancel()
        if has_moved or follower.is_done_with(request):
            backoff.reset()
        elif session.is_open:  # refused, for now
            await runtime.wakeup().wait(backoff.next_s())


async def _one_by_one(items: AsyncGenerator[Item, None]) -> AsyncGenerator[Record | Item, None]:
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Batch):
                for record in item.each():
                    yield record
            else:
                yield item


def _items(follower: Follower, answers: Iterable[Answer]) -> Iterator[Item]:
    for answer in answers:
        if follower.is_done_with(answer.request):
            return
        if isinstance(answer.error, CallFailed):
            yield from follower.failed(answer.request, answer.error)
        elif answer.error is not None:
            return  # the session is gone: the next one goes on at the cursor
        elif answer.is_final:
            yield from follower.succeeded(answer.request, answer.result)
        else:
            yield from follower.progressed(answer.result)
