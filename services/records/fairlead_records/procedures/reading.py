"""`get` and `list`: what there is now, and `get` also what comes next of one record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any

from fairlead_common.ids import check_id
from fairlead_common.turns import Turns
from fairlead_records.live.ledger import Ledger
from fairlead_records.model.query import Query, Seen, alternatives, conditions
from fairlead_records.model.record import Change, Record, check_kind
from fairlead_records.model.table import Table
from fairlead_records.procedures.access import require
from fairlead_records.procedures.arguments import (
    ANSWER_LIMIT_BYTES,
    LIST_LOOKED_AT,
    Conditions,
    GetArguments,
    ListArguments,
)
from fairlead_router import PENDING, Call, Payload

LOOKED_AT_ONCE = 500
"""Records that a list looks at in one turn of the loop: some milliseconds."""


class Reading:
    """The procedures of who reads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: dict[str, dict[asyncio.Future[None], None]] = {}
        self._turns = Turns()
        ledger.listen(self._changed)

    async def get(self, call: Call) -> Payload:
        """`fairlead.record.get`: the record; with `since_version` only what is newer, waited for if there is time."""
        asked = call.arguments(GetArguments)
        id_ = check_id("id", asked.id)
        table = self._ledger.table
        record = require(call, "read", id_, table.get(id_))
        call.hold("read", record.object_id)
        if asked.since_version == record.version and asked.wait_s:
            await self._next(id_, asked.wait_s)
            now = table.get(id_)
            if now is None:
                return _told(b"deleted", max(record.version, table.last_version(id_)))
            record = require(call, "read", id_, now)
            call.hold("read", record.object_id)
        if asked.since_version == record.version:
            return _told(b"unchanged", record.version)
        return Payload.from_json(b'[{"record":%b}]' % record.entry, b"{}")

    async def list_records(self, call: Call) -> Any:
        """`fairlead.record.list`: what matches and the caller may read, a page; `after` says where the next begins.

        A page is in the order of ids, and may be short or empty though there are more.
        """
        asked = call.arguments(ListArguments)
        query = query_of(kind=asked.kind, owner=asked.owner, where=asked.where, alternative=asked.any)
        async with self._turns.turn(call.caller.session_id):
            if not call.is_open:
                return PENDING
            found, after = await self._find(call, query, asked.after or "", asked.limit)
        shown = [record for record in found if call.caller.can("read", record.object_id)]
        objects = {record.object_id for record in shown}
        call.show_while(lambda: all(call.caller.can("read", object_id) for object_id in objects))
        following = b"null" if after is None else b'"%b"' % after.encode()
        entries = b",".join(record.entry for record in shown)
        return Payload.from_json(b'[{"records":[%b],"after":%b}]' % (entries, following), b"{}")

    async def _find(self, call: Call, query: Query, after: str, limit: int) -> tuple[list[Record], str | None]:
        """What matches and may be read by now, behind `after`; and where to go on."""
        candidates = _candidates_after(after, query, self._ledger.table)
        found: list[Record] = []
        size = 0
        for number, id_ in enumerate(candidates, 1):
            record = self._ledger.table.get(id_)
            if record is not None and query.matches(Seen(record)) and call.caller.can("read", record.object_id):
                found.append(record)
                size += len(record.entry)
            if len(found) == limit or size > ANSWER_LIMIT_BYTES or number == LIST_LOOKED_AT:
                return found, id_ if number < len(candidates) else None
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return found, None

    async def _next(self, id_: str, wait_s: float) -> None:
        """Returns when the record has changed, or the time is over."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(id_, {})
        waiting[future] = None
        try:
            async with asyncio.timeout(wait_s):
                await future
        except TimeoutError:
            pass
        finally:
            waiting.pop(future, None)
            if not waiting:
                self._waiting.pop(id_, None)

    def _changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for future in self._waiting.pop(change.id, ()):
                if not future.done():
                    future.set_result(None)


def query_of(
    *,
    ids: Sequence[str] | None = None,
    kind: str | None = None,
    owner: str | None = None,
    where: Conditions | None = None,
    alternative: Sequence[Conditions] | None = None,
) -> Query:
    """A checked query. Raises InvalidArgument."""
    return Query(
        None if ids is None else tuple(dict.fromkeys(check_id("id", id_) for id_ in ids)),
        None if kind is None else check_kind(kind),
        owner,
        conditions("where", where or ()),
        alternatives("any", alternative or ()),
    )


def _candidates_after(after: str, query: Query, table: Table) -> list[str]:
    """The first ids behind this one among which everything is that matches, in order: one more than are looked at."""
    narrow = table.all
    if query.owner is not None:
        narrow = table.of_owner(query.owner)
    elif query.kind is not None:
        narrow = table.of_kind(query.kind)
    if len(narrow) <= LIST_LOOKED_AT:
        return sorted(id_ for id_ in narrow if id_ > after)
    return list(islice(table.ids_after(after), LIST_LOOKED_AT + 1))


def _told(what: bytes, version: int) -> Payload:
    return Payload.from_json(b'[{"%b":{"version":%d}}]' % (what, version), b"{}")
