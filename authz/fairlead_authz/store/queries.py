"""All SQL of this package: jobs for a database, each runs in a thread, in one transaction, and touches nothing else."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.store.permission_log import Entry, LoggedChange, NewChange, Position, Rows, Slice
from fairlead_authz.store.tables import links, nodes, permission_log, tokens
from fairlead_authz.tokens.tokens import Token
from fairlead_store import StoreUnavailable


class Loaded(NamedTuple):
    """What is in a store, all of one moment."""

    graph: Graph
    tokens: list[Token]
    position: Position | None
    """The newest entry of the log; None in a store that has not been begun."""

    @property
    def revision(self) -> int:
        """The number of the newest change."""
        return 0 if self.position is None else self.position.revision


class Audit(NamedTuple):
    """Changes in the order in which they were made. `after`: where to go on, None at the end."""

    changes: list[LoggedChange]
    after: int | None


TRIM_EVERY = 1_000
"""Changes between two looks at whether the log is too long: many rows are deleted at once as cheaply as one."""

AUDIT_SCAN_LIMIT = 10_000
"""Entries that one audit looks at: who asks for a rare object goes on from where it ended."""

LOADED_AT_ONCE = 10_000
"""Rows that are fetched from the database together."""

_NEWEST = (
    sa.select(permission_log.c.revision, permission_log.c.at_us)
    .where(permission_log.c.realm == sa.bindparam("realm"))
    .order_by(permission_log.c.revision.desc())
    .limit(1)
)
"""Made once, as all statements of a commit are: to make one takes as long as to run it."""

_AUDITED = (permission_log.c.revision, permission_log.c.at_us, permission_log.c.actor, permission_log.c.asked)

# --- reading --------------------------------------------------------------------------------------


def load(realm: str, connection: sa.Connection) -> Loaded:
    """Everything of a realm."""
    columns = [tokens.c[name] for name in Token.__struct_fields__]
    rows = connection.execute(sa.select(*columns).where(tokens.c.realm == realm))
    found = [msgspec.convert(dict(zip(Token.__struct_fields__, row, strict=True)), Token) for row in rows]
    return Loaded(_load_graph(realm, connection), found, _newest(realm, connection))


def _load_graph(realm: str, connection: sa.Connection) -> Graph:
    """Row by row. Each id is in memory once, whoever names it: of a million objects that saves a fourth."""
    graph = Graph()
    one = dict[str, str]().setdefault
    piecewise = {"yield_per": LOADED_AT_ONCE}
    columns = [nodes.c[name] for name in Node.__struct_fields__]
    found = connection.execute(sa.select(*columns).where(nodes.c.realm == realm), execution_options=piecewise)
    for id_, kind, owner, *rest in found:
        graph.put(Node(one(id_, id_), one(kind, kind), one(owner, owner), *rest))  # type: ignore[arg-type]
    columns = [links.c.tail, links.c.head, links.c.level]
    found = connection.execute(sa.select(*columns).where(links.c.realm == realm), execution_options=piecewise)
    for tail, head, granted in found:
        graph.link(one(tail, tail), one(head, head), granted)
    return graph


def read_log(realm: str, after: Position, limit: int, connection: sa.Connection) -> Slice:
    """What follows a position; a reset when the entry of that position is not there any more."""
    log = permission_log.c
    wanted = sa.select(log.revision, log.at_us, log.rows).where(log.realm == realm, log.revision >= after.revision)
    found = connection.execute(wanted.order_by(log.revision).limit(limit + 2)).all()
    is_gapless = [row.revision for row in found] == list(range(after.revision, after.revision + len(found)))
    if not found or not is_gapless or found[0].at_us != after.at_us:
        return Slice([], is_whole=False, is_reset=True)
    entries = [
        Entry(Position(revision, at_us), msgspec.json.decode(rows, type=Rows)) for revision, at_us, rows in found[1:]
    ]
    return Slice(entries[:limit], is_whole=len(entries) <= limit)


def audit(realm: str, after: int, limit: int, about: tuple[str | None, str | None], connection: sa.Connection) -> Audit:
    """Changes after a revision that name an object (in what they asked or changed) and were made by a user."""
    object_id, user = about
    log = permission_log.c
    columns = (*_AUDITED, log.rows) if object_id is not None else _AUDITED
    wanted = sa.select(*columns).where(log.realm == realm, log.revision > after).order_by(log.revision)
    changes: list[LoggedChange] = []
    revision = after
    seen = 0
    for row in connection.execute(wanted.limit(AUDIT_SCAN_LIMIT)):
        if len(changes) == limit:
            return Audit(changes, revision)
        seen += 1
        revision = row.revision
        if (user is None or row.actor == user) and (object_id is None or _names(object_id, row.asked, row.rows)):
            changes.append(LoggedChange(row.revision, row.at_us, row.actor, msgspec.Raw(row.asked)))
    return Audit(changes, revision if seen == AUDIT_SCAN_LIMIT else None)


def _names(object_id: str, *documents: bytes) -> bool:
    """Whether the JSON documents have this id as a whole string: an id has no character that JSON escapes."""
    quoted = msgspec.json.encode(object_id)
    return any(quoted in document for document in documents)


def _newest(realm: str, connection: sa.Connection) -> Position | None:
    row = connection.execute(_NEWEST, {"realm": realm}).one_or_none()
    return None if row is None else Position(row.revision, row.at_us)


# --- writing --------------------------------------------------------------------------------------


def append(
    realm: str,
    changes: Sequence[NewChange],
    logged: Sequence[LoggedChange],
    keep: int | None,
    connection: sa.Connection,
) -> None:
    """Changes in their order: their rows, the end of tokens, and their entries; now and then the log is trimmed.

    Rows are deleted and inserted anew: the same on every database. Raises StoreUnavailable when the first revision is
    not the next one: another hand has written here.
    """
    newest = _newest(realm, connection)
    revision = 1 if newest is None else newest.revision + 1
    if logged[0].revision != revision:
        raise StoreUnavailable(
            f"change {logged[0].revision} of realm '{realm}' was to follow, but the store is at {revision - 1}: "
            f"something else has written there; start this server anew"
        )
    nodes_after: dict[str, Node | None] = {}
    granted_after: dict[tuple[str, str], int] = {}
    ended_users: set[str] = set()
    ended_tokens: set[str] = set()
    kept_tokens: dict[str, Token] = {}
    entries: list[dict[str, Any]] = []
    for change, entry in zip(changes, logged, strict=True):
        rows = Rows.of(change.changeset, change.tokens, change.ended_tokens)
        nodes_after |= rows.nodes
        granted_after |= {(tail, head): granted for tail, head, granted in rows.links}
        ended_users.update(rows.ended_users)
        ended_tokens.update(rows.ended_tokens)
        kept_tokens |= {token.id: token for token in rows.tokens}
        entries.append(_entry_row(realm, entry, rows))
    delete(nodes, [{"realm": realm, "id": node_id} for node_id in nodes_after], connection)
    delete(links, [{"realm": realm, "tail": tail, "head": head} for tail, head in granted_after], connection)
    delete(tokens, [{"realm": realm, "user": user} for user in sorted(ended_users)], connection)
    delete(tokens, [{"realm": realm, "id": id_} for id_ in [*kept_tokens, *sorted(ended_tokens)]], connection)
    insert(tokens, [{"realm": realm, **msgspec.structs.asdict(token)} for token in kept_tokens.values()], connection)
    insert(nodes, [_node_row(realm, node) for node in nodes_after.values() if node is not None], connection)
    insert(links, [_link_row(realm, *link, granted) for link, granted in granted_after.items() if granted], connection)
    insert(permission_log, entries, connection)
    if keep is not None and logged[-1].revision // TRIM_EVERY > (revision - 1) // TRIM_EVERY:
        trim(realm, keep, connection)


def trim(realm: str, keep: int, connection: sa.Connection) -> int:
    """Forget all entries but the newest; how many went. The newest itself always stays: revisions go on from it."""
    newest = _newest(realm, connection)
    if newest is None:
        return 0
    oldest = newest.revision - max(keep, 1)
    log = permission_log.c
    return connection.execute(permission_log.delete().where(log.realm == realm, log.revision <= oldest)).rowcount


def insert(table: sa.Table, rows: list[dict[str, Any]], connection: sa.Connection) -> None:
    """New rows, maybe none."""
    if rows:
        connection.execute(_insert_into(table), rows)


def delete(table: sa.Table, keys: list[dict[str, str]], connection: sa.Connection) -> None:
    """The rows that have these values in these columns, the same columns for all."""
    if keys:
        values = [{f"key_{name}": value for name, value in key.items()} for key in keys]
        connection.execute(_delete_from(table, tuple(keys[0])), values)


@cache
def _insert_into(table: sa.Table) -> sa.Insert:
    return table.insert()


@cache
def _delete_from(table: sa.Table, names: tuple[str, ...]) -> sa.Delete:
    return table.delete().where(*(table.c[name] == sa.bindparam(f"key_{name}") for name in names))


def _node_row(realm: str, node: Node) -> dict[str, Any]:
    return {"realm": realm, **msgspec.structs.asdict(node)}


def _link_row(realm: str, tail: str, head: str, granted: int) -> dict[str, Any]:
    return {"realm": realm, "tail": tail, "head": head, "level": granted}


def _entry_row(realm: str, entry: LoggedChange, rows: Rows) -> dict[str, Any]:
    return {
        "realm": realm,
        "revision": entry.revision,
        "at_us": entry.at_us,
        "actor": entry.actor,
        "asked": bytes(entry.asked),
        "rows": msgspec.json.encode(rows),
    }
