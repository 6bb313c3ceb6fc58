"""The permission store: all SQL of this package, a sentence per query.

Every row has its realm. `permission_log` holds each change with its revision in the transaction that made
it, so that another process can follow: read from a revision on, and know how fresh it is.
"""

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from fairlead_authz.editing import Edit
from fairlead_authz.graph import (
    ADMIN,
    ALL_USERS,
    ANONYMOUS_ROLE,
    ANONYMOUS_USER,
    SYSTEM,
    Graph,
    Node,
)
from fairlead_authz.levels import READ, WRITE
from fairlead_authz.tokens import Token
from fairlead_store import Database

SCHEMA_VERSION = 1

metadata = sa.MetaData()

nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_admin", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("tail", sa.Text, primary_key=True),
    sa.Column("head", sa.Text, primary_key=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger),
)

permission_log = sa.Table(
    "permission_log",
    metadata,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("changes", sa.LargeBinary, nullable=False),
)

_FIRST_NODES = (
    Node(SYSTEM, "user", SYSTEM, "Fairlead itself"),
    Node(ADMIN, "user", SYSTEM, "Administrator", is_admin=True),
    Node(ANONYMOUS_USER, "user", SYSTEM, "Everybody without a token"),
    Node(ALL_USERS, "role", SYSTEM, "All users"),
    Node(ANONYMOUS_ROLE, "role", SYSTEM, "Anonymous users"),
)
_FIRST_LINKS = (
    (ANONYMOUS_USER, ANONYMOUS_ROLE, READ),
    (ALL_USERS, ANONYMOUS_ROLE, READ),
    (ADMIN, ALL_USERS, WRITE),
    (ALL_USERS, ADMIN, READ),
)


class PermissionStore:
    """The permissions of one realm in a database."""

    def __init__(self, database: Database, realm: str) -> None:
        self._database = database
        self._realm = realm

    @classmethod
    def open(cls, url: str, realm: str) -> "PermissionStore":
        """Open or make the database. Raises StoreError."""
        return cls(Database.open(url, metadata, SCHEMA_VERSION), realm)

    async def load(self) -> tuple[Graph, list[Token], int]:
        """The graph, the tokens and the revision; a realm that is new gets its first nodes."""
        loaded = await self._database.read(partial(_load, self._realm))
        if not loaded[0].nodes:
            await self._database.write(partial(_write_first, self._realm))
            loaded = await self._database.read(partial(_load, self._realm))
        return loaded

    async def write(self, edit: Edit, revision: int, actor: str, changes: bytes) -> None:
        """Make an edit durable under a revision. Raises StoreError, then nothing has changed."""
        entry = {"realm": self._realm, "revision": revision, "at_us": now_us(), "actor": actor, "changes": changes}
        node_rows = {
            node_id: None if node is None else _node_row(self._realm, node) for node_id, node in edit.nodes.items()
        }
        await self._database.write(partial(_write, self._realm, node_rows, dict(edit.links), entry))

    async def add_token(self, token: Token) -> None:
        """Keep a token."""
        row = {"realm": self._realm, **msgspec.structs.asdict(token)}
        await self._database.write(lambda connection: _insert(connection, tokens, [row]))

    async def drop_tokens(self, users: Iterable[str]) -> None:
        """Forget all tokens of these users."""
        condition = sa.and_(tokens.c.realm == self._realm, tokens.c.user.in_(list(users)))
        await self._database.write(lambda connection: _execute(connection, tokens.delete().where(condition)))

    async def close(self) -> None:
        """Finish what was submitted, then close."""
        await self._database.close()


def now_us() -> int:
    """The time, in microseconds since 1970."""
    return time.time_ns() // 1000


# --- jobs: each runs in a thread, in a transaction, and touches nothing else ----------------------


def _load(realm: str, connection: sa.Connection) -> tuple[Graph, list[Token], int]:
    graph = Graph()
    for row in connection.execute(sa.select(nodes).where(nodes.c.realm == realm)):
        graph.put(Node(row.id, row.kind, row.owner, row.name, row.is_admin, row.is_active))
    for row in connection.execute(sa.select(links).where(links.c.realm == realm)):
        graph.link(row.tail, row.head, row.level)
    found = [
        Token(row.id, row.user, row.secret_sha256, row.created_us, row.expires_us)
        for row in connection.execute(sa.select(tokens).where(tokens.c.realm == realm))
    ]
    newest = sa.select(sa.func.max(permission_log.c.revision)).where(permission_log.c.realm == realm)
    return graph, found, connection.execute(newest).scalar() or 0


def _write_first(realm: str, connection: sa.Connection) -> None:
    _insert(connection, nodes, [_node_row(realm, node) for node in _FIRST_NODES])
    rows = [{"realm": realm, "tail": tail, "head": head, "level": level} for tail, head, level in _FIRST_LINKS]
    _insert(connection, links, rows)


def _write(
    realm: str,
    node_rows: dict[str, dict[str, Any] | None],
    new_links: dict[tuple[str, str], int],
    entry: dict[str, Any],
    connection: sa.Connection,
) -> None:
    """Rows are deleted and inserted anew: the same on every database, and few."""
    for node_id in node_rows:
        condition = sa.and_(nodes.c.realm == realm, nodes.c.id == node_id)
        connection.execute(nodes.delete().where(condition))
    for tail, head in new_links:
        condition = sa.and_(links.c.realm == realm, links.c.tail == tail, links.c.head == head)
        connection.execute(links.delete().where(condition))
    _insert(connection, nodes, [row for row in node_rows.values() if row is not None])
    rows = [
        {"realm": realm, "tail": tail, "head": head, "level": level}
        for (tail, head), level in new_links.items()
        if level
    ]
    _insert(connection, links, rows)
    _insert(connection, permission_log, [entry])


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _execute(connection: sa.Connection, statement: sa.Executable) -> None:
    connection.execute(statement)


def _node_row(realm: str, node: Node) -> dict[str, Any]:
    return {"realm": realm, **msgspec.structs.asdict(node)}
