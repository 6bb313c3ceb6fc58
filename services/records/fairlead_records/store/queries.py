"""All SQL of the record service, a sentence before each query. SQLite and PostgreSQL take all of it."""

from __future__ import annotations

from sqlalchemy import text

# The realm's epoch and secret, if it has been here.
REALM = text("SELECT epoch, secret FROM record_realms WHERE realm = :realm")

INSERT_REALM = text("INSERT INTO record_realms (realm, epoch, secret) VALUES (:realm, :epoch, :secret)")

# Everything that there is, in the order in which it was made.
RECORDS = text(
    """
    SELECT id, kind, owner, object, version, revision, created_us, changed_us, state, crc
    FROM records WHERE realm = :realm ORDER BY created_us, id
    """
)

# The latest changes, the last one first.
CHANGES = text(
    """
    SELECT number, id, is_new, is_deleted,
           kind, owner, object, version, revision, created_us, changed_us, state, crc
    FROM record_changes WHERE realm = :realm ORDER BY number DESC LIMIT :limit
    """
)

# All that a new epoch does not know.
DELETE_CHANGES = text("DELETE FROM record_changes WHERE realm = :realm")

# What came of requests with a key, the oldest first.
ANSWERS = text("SELECT authid, key, result, at_us FROM record_answers WHERE realm = :realm ORDER BY at_us")

# A record as it is now, whether it was there or not.
UPSERT_RECORD = text(
    """
    INSERT INTO records (realm, id, kind, owner, object, version, revision, created_us, changed_us, state, crc)
    VALUES (:realm, :id, :kind, :owner, :object, :version, :revision, :created_us, :changed_us, :state, :crc)
    ON CONFLICT (realm, id) DO UPDATE SET
        kind = excluded.kind, owner = excluded.owner, object = excluded.object, version = excluded.version,
        revision = excluded.revision, created_us = excluded.created_us, changed_us = excluded.changed_us,
        state = excluded.state, crc = excluded.crc
    """
)

DELETE_RECORD = text("DELETE FROM records WHERE realm = :realm AND id = :id")

INSERT_CHANGE = text(
    """
    INSERT INTO record_changes (realm, number, id, is_new, is_deleted, kind, owner, object, version, revision,
                                created_us, changed_us, state, crc)
    VALUES (:realm, :number, :id, :is_new, :is_deleted, :kind, :owner, :object, :version, :revision,
            :created_us, :changed_us, :state, :crc)
    """
)

# What came of a request; one that was forgotten here and asked again replaces what is there.
UPSERT_ANSWER = text(
    """
    INSERT INTO record_answers (realm, authid, key, result, at_us) VALUES (:realm, :authid, :key, :result, :at_us)
    ON CONFLICT (realm, authid, key) DO UPDATE SET result = excluded.result, at_us = excluded.at_us
    """
)

# Where the changes begin.
FIRST_CHANGE = text("SELECT min(number) FROM record_changes WHERE realm = :realm")

# The oldest changes; the caller takes few at a time, for each holds up the writer.
TRIM_CHANGES = text("DELETE FROM record_changes WHERE realm = :realm AND number <= :upto")

TRIM_ANSWERS = text("DELETE FROM record_answers WHERE realm = :realm AND at_us < :before")
