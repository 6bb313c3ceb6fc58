"""A consumer of a log: it processes records, commits how far it has come, and goes on there after whatever happens.

    consumer = Consumer(connection, "my-stream", "indexer")
    async for item in consumer.items():     # as `follow`
        ...
        await consumer.commit()             # everything that was handed out is done with

What was handed out and not committed when the program ends is handed out again: commit after the work, and nothing is
missed; make the work and its own record of `consumer.position` one transaction, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Unpack

from fairlead_client.calling import ask
from fairlead_client.errors import NO_SUCH_CURSOR, CallFailed
from fairlead_client.follow import follow_items
from fairlead_client.following import Batch, Cursor, Follower, Following, Item, Start
from fairlead_client.records import Record
from fairlead_client.requests import COMMIT, CURSOR
from fairlead_client.runtime import Sessions


class Consumer:
    """One cursor of a stream, known to the service by its name; `how` says where to begin when there is none yet."""

    def __init__(self, sessions: Sessions, stream: str, cursor: str, **how: Unpack[Following]) -> None:
        self.stream = stream
        self.cursor = cursor
        self.position: Cursor | None = None
        self._sessions = sessions
        self._how = how

    async def committed(self) -> Cursor | None:
        """What the service has of it; None when nothing was committed yet. Raises CallFailed, Refused."""
        try:
            known = await ask(self._sessions, CURSOR, self.stream, self.cursor)
        except CallFailed as error:
            if error.uri == NO_SUCH_CURSOR:
                return None
            raise
        return Cursor(known["epoch"], known["next"])

    async def items(self) -> AsyncGenerator[Record | Item, None]:
        """What comes behind the last commit; `position` is behind what was handed out last."""
        self.position = await self.committed()
        follower = Follower(self.stream, Start(self.position, **self._how))
        async with aclosing(follow_items(self._sessions, follower)) as items:
            async for item in items:
                if isinstance(item, Batch) and follower.cursor is not None:
                    for record in item.each():
                        self.position = Cursor(follower.cursor.epoch, record.seq + 1)
                        yield record
                self.position = follower.cursor
                if not isinstance(item, Batch):
                    yield item

    async def commit(self, *, back: bool = False) -> None:
        """Everything before `position` is done with: durable when this returns, over as many sessions as it takes.

        A position before the one that is committed is refused unless `back` says so: a consumer that was thought dead
        must not undo its successor's work. Raises CallFailed, Refused.
        """
        if self.position is None:
            return
        epoch, following = self.position
        await ask(self._sessions, COMMIT, self.stream, self.cursor, next=following, epoch=epoch, back=back)
