"""What the tests of the outbox share: a table as Arvados has it, Fairlead in this process, a follower between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg

from fairlead_client import CallFailed
from fairlead_client.asyncio import Connection
from fairlead_records import MemoryRecordStore, RecordService
from fairlead_router import Member, Principal, Router
from fairlead_server.errors import CommandError
from fairlead_server.outbox import installer
from fairlead_server.outbox.follower import Follower, Progress
from fairlead_server.outbox.mapping import Mapping
from fairlead_server.outbox.names import Names
from fairlead_server.outbox.records import Change, Records
from fairlead_server.outbox.source import Source

KIND = "arvados_container"
NAMES = Names("public", "containers", "containers")
MAPPING = Mapping(KIND)

CONTAINERS = """\
CREATE TABLE containers (
    id serial PRIMARY KEY,
    uuid character varying(255) UNIQUE NOT NULL,
    owner_uuid character varying(255),
    created_at timestamp without time zone NOT NULL DEFAULT clock_timestamp(),
    modified_at timestamp without time zone NOT NULL DEFAULT clock_timestamp(),
    state character varying(255) NOT NULL DEFAULT 'Queued',
    priority bigint NOT NULL DEFAULT 0,
    locked_by_uuid character varying(255),
    auth_uuid character varying(255),
    lock_count integer NOT NULL DEFAULT 0,
    exit_code integer,
    progress double precision,
    log character varying(255),
    command text,
    environment jsonb DEFAULT '{}',
    runtime_constraints jsonb DEFAULT '{}',
    runtime_status jsonb DEFAULT '{}'
)
"""


class Database:
    """The database of somebody else: statements, each a transaction, and transactions that stay open."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)
        self.execute(CONTAINERS)

    def execute(self, statement: str, *values: Any) -> list[Any]:
        cursor = self.connection.execute(statement.encode(), values or None)
        return [] if cursor.description is None else cursor.fetchall()

    def add(self, *uuids: str, **columns: Any) -> None:
        """Containers with these values."""
        names = ["uuid", *columns]
        places = ", ".join(["%s"] * len(names))
        for uuid in uuids:
            self.execute(f"INSERT INTO containers ({', '.join(names)}) VALUES ({places})", uuid, *columns.values())

    def transaction(self) -> psycopg.Connection[Any]:
        """Another connection, in a transaction until it commits."""
        return psycopg.connect(self.url)

    def states(self) -> dict[str, Any]:
        """What the records should be: uuid and priority with the state."""
        return {
            uuid: (state, priority)
            for uuid, state, priority in self.execute("SELECT uuid, state, priority FROM containers")
        }

    @property
    def waiting(self) -> int:
        """Rows of the outbox."""
        [(number,)] = self.execute(f"SELECT count(*) FROM {NAMES.rows}")
        return int(number)

    async def install(self, *, notifies: bool = True) -> bool:
        return await installer.install(self.url, NAMES, "uuid", notifies=notifies)


class Heard(Progress):
    """What was said, and which records were refused: those are left out, or end it."""

    def __init__(self, *, skips: bool = True) -> None:
        self.texts: list[str] = []
        self.refused: list[str] = []
        self._skips = skips

    @property
    def is_copied(self) -> bool:
        """A copy has ended: it follows."""
        return any(text.startswith("copied ") for text in self.texts)

    def said(self, text: str) -> None:
        self.texts.append(text)

    def on_refused(self, change: Change, error: CallFailed) -> None:
        self.refused.append(change["id"])
        if not self._skips:
            raise CommandError(str(error))


class Fairlead:
    """Router and records in this process; `restart` is a server that comes back with what it had."""

    def __init__(self) -> None:
        self.store = MemoryRecordStore()
        self.port = 0
        self.url = ""
        """Where a follower finds it."""

    async def start(self) -> None:
        self.router = Router()
        self.realm = self.router.add_realm("realm1")
        self.records = await RecordService.over(self.store)
        self.records.bind(self.realm)
        listener = await self.router.listen(f"tcp://127.0.0.1:{self.port}")
        self.port = listener.port
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self.member: Member = self.realm.join(Principal("admin", "admin"))
        self.changes: list[Any] = []
        self.records.ledger.listen(self.changes.extend)

    async def stop(self) -> None:
        await self.router.close()
        await self.records.close()

    def states(self) -> dict[str, Any]:
        """The records of the containers, as `Database.states`."""
        return {
            id_: (record.state["state"], record.state["priority"])
            for id_, record in self.records.ledger.table.of_kind(KIND).items()
        }

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict((await self.member.call(f"fairlead.record.{procedure}", list(args), kwargs)).args[0])


@asynccontextmanager
async def following(
    database: Database,
    fairlead: Fairlead,
    mapping: Mapping = MAPPING,
    names: Names = NAMES,
    heard: Heard | None = None,
    **how: bool,
) -> AsyncIterator[tuple[asyncio.Task[None], Heard]]:
    """A follower as a task, ended with the block."""
    connection, heard = Connection(fairlead.url), heard or Heard()
    open_source = partial(Source.open, database.url, names, mapping)
    records = Records(connection, mapping, heard.on_refused)
    follower = Follower(open_source, records, mapping, heard.on_refused, heard)
    task = asyncio.create_task(follower.run(**how))
    try:
        yield task, heard
    finally:
        task.cancel()
        await asyncio.wait([task])
        await connection.close()


async def follow_once(
    database: Database,
    fairlead: Fairlead,
    mapping: Mapping = MAPPING,
    names: Names = NAMES,
    heard: Heard | None = None,
    **how: bool,
) -> list[str]:
    """Until all is told; what was said."""
    async with following(database, fairlead, mapping, names, heard, is_once=True, **how) as (task, told):
        await task
    return told.texts
