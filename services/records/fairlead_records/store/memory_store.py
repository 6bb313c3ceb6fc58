"""A RecordStore that forgets: for tests, and to see what the protocol asks for at least.

It passes the same behaviour suite as the SQL store, and another service may be opened over it after the first one has
closed. `fail_next` makes the next write fail, as a full disk would.
"""

from __future__ import annotations

import asyncio
import secrets

from fairlead_records.model.record import Change, Record
from fairlead_records.store.record_store import Answer, Group, Loaded
from fairlead_router import new_id


class MemoryRecordStore:
    """The records of one realm in memory. Writes resolve in a later turn of the loop, like real ones."""

    def __init__(self) -> None:
        self._epoch = new_id()
        self._secret = secrets.token_bytes(32)
        self._records: dict[str, Record] = {}
        self._history: list[Change] = []
        self._answers: list[Answer] = []
        self.fail_next: Exception | None = None

    @property
    def backlog(self) -> int:
        return 0

    async def load(self, kept_changes: int) -> Loaded:
        history = self._history[-kept_changes:] if kept_changes else []
        return Loaded(self._epoch, self._secret, list(self._records.values()), history, list(self._answers))

    def write(self, group: Group) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        failure, self.fail_next = self.fail_next, None
        loop.call_soon(self._written, group, failure, future)
        return future

    async def trim(self, changes_upto: int, answers_before_us: int) -> None:
        self._history = [change for change in self._history if change.revision > changes_upto]
        self._answers = [answer for answer in self._answers if answer.at_us >= answers_before_us]

    async def close(self) -> None:
        """Nothing to close."""

    def _written(self, group: Group, failure: Exception | None, future: asyncio.Future[None]) -> None:
        if failure is None:
            for change in group.changes:
                if change.after is None:
                    self._records.pop(change.id, None)
                else:
                    self._records[change.id] = change.after
            self._history += group.changes
            self._answers += group.answers
        if future.done():
            return
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
