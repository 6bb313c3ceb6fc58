"""The SQL that makes an outbox, and that which takes it away: texts, to be read before they are run.

The triggers fire once a statement, so an UPDATE of thousands of rows costs one INSERT of as many small ones. They write
in the transaction of the change: what is rolled back was never there, what commits is in the outbox. What an UPDATE
leaves as it was is not told.
"""

from __future__ import annotations

from fairlead_server.errors import CommandError
from fairlead_server.outbox.names import EVENTS, Names, literal, quoted

LOCK_TIMEOUT_S = 5
"""How long the table's writers may have to wait behind us, who wait for one of them: then we give up."""

_BODY = "$outbox$"
"""What stands around the function's body, so no name in it may have that."""

_OUTBOXES = """\
CREATE TABLE IF NOT EXISTS {outboxes} (
    name text PRIMARY KEY,
    epoch uuid NOT NULL,
    source oid NOT NULL,
    id_column text NOT NULL,
    notifies boolean NOT NULL,
    consumed pg_snapshot
);
"""

# The triggers go with their function, also from a table that has another name by now.
_DROP = """\
DROP FUNCTION IF EXISTS {rows}() CASCADE;
DROP TABLE IF EXISTS {rows};
DELETE FROM {outboxes} WHERE name = {name};
"""

_ROWS = """\
CREATE TABLE {rows} (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    key text NOT NULL,
    op text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (xid, id)
);
"""

# Whole rows are compared by their bytes (*<>): not every type has an operator for equality. Keys are by their texts: a
# collation may take two of them for the same, which are two records.
_FUNCTION = """\
CREATE FUNCTION {rows}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $outbox$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO {rows} (key, op) SELECT made.{id}::text, 'insert' FROM made;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO {rows} (key, op) SELECT gone.{id}::text, 'delete' FROM gone;
    ELSIF TG_OP = 'TRUNCATE' THEN
        INSERT INTO {rows} (key, op) VALUES ('', 'truncate');
    ELSE
        INSERT INTO {rows} (key, op)
        SELECT coalesce(made.{id}, gone.{id})::text,
            CASE WHEN gone.{id} IS NULL THEN 'insert' WHEN made.{id} IS NULL THEN 'delete' ELSE 'update' END
        FROM gone FULL JOIN made ON gone.{id}::text COLLATE "C" = made.{id}::text COLLATE "C"
        WHERE gone.{id} IS NULL OR made.{id} IS NULL OR gone *<> made;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- What was told must not be undone by a crash of the database.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'local', true);
    END IF;
{notify}    RETURN NULL;
END
$outbox$;
"""

# PostgreSQL sends equal notifications of a transaction once.
_NOTIFY = """\
    PERFORM pg_notify({channel}, '');
"""

_TRIGGER = """\
CREATE TRIGGER {trigger} AFTER {event} ON {source}
{transition}    FOR EACH STATEMENT EXECUTE FUNCTION {rows}();
"""

_TRANSITIONS = {
    "insert": "    REFERENCING NEW TABLE AS made\n",
    "update": "    REFERENCING OLD TABLE AS gone NEW TABLE AS made\n",
    "delete": "    REFERENCING OLD TABLE AS gone\n",
    "truncate": "",
}

_REGISTER = """\
INSERT INTO {outboxes} (name, epoch, source, id_column, notifies)
VALUES ({name}, gen_random_uuid(), {source_name}::regclass, {id_name}, {notifies});
"""


def install_script(names: Names, id_column: str, *, notifies: bool) -> str:
    """Makes the outbox, anew if there is one: with another epoch, so that its follower copies the table again.

    Raises CommandError.
    """
    values = _names_in_sql(names) | {
        "id": quoted(id_column),
        "notify": _NOTIFY.format(channel=literal(names.channel)) if notifies else "",
        "source_name": literal(names.source),
        "id_name": literal(id_column),
        "notifies": str(notifies).lower(),
    }
    if any(_BODY in each for each in values.values()):
        raise CommandError(f"a name with {_BODY} in it cannot be followed")
    triggers = [
        _TRIGGER.format(
            trigger=quoted(names.trigger(event)), event=event.upper(), transition=_TRANSITIONS[event], **values
        )
        for event in EVENTS
    ]
    parts = [part.format(**values) for part in (_OUTBOXES, _DROP, _ROWS, _FUNCTION)]
    return _transaction([*parts, *triggers, _REGISTER.format(**values)])


def remove_script(names: Names) -> str:
    """Takes the outbox away; the table is as it was before."""
    return _transaction([_DROP.format(**_names_in_sql(names))])


def _names_in_sql(names: Names) -> dict[str, str]:
    return {
        "outboxes": names.outboxes,
        "rows": names.rows,
        "source": names.source,
        "name": literal(names.outbox),
    }


def _transaction(parts: list[str]) -> str:
    return "".join(["BEGIN;\n", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s';\n", *parts, "COMMIT;\n"])
