"""`follow`: the state machine of `following`, driven over sessions, and its items for whoever iterates."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Unpack

from fairlead_client.conversing import converse
from fairlead_client.following import Batch, Cursor, Follower, Following, Item, Start
from fairlead_client.records import Record
from fairlead_client.runtime import Sessions


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


def follow_items(sessions: Sessions, follower: Follower) -> AsyncGenerator[Item, None]:
    """The same by batches, for a follower of one's own, whose `cursor` can be kept."""
    return converse(sessions, follower)


async def _one_by_one(items: AsyncGenerator[Item, None]) -> AsyncGenerator[Record | Item, None]:
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Batch):
                for record in item.each():
                    yield record
            else:
                yield item
