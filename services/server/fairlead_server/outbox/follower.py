"""The follower: copies the table once, then takes from its outbox what the cursor has not seen, for as long as it runs.

Whatever it knows is in the cursor's record, so it may be killed at any moment and be started elsewhere. A page of the
outbox becomes one batch: each row that it names is fetched as it is now and put, or its record deleted where the row is
gone. Rows are read in the snapshot in which the outbox was, so with each whole page the records are what the database
was at one moment.

A copy goes beside changes: the cursor stands where the copy began, and what changes meanwhile is told again behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from fairlead_client import CallFailed
from fairlead_client.backoff import Backoff
from fairlead_records.model.record import encode_state
from fairlead_router import InvalidArgument
from fairlead_server.errors import CommandError
from fairlead_server.outbox.database import LOST, REFUSED, first_line
from fairlead_server.outbox.mapping import Fetched, Mapping
from fairlead_server.outbox.records import BATCH_BYTES, BATCH_CHANGES, Change, OnRefused, Records
from fairlead_server.outbox.snapshots import Copying, Cursor, Row
from fairlead_server.outbox.source import TRIM_ROWS, Installed, Page, Source

POLL_S = 1.0
"""How often the outbox is looked at when nothing is notified: a notification is a wake-up, and may be lost."""
POLL_UNNOTIFIED_S = 0.1
"""The same where the outbox notifies nobody."""

TRIM_S = 10.0
"""Between two looks for what can be removed from the outbox, and at whether its triggers are still there."""

NOTHING_YET = "nothing of it was followed before"


class Progress:
    """Who hears how it goes. This one is silent."""

    def said(self, text: str) -> None:
        """Something that happens seldom."""

    def copied(self, rows: int, estimate: int | None) -> None:
        """So many rows of a copy are done, of about so many."""


class Follower:
    """Follows one outbox into records of one kind."""

    def __init__(
        self,
        open_source: Callable[[], Awaitable[Source]],
        records: Records,
        mapping: Mapping,
        on_refused: OnRefused,
        progress: Progress,
    ) -> None:
        self._open_source = open_source
        self._records = records
        self._mapping = mapping
        self._on_refused = on_refused
        self._progress = progress
        self._copies_anew = False
        self._backoff = Backoff()
        self._is_away = False
        self._tidy_at_s = 0.0
        self._estimate: int | None = None

    async def run(self, *, is_once: bool = False, copies_anew: bool = False) -> None:
        """For ever, or until all is told that is there. Raises CommandError, and ClientError for what does not pass."""
        self._copies_anew = copies_anew
        while True:
            try:
                source = await self._open_source()
                try:
                    await source.lock()
                    return await self._follow(source, is_once)
                finally:
                    await source.close()
            except LOST as error:
                if not self._is_away:
                    self._is_away = True
                    self._progress.said(f"the database is away: {first_line(error)}; trying again")
            except REFUSED as error:
                raise CommandError(f"the database refuses it: {first_line(error)}") from None
            await asyncio.sleep(self._backoff.next_s())

    # ------------------------------------------------------------ the cursor

    async def _taken(self, source: Source, installed: Installed) -> Cursor:
        """The cursor, ours from now on: where the last follower was, or at the begin of a copy, which is said."""
        while True:
            there = await self._records.cursor()
            why = "as you asked" if self._copies_anew else self._why_copy(there, installed)
            if there is not None and why is None:
                wanted = there
            else:
                self._progress.said(f"copying {installed.here.source}: {why}")
                wanted = replace(installed.here, copying=Copying())
            taken = await self._records.take(wanted)
            if taken is not None:
                self._copies_anew = False
                if taken.copying is not None:
                    self._estimate = await source.estimate()
                return taken

    def _why_copy(self, there: Cursor | None, installed: Installed) -> str | None:
        if there is None:
            return NOTHING_YET
        if there.source != installed.here.source:
            raise CommandError(
                f"records of kind '{self._mapping.kind}' are followed from {there.source}, not from "
                f"{installed.here.source}: give each table a --kind of its own"
            )
        return there.why_copy(installed.here, installed.consumed)

    # ------------------------------------------------------------ the loop

    async def _follow(self, source: Source, is_once: bool) -> None:
        installed = await source.installed()
        poll_s = POLL_S if installed.notifies else POLL_UNNOTIFIED_S
        cursor = await self._taken(source, installed)
        while True:
            cursor = await self._tidied(source, cursor)
            if cursor.copying is not None:
                cursor = await _listening(source, self._copied(source, cursor, cursor.copying))
                continue
            page = await source.page(cursor, BATCH_CHANGES, BATCH_BYTES)
            self._is_well()
            if page.rows or cursor.now is not None:
                cursor = await _listening(source, self._told(cursor, page))
            elif is_once:
                return
            else:
                await source.wait(poll_s)

    def _is_well(self) -> None:
        """The database does what it is asked for."""
        self._backoff.reset()
        if self._is_away:
            self._is_away = False
            self._progress.said("the database is back")

    async def _told(self, cursor: Cursor, page: Page) -> Cursor:
        """A page of the outbox is in the records."""
        if any(row.op == "truncate" for row in page.rows):
            self._progress.said(f"copying {cursor.source}: it was truncated")
            anew = Cursor(cursor.source, cursor.identity, page.now, copying=Copying())
            return await self._records.apply([], anew)
        rows = _fitting(page.rows, page.fetched)
        keys = list(dict.fromkeys(row.key for row in rows))
        gone = await self._records.there([self._mapping.id_of(key) for key in keys if key not in page.fetched])
        changes = [*self._puts([page.fetched[key] for key in keys if key in page.fetched]), *map(_delete, gone)]
        is_whole = page.is_last and len(rows) == len(page.rows)
        return await self._records.apply(changes, cursor.took(page.now, None if is_whole else rows[-1]))

    # ------------------------------------------------------------ a copy

    async def _copied(self, source: Source, cursor: Cursor, copying: Copying) -> Cursor:
        """The next step of a copy."""
        if not copying.is_swept:
            return await self._swept(source, cursor, copying)
        found = await source.copy(copying.after, BATCH_CHANGES, BATCH_BYTES)
        if not found:
            done = await self._records.apply([], replace(cursor, copying=None))
            self._progress.said(f"copied {copying.rows} rows of {cursor.source}")
            return done
        rows = found[: _how_many(row.size for row in found)]
        further = Copying(is_swept=True, after=rows[-1].key, rows=copying.rows + len(rows))
        self._progress.copied(further.rows, self._estimate)
        return await self._records.apply(self._puts(rows), replace(cursor, copying=further))

    async def _swept(self, source: Source, cursor: Cursor, copying: Copying) -> Cursor:
        """A page of records is looked at: those go whose rows are not there."""
        ids, after = await self._records.page(copying.after)
        keys = [key for key in map(self._mapping.key_of, ids) if key is not None]
        missing = await source.missing(keys) if keys else set()
        gone = [_delete(self._mapping.id_of(key)) for key in keys if key in missing]
        further = Copying(is_swept=True) if after is None else Copying(after=after)
        return await self._records.apply(gone, replace(cursor, copying=further))

    # ------------------------------------------------------------ the rest

    async def _tidied(self, source: Source, cursor: Cursor) -> Cursor:
        """Now and then: what was taken goes from the outbox, and the outbox is looked at."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._tidy_at_s:
            return cursor
        await source.wait(0)  # what was notified while there was something to do
        removed = await source.trim(cursor.done)
        self._tidy_at_s = now_s + (TRIM_S if removed < TRIM_ROWS else 0)
        installed = await source.installed()
        return cursor if installed.here.identity == cursor.identity else await self._taken(source, installed)

    def _puts(self, rows: Sequence[Fetched]) -> list[Change]:
        """What can be put. A state that is none would have the whole message refused, and no row be named."""
        changes = []
        for row in rows:
            change = self._mapping.put(row)
            try:
                encode_state(row.state)
            except InvalidArgument as error:
                self._on_refused(change, CallFailed(error.uri, str(error)))
            else:
                changes.append(change)
        return changes


async def _listening(source: Source, step: Coroutine[Any, Any, Cursor]) -> Cursor:
    """Does a step, however long Fairlead is away for it.

    Who listens and takes no notification for long fills the server's queue of them, at whose end writers fail.
    """
    task = asyncio.create_task(step)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=TRIM_S)
            if not task.done():
                await source.wait(0)
    finally:
        task.cancel()
        await asyncio.wait([task])
    return task.result()


def _fitting(rows: Sequence[Row], fetched: dict[str, Fetched]) -> Sequence[Row]:
    """As many of the first rows as one batch takes; what is named twice counts twice."""
    sizes = (fetched[row.key].size if row.key in fetched else 0 for row in rows)
    return rows[: _how_many(sizes)]


def _how_many(sizes: Iterable[int]) -> int:
    """So many of the first fit into a batch; at least one."""
    total = number = 0
    for size in sizes:
        total += size
        if number and total > BATCH_BYTES:
            break
        number += 1
    return number


def _delete(id_: str) -> Change:
    return {"op": "delete", "id": id_}
