"""Which transactions a place in an outbox has seen: PostgreSQL's `pg_snapshot`, and the cursor made of it.

Rows get their numbers when they are written and become visible when their transaction commits, in another order: who
reads on behind the highest number that it knows loses what commits late. A snapshot says exactly which transactions it
sees. What is new are the rows of those that it does not see yet, so a transaction that stays open holds up nobody.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import msgspec


class Snapshot(NamedTuple):
    """All transactions below `next` that have ended, so all but those that were running."""

    next: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`pg_snapshot` as PostgreSQL writes it: XMIN:XMAX:XIP,XIP.

        >>> Snapshot.parse("10:14:10,12").sees(11)
        True
        """
        _, next_, running = text.split(":")
        return cls(int(next_), frozenset(int(xid) for xid in running.split(",") if xid))

    def sees(self, xid: int) -> bool:
        """Whether what this transaction has written is visible, if it has committed."""
        return xid < self.next and xid not in self.running

    def covers(self, other: Snapshot) -> bool:
        """Whether it sees all that the other one does."""
        return other.next <= self.next and not any(other.sees(xid) for xid in self.running)


class Copying(msgspec.Struct, frozen=True):
    """How far the copy of a whole table is. First the records go whose rows are not there, then come the rows."""

    is_swept: bool = False
    after: str | None = None
    """The last record, then the last key, that was looked at."""
    rows: int = 0
    """So many have been copied."""


class Row(NamedTuple):
    """A row of the outbox: what of the table was changed, in which transaction."""

    xid: int
    id: int
    key: str
    op: str


class Cursor(msgspec.Struct, frozen=True):
    """How far a follower is, as the record of kind `outbox_cursor` has it.

    All changes that `done` sees are in the records. While more of them are taken than fit into one batch, those that
    `now` sees are, up to the row `after`.
    """

    source: str
    """Which table, in words."""
    identity: str
    """Which database and which installation of the outbox: where it differs, `done` means nothing."""
    done: str
    now: str | None = None
    after: tuple[int, int] | None = None
    copying: Copying | None = None
    follower: str = ""
    """Who wrote this, and as which of its steps."""
    step: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError: whoever may write the record may have written anything."""
        for snapshot in filter(None, (self.done, self.now)):
            Snapshot.parse(snapshot)

    def took(self, now: str, last: Row | None) -> Cursor:
        """What `now` sees was taken up to this row; None: as a whole."""
        if last is None:
            return msgspec.structs.replace(self, done=now, now=None, after=None)
        return msgspec.structs.replace(self, now=now, after=(last.xid, last.id))

    def why_copy(self, now: Cursor, consumed: str | None) -> str | None:
        """Why this cursor is of no use in the database as it is `now`; None if it is.

        `consumed` is what the rows that were removed from the outbox had been seen by.
        """
        if self.identity != now.identity:
            return "the database or its outbox is another one, or was restored"
        done = Snapshot.parse(self.done)
        if Snapshot.parse(now.done).next < done.next:
            return "the database is behind what was followed already: it was restored"
        if consumed is not None and not done.covers(Snapshot.parse(consumed)):
            return "changes that the cursor has not seen are gone from the outbox: the records were restored"
        return None
