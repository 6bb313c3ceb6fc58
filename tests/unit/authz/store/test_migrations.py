"""From every released schema of the permission store to today's: the same tables as new ones, and nothing lost."""

from __future__ import annotations

import hashlib
import logging
import pkgutil
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fairlead_authz import Authz, Put
from fairlead_authz.store import migrations
from fairlead_authz.store.store import PermissionStore
from fairlead_authz.store.tables import SCHEMA
from fairlead_store import Database, Schema, SchemaMismatch

# What version 1 had, written down: the tables of the package go on changing.
VERSION_1 = sa.MetaData()
sa.Table(
    "nodes",
    VERSION_1,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_admin", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("trash_at_us", sa.BigInteger),
    sa.Column("frozen_by", sa.Text),
    sa.Column("about", sa.Text),
)
sa.Table(
    "links",
    VERSION_1,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("tail", sa.Text, primary_key=True),
    sa.Column("head", sa.Text, primary_key=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
)
sa.Table(
    "tokens",
    VERSION_1,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger),
    sa.Index("tokens_of_user", "realm", "user"),
)
sa.Table(
    "permission_log",
    VERSION_1,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("asked", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.LargeBinary, nullable=False),
)

_FIRST = {"is_admin": False, "is_active": True, "trash_at_us": None, "frozen_by": None, "about": None}
NODES: list[dict[str, Any]] = [
    _FIRST | {"id": "system", "kind": "user", "owner": "system", "name": "Fairlead itself"},
    _FIRST | {"id": "admin", "kind": "user", "owner": "system", "name": "Administrator", "is_admin": True},
    _FIRST | {"id": "anonymous", "kind": "user", "owner": "system", "name": "Everybody", "is_active": False},
    _FIRST | {"id": "all-users", "kind": "role", "owner": "system", "name": "All users"},
    _FIRST | {"id": "anonymous-users", "kind": "role", "owner": "system", "name": "Anonymous users"},
    _FIRST | {"id": "alice", "kind": "user", "owner": "system", "name": "Älice"},
    _FIRST | {"id": "p", "kind": "project", "owner": "alice", "name": "", "frozen_by": "alice"},
    _FIRST | {"id": "c", "kind": "container", "owner": "system", "name": "", "trash_at_us": 2**52},
    _FIRST | {"id": "cr", "kind": "object", "owner": "p", "name": "", "about": "c"},
    _FIRST | {"id": "bob", "kind": "user", "owner": "system", "name": "Bob"},
]
LINKS = [{"tail": "bob", "head": "p", "level": 1}, {"tail": "anonymous", "head": "anonymous-users", "level": 1}]
SECRET = "c2VjcmV0"
TOKENS = [{"id": "t1", "user": "bob", "secret_sha256": hashlib.sha256(SECRET.encode()).digest(), "created_us": 1}]
LOG = [{"revision": 1, "at_us": 5, "actor": "system", "asked": b"[]", "rows": b'{"nodes":{},"links":[]}'}]
DATA = {"nodes": NODES, "links": LINKS, "tokens": TOKENS, "permission_log": LOG}


def fill(connection: sa.Connection) -> None:
    for name, rows in DATA.items():
        connection.execute(VERSION_1.tables[name].insert(), [{"realm": "realm1", **row} for row in rows])


@pytest.fixture
async def first_release(database_url: str) -> str:
    """A store as version 1 left it."""
    database = Database.open(database_url, Schema("permissions", VERSION_1, 1), "realm1")
    await database.write(fill)
    await database.close()
    return database_url


def differences(connection: sa.Connection) -> list[Any]:
    def is_ours(name: str | None, _kind: str, _parents: object) -> bool:
        return name is None or not name.startswith("fairlead_")

    options = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, SCHEMA.metadata))


async def test_an_old_store_becomes_what_a_new_one_is(first_release: str) -> None:
    database = Database.open(first_release, SCHEMA, "realm1")
    assert await database.read(differences) == []
    await database.close()


async def test_what_was_in_an_old_store_holds_in_the_new_one(first_release: str) -> None:
    authz = await Authz.open(first_release)
    assert authz.can("bob", "read", "cr")
    assert not authz.can("bob", "write", "cr")
    assert authz.authenticator.principal(f"v2/t1/{SECRET}").authid == "bob"
    nodes = {row["id"]: row for row in NODES}
    found = {node_id: authz.graph.nodes[node_id] for node_id in nodes}
    for node_id, node in found.items():
        assert {key: getattr(node, key) for key in nodes[node_id]} == nodes[node_id]
    applied = await authz.apply([Put("user", "carol")])
    assert applied.revision == 2
    await authz.close()


async def test_a_migration_is_said_once(first_release: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fairlead_store")
    for _ in range(2):
        await PermissionStore.open(first_release, "realm1").close()
    assert [record.getMessage() for record in caplog.records] == [
        f"the permissions are migrated from schema 1 to {SCHEMA.version}"
    ]


async def test_a_migration_that_fails_leaves_the_old_store_as_it_was(first_release: str) -> None:
    broken = SCHEMA._replace(version=SCHEMA.version + 1)  # its module is missing
    with pytest.raises(ImportError):
        Database.open(first_release, broken, "realm1")
    old = Database.open(first_release, Schema("permissions", VERSION_1, 1), "realm1")
    columns = await old.read(lambda connection: {row["name"] for row in sa.inspect(connection).get_columns("nodes")})
    assert columns == set(VERSION_1.tables["nodes"].columns.keys())
    await old.close()


async def test_a_newer_store_is_refused(database_url: str) -> None:
    await Database.open(database_url, SCHEMA._replace(version=SCHEMA.version + 1), "realm1").close()
    with pytest.raises(SchemaMismatch, match="written by a newer one, use that"):
        PermissionStore.open(database_url, "realm1")


def test_every_version_has_its_step() -> None:
    modules = {module.name for module in pkgutil.iter_modules(migrations.__path__)}
    assert modules == {f"v{version}" for version in range(2, SCHEMA.version + 1)}
