"""The permission store: all SQL of this package, a sentence per query.

Every row has its realm. `permission_log` holds each change with its revision in the transaction that made
it, so that another process can follow: read from a revision on, assign what it says, and know how fresh it is.
"""

from functools import partial
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from fairlead_authz.changeset import Changeset
from fairlead_authz.clock import now_us
from fairlead_authz.graph import (
    ADMIN,
    ALL_USERS,
    ANONYMOUS_ROLE,
    ANONYMOUS_USER,
    SYSTEM,
    Graph,
    Node,
)
from fairlead_authz.levels import NONE, READ, WRITE
from fairlead_authz.tables import SCHEMA, links, nodes, permission_log, tokens
from fairlead_authz.tokens import Token
from fairlead_store import Database

_LINK_COLUMNS = (links.c.tail, links.c.head, links.c.level)

_FIRST_NODES = (
    Node(SYSTEM, "user", SYSTEM, "Fairlead itself"),
    Node(ADMIN, "user", SYSTEM, "Administrator", is_admin=True),
    Node(ANONYMOUS_USER, "user", SYSTEM, "Everybody without a token", is_active=False),
    Node(ALL_USERS, "role", SYSTEM, "All users"),
    Node(ANONYMOUS_ROLE, "role", SYSTEM, "Anonymous users"),
)
_FIRST_LINKS = (
    (ANONYMOUS_USER, ANONYMOUS_ROLE, READ),
    (ALL_USERS, ANONYMOUS_ROLE, READ),
    (ADMIN, ALL_USERS, WRITE),
    (ALL_USERS, ADMIN, READ),
)


FIRST_REVISION = 1
"""That of the nodes and links that every store has."""


def _first() -> Changeset:
    changeset = Changeset()
    for node in _FIRST_NODES:
        changeset.set_node(node.id, None, node)
    for tail, head, level in _FIRST_LINKS:
        changeset.set_link(tail, head, NONE, level)
    return changeset


class Loaded(NamedTuple):
    """What is in a store when it is opened."""

    graph: Graph
    tokens: list[Token]
    revision: int


class PermissionStore:
    """The permissions of one realm in a database. A job that fails has changed nothing."""

    def __init__(self, database: Database, realm: str) -> None:
        self._database = database
        self._realm = realm

    @classmethod
    def open(cls, url: str, realm: str) -> "PermissionStore":
        """Open or make the database. Raises StoreError."""
        return cls(Database.open(url, SCHEMA, realm), realm)

    async def load(self) -> Loaded:
        """The graph, the tokens and the revision; a realm that is new gets its first nodes."""
        loaded = await self._database.read(partial(_load, self._realm))
        if not loaded.graph.nodes:
            await self.write(_first(), FIRST_REVISION, SYSTEM, b"[]")
            loaded = await self._database.read(partial(_load, self._realm))
        return loaded

    async def write(self, changeset: Changeset, revision: int, actor: str, asked: bytes) -> None:
        """Make a changeset durable under a revision, the end of tokens included."""
        rows = _rows(changeset)
        entry = {
            "realm": self._realm,
            "revision": revision,
            "at_us": now_us(),
            "actor": actor,
            "asked": asked,
            "rows": msgspec.json.encode(rows),
        }
        await self._database.write(partial(_write, self._realm, rows, sorted(changeset.ended_users), entry))

    async def add_token(self, token: Token) -> None:
        """Keep a token."""
        row = {"realm": self._realm, **msgspec.structs.asdict(token)}
        await self._database.write(partial(_insert, table=tokens, rows=[row]))

    async def delete_token(self, id_: str) -> None:
        """Forget a token."""
        await self._database.write(partial(_delete, tokens, [{"realm": self._realm, "id": id_}]))

    async def close(self) -> None:
        """Finish what was submitted, then close."""
        await self._database.close()


class Rows(msgspec.Struct, frozen=True):
    """What a changeset writes, as `permission_log.rows` has it."""

    nodes: dict[str, Node | None]
    links: list[tuple[str, str, int]]


def _rows(changeset: Changeset) -> Rows:
    return Rows(
        {node_id: change.after for node_id, change in changeset.nodes.items()},
        [(tail, head, levels.after) for (tail, head), levels in changeset.links.items()],
    )


# --- jobs: each runs in a thread, in a transaction, and touches nothing else ----------------------


def _load(realm: str, connection: sa.Connection) -> Loaded:
    graph = Graph()
    columns = [nodes.c[name] for name in Node.__struct_fields__]
    for row in connection.execute(sa.select(*columns).where(nodes.c.realm == realm)):
        graph.put(Node(*row))
    for tail, head, level in connection.execute(sa.select(*_LINK_COLUMNS).where(links.c.realm == realm)):
        graph.link(tail, head, level)
    columns = [tokens.c[name] for name in Token.__struct_fields__]
    found = [Token(*row) for row in connection.execute(sa.select(*columns).where(tokens.c.realm == realm))]
    newest = sa.select(sa.func.max(permission_log.c.revision)).where(permission_log.c.realm == realm)
    return Loaded(graph, found, connection.execute(newest).scalar() or 0)


def _write(realm: str, rows: Rows, ended_users: list[str], entry: dict[str, Any], connection: sa.Connection) -> None:
    """Rows are deleted and inserted anew: the same on every database."""
    _delete(nodes, [{"realm": realm, "id": node_id} for node_id in rows.nodes], connection)
    _delete(links, [{"realm": realm, "tail": tail, "head": head} for tail, head, _ in rows.links], connection)
    _delete(tokens, [{"realm": realm, "user": user} for user in ended_users], connection)
    _insert(connection, nodes, [_node_row(realm, node) for node in rows.nodes.values() if node is not None])
    _insert(connection, links, [_link_row(realm, *link) for link in rows.links if link[2]])
    _insert(connection, permission_log, [entry])


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _delete(table: sa.Table, keys: list[dict[str, str]], connection: sa.Connection) -> None:
    """The rows that have these values in these columns, the same columns for all."""
    if keys:
        condition = sa.and_(*(table.c[name] == sa.bindparam(f"key_{name}") for name in keys[0]))
        values = [{f"key_{name}": value for name, value in key.items()} for key in keys]
        connection.execute(table.delete().where(condition), values)


def _node_row(realm: str, node: Node) -> dict[str, Any]:
    return {"realm": realm, **msgspec.structs.asdict(node)}


def _link_row(realm: str, tail: str, head: str, level: int) -> dict[str, Any]:
    return {"realm": realm, "tail": tail, "head": head, "level": level}
