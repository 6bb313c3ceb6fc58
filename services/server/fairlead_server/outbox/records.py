"""Fairlead's side: batches of changes, each with the cursor, and what becomes of them when the connection is lost.

A batch changes the cursor's record from the version that this follower has left, so it is applied once and in its
place, or not at all. Whether one whose answer was lost was applied is seen from the cursor: it names the follower and
its step.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from fairlead_client import CallFailed, Unreachable
from fairlead_client.asyncio import call
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.backoff import Backoff
from fairlead_client.errors import NOT_AUTHORIZED, PASSING
from fairlead_client.requests import Result
from fairlead_client.runtime import Sessions
from fairlead_server.errors import CommandError
from fairlead_server.outbox.mapping import CURSOR_KIND, Mapping
from fairlead_server.outbox.snapshots import Cursor

BATCH = "fairlead.record.batch"
GET = "fairlead.record.get"
LIST = "fairlead.record.list"

BATCH_CHANGES = 999
"""Of rows: with the cursor as many changes as a batch may have."""
BATCH_BYTES = 512 * 1024
"""Of states: a batch stays well below the largest message, 1 MiB."""

GETS_AT_ONCE = 32
"""Whose answers, with the largest of states, are less than a session may have queued."""

NO_SUCH_RECORD = "fairlead.error.no_such_record"
VERSION_CONFLICT = "fairlead.error.version_conflict"
_NOT_THERE = frozenset({NO_SUCH_RECORD, NOT_AUTHORIZED, "wamp.error.invalid_argument"})
"""Without the right to see it a record is as if it were not there, and what is no id has none."""

Change = dict[str, Any]
OnRefused = Callable[[Change, CallFailed], None]
"""Hears of a change that Fairlead refuses; it is left out if this returns."""


class Overtaken(CommandError):
    """Another follower has moved the cursor."""


class Records:
    """The records of one outbox and the cursor beside them."""

    def __init__(self, sessions: Sessions, mapping: Mapping, on_refused: OnRefused) -> None:
        self._sessions = sessions
        self._mapping = mapping
        self._on_refused = on_refused
        self._follower = secrets.token_hex(8)
        self._step = 0
        self._version = 0
        """Of the cursor's record."""

    async def cursor(self) -> Cursor | None:
        """The cursor as it is there; None before there was one. Raises CommandError for a record that is none."""
        record = await self._get(self._mapping.cursor_id)
        self._version = 0 if record is None else record["version"]
        if record is None:
            return None
        try:
            return msgspec.convert(record["state"], Cursor)
        except msgspec.ValidationError as error:
            raise CommandError(f"record {self._mapping.cursor_id!r} is no cursor of ours: {error}") from None

    async def take(self, cursor: Cursor) -> Cursor | None:
        """Makes the cursor ours, as its state: what another follower had under way comes to nothing.

        None if something of another one arrived meanwhile: read the cursor again.
        """
        try:
            return await self.apply([], cursor)
        except Overtaken:
            return None

    async def apply(self, changes: Sequence[Change], cursor: Cursor) -> Cursor:
        """Makes the changes and moves the cursor, in one transaction. Gives the cursor as it is there now.

        Raises Overtaken when somebody else has moved it, CallFailed for what is refused.
        """
        self._step += 1
        cursor = replace(cursor, follower=self._follower, step=self._step)
        wanted = [*changes]
        while True:
            try:
                await self._ask(BATCH, [self._put(cursor), *wanted])
            except CallFailed as error:
                if error.uri == VERSION_CONFLICT:
                    await self._check_applied(cursor)
                    return cursor
                self._leave_out(wanted, error)
            else:
                self._version += 1
                return cursor

    async def there(self, ids: Sequence[str]) -> list[str]:
        """Those of which there is a record that we may see."""
        found: list[Result | None] = []
        for start in range(0, len(ids), GETS_AT_ONCE):
            found += await asyncio.gather(*map(self._get, ids[start : start + GETS_AT_ONCE]))
        return [id_ for id_, record in zip(ids, found, strict=True) if record is not None]

    async def page(self, after: str | None) -> tuple[list[str], str | None]:
        """Ids of the records of the kind, and where the next page begins; None: this was the last one."""
        result = await self._ask(LIST, kind=self._mapping.kind, after=after)
        return [record["id"] for record in result["records"]], result["after"]

    def _put(self, cursor: Cursor) -> Change:
        state = msgspec.to_builtins(cursor)
        return {
            "op": "put",
            "id": self._mapping.cursor_id,
            "kind": CURSOR_KIND,
            "state": state,
            "expected": self._version,
        }

    async def _check_applied(self, cursor: Cursor) -> None:
        """Whether it was our own batch, whose answer was lost, that has moved the cursor."""
        there = await self.cursor()
        if there is None or (there.follower, there.step) != (cursor.follower, cursor.step):
            raise Overtaken(f"another follower has moved the cursor {self._mapping.cursor_id!r}: this one ends")

    def _leave_out(self, wanted: list[Change], error: CallFailed) -> None:
        """The change that it is about. Raises the error if it is about none of them."""
        index = error.details.get("index")
        if not isinstance(index, int) or not 1 <= index <= len(wanted):
            raise error
        change = wanted.pop(index - 1)
        if change["op"] == "delete" and error.uri == NO_SUCH_RECORD:
            return  # somebody was quicker
        self._on_refused(change, error)

    async def _get(self, id_: str) -> Result | None:
        try:
            result = await self._ask(GET, id_)
        except CallFailed as error:
            if error.uri in _NOT_THERE:
                return None
            raise
        record: Result = result["record"]
        return record

    async def _ask(self, procedure: str, *args: Any, **kwargs: Any) -> Result:
        """The result, over as many sessions as it takes."""
        backoff = Backoff()
        while True:
            session = await self._sessions.session()
            assert isinstance(session, AutobahnSession)
            try:
                return await call(session, procedure, *args, **kwargs)
            except Unreachable:
                continue
            except CallFailed as error:
                if error.uri not in PASSING:
                    raise
            await asyncio.sleep(backoff.next_s())
