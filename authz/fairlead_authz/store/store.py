"""The permissions of one realm in a database: to look into, and, for the process that owns them, to change.

Every row has its realm. `permission_log` holds each change with its revision in the transaction that made
it, so that another process can follow (follower.py), and so that people can read who changed what (`changes`).
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from fairlead_authz.clock import now_us
from fairlead_authz.model.graph import SYSTEM
from fairlead_authz.store import queries
from fairlead_authz.store.first_nodes import FIRST_REVISION, first_changeset
from fairlead_authz.store.permission_log import LoggedChange, NewChange, PermissionLog, Position, Slice
from fairlead_authz.store.queries import Audit, Loaded
from fairlead_authz.store.tables import SCHEMA
from fairlead_store import LEASE_S, Database, Lease, Readers


class StoredPermissions:
    """What a store holds, to read: it may be another process that writes it."""

    def __init__(self, source: Database | Readers, realm: str) -> None:
        self._source = source
        self._realm = realm

    @classmethod
    def look_into(cls, url: str, realm: str) -> "StoredPermissions":
        """Read what another process writes. Raises StoreError, also where nobody has made the store yet."""
        return cls(Readers.open(url, SCHEMA), realm)

    async def load(self) -> Loaded:
        """The graph, the tokens and the newest revision."""
        return await self._source.read(partial(queries.load, self._realm))

    async def read(self, after: Position, limit: int) -> Slice:
        """At most so many entries of the log after a position; a reset when the log has no such position."""
        return await self._source.read(partial(queries.read_log, self._realm, after, limit))

    async def wait(self, timeout_s: float) -> None:
        """Until there may be something new, at the latest when the time is over."""
        await asyncio.sleep(timeout_s)

    async def changes(
        self, after: int = 0, limit: int = 100, object: str | None = None, user: str | None = None
    ) -> Audit:
        """What was asked for after a revision, and by whom: what names the object, what the user did."""
        return await self._source.read(partial(queries.audit, self._realm, after, limit, (object, user)))

    async def close(self) -> None:
        """Finish what has begun, then close."""
        await self._source.close()


class PermissionStore(StoredPermissions, PermissionLog):
    """The same, owned by this process. A change that fails has changed nothing."""

    def __init__(self, database: Database, realm: str, keep: int | None = None) -> None:
        super().__init__(database, realm)
        self._database = database
        self._keep = keep

    @classmethod
    def open(cls, url: str, realm: str, keep: int | None = None, lease_s: float = LEASE_S) -> "PermissionStore":
        """Open or make the database; it blocks. Raises StoreError.

        `keep`: how many entries of the log stay; None: all.
        """
        return cls(Database.open(url, SCHEMA, realm, lease_s), realm, keep)

    @property
    def lease(self) -> Lease | None:
        """The proof that nobody else has the store; None where nobody can have it."""
        return self._database.lease

    async def load(self) -> Loaded:
        """The graph, the tokens and the revision; a realm that is new gets its first nodes."""
        loaded = await super().load()
        if loaded.position is None:
            await self.append([NewChange(first_changeset(), SYSTEM, b"[]")], FIRST_REVISION)
            loaded = await super().load()
        return loaded

    async def append(self, changes: Sequence[NewChange], revision: int) -> list[LoggedChange]:
        """Make changes durable, all or none, under this revision (the next one) and those that follow.

        The tokens of users that end with them end too.
        """
        logged = _logged(changes, revision)
        await self._database.write(partial(queries.append, self._realm, changes, logged, self._keep))
        return logged

    async def trim(self, keep: int) -> int:
        """Forget the log but for its newest entries; how many went. Who follows from behind them loads anew."""
        return await self._database.write(partial(queries.trim, self._realm, keep))


def _logged(changes: Sequence[NewChange], revision: int) -> list[LoggedChange]:
    """Changes of now as the log has them, under this revision and those that follow."""
    at_us = now_us()
    return [
        LoggedChange(number, at_us, change.actor, msgspec.Raw(change.asked))
        for number, change in enumerate(changes, revision)
    ]
