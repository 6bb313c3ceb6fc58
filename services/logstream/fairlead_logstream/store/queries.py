"""All SQL of the log service, a sentence before each query. SQLite and PostgreSQL take all of it,
but for arrays and row locks: those are for a database that servers share, which is PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import text

# All streams of a realm with their ends: where the last chunk ends, or what is archived, or where retention is.
# The first and the last chunk and segment of each are found in the index: what lies between them costs nothing.
STREAMS = text(
    """
    SELECT streams.id, name, object, epoch, streams.created_us, attempt, is_sealed, exit_code, reason, metadata,
           retention, heartbeat_s, dropped_records, dropped_bytes, dropped_reason, dropped_producer, attempts, oldest,
           version, archived,
           coalesce(last.first + last.count, CASE WHEN archived > oldest THEN archived ELSE oldest END) AS head,
           coalesce(last.bytes_before + last.size, latest.bytes_before + latest.bytes, 0) AS written_bytes,
           coalesce(earliest.bytes_before, kept.bytes_before, last.bytes_before + last.size,
                    latest.bytes_before + latest.bytes, 0) AS trimmed_bytes,
           coalesce(earliest.stored_us, kept.stored_us, 0) AS oldest_us,
           coalesce(last.max_time_us, latest.last_us, 0) AS last_us,
           coalesce(last.stored_us, latest.stored_us, 0) AS written_us
    FROM streams
    LEFT JOIN chunks AS last ON last.id =
        (SELECT id FROM chunks WHERE stream_id = streams.id ORDER BY first DESC LIMIT 1)
    LEFT JOIN chunks AS kept ON kept.id =
        (SELECT id FROM chunks WHERE stream_id = streams.id AND first >= oldest ORDER BY first LIMIT 1)
    LEFT JOIN archives AS latest ON latest.stream_id = streams.id AND latest.first =
        (SELECT first FROM archives WHERE stream_id = streams.id ORDER BY first DESC LIMIT 1)
    LEFT JOIN archives AS earliest ON earliest.stream_id = streams.id AND earliest.first =
        (SELECT first FROM archives WHERE stream_id = streams.id AND next > oldest ORDER BY first LIMIT 1)
    WHERE realm = :realm AND name NOT LIKE '/%'
    """
)

# One of them, by name.
STREAM = text(f"{STREAMS.text} AND name = :name")

# Some of them, by id.
STREAMS_BY_ID = text(f"{STREAMS.text} AND streams.id = ANY(:ids)")

# How often each has changed.
VERSIONS = text("SELECT id, version FROM streams WHERE realm = :realm AND name NOT LIKE '/%'")

VERSIONS_BY_ID = text(f"{VERSIONS.text} AND id = ANY(:ids)")

# Whoever listens hears that streams have changed.
NOTIFY = text("SELECT pg_notify(:channel, :payload)")

# The rows of some streams are ours until the transaction ends, taken in an order that all keep.
LOCK_STREAMS = text("SELECT id, version FROM streams WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")

# They change once more.
COUNT_VERSIONS = text("UPDATE streams SET version = version + 1 WHERE id = ANY(:ids)")

# A new stream; a name that exists already stays as it is.
INSERT_STREAM = text(
    """
    INSERT INTO streams (realm, name, object, epoch, created_us, attempt, oldest, is_sealed, metadata, retention,
                         heartbeat_s, attempts)
    VALUES (:realm, :name, :object, :epoch, :created_us, :attempt, 0, :is_sealed, :metadata, :retention,
            :heartbeat_s, :attempts)
    ON CONFLICT (realm, name) DO NOTHING
    """
)

# A stream's state has changed.
UPDATE_STREAM = text(
    """
    UPDATE streams SET attempt = :attempt, is_sealed = :is_sealed, exit_code = :exit_code, reason = :reason,
        metadata = :metadata, retention = :retention, heartbeat_s = :heartbeat_s,
        dropped_records = :dropped_records, dropped_bytes = :dropped_bytes, dropped_reason = :dropped_reason,
        dropped_producer = :dropped_producer, attempts = :attempts
    WHERE id = :id
    """
)

# Who has written to a stream, and how far.
PRODUCERS = text("SELECT name, term, seq, unit, records, bytes FROM producers WHERE stream_id = :stream_id")

# A producer has come so far.
UPSERT_PRODUCER = text(
    """
    INSERT INTO producers (stream_id, name, term, seq, unit, records, bytes)
    VALUES (:stream_id, :name, :term, :seq, :unit, :records, :bytes)
    ON CONFLICT (stream_id, name) DO UPDATE SET term = excluded.term, seq = excluded.seq, unit = excluded.unit,
        records = excluded.records, bytes = excluded.bytes
    """
)

# A batch. A number that is taken already is an error: another process writes this stream.
INSERT_CHUNK = text(
    """
    INSERT INTO chunks (stream_id, first, count, min_time_us, max_time_us, publication, codec, crc, size, bytes_before,
                        stored_us, data)
    VALUES (:stream_id, :first, :count, :min_time_us, :max_time_us, :publication, :codec, :crc, :size, :bytes_before,
            :stored_us, :data)
    """
)

# The batches that meet a range, from the one that holds its start. Rows are taken one by one up to a size.
CHUNKS = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, size, crc, data FROM chunks
    WHERE stream_id = :stream_id AND first < :end AND first >= coalesce(
        (SELECT max(first) FROM chunks WHERE stream_id = :stream_id AND first <= :start), :start)
    ORDER BY first
    """
).execution_options(stream_results=True)

# The same, the last one first.
CHUNKS_BACKWARDS = text(f"{CHUNKS.text} DESC").execution_options(stream_results=True)

# The sizes of the batches before an end, the last one first: how far back a tail reaches.
SIZES_BACKWARDS = text(
    """
    SELECT first, size FROM chunks WHERE stream_id = :stream_id AND first < :end ORDER BY first DESC
    """
).execution_options(stream_results=True)

# The batch that holds a byte of the stream: the last one that begins at it or before.
CHUNK_WITH_BYTE = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, size, crc, data, bytes_before FROM chunks
    WHERE stream_id = :stream_id AND first < :end AND bytes_before <= :offset ORDER BY first DESC LIMIT 1
    """
)

# Where the next batch begins.
NEXT_CHUNK = text("SELECT min(first) FROM chunks WHERE stream_id = :stream_id AND first > :first")

# The first batch that has a record of a time or later.
CHUNK_SINCE = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, size, crc, data FROM chunks
    WHERE stream_id = :stream_id AND first =
        (SELECT min(first) FROM chunks WHERE stream_id = :stream_id AND max_time_us >= :time_us)
    """
)

# The batches from a number on, without their records.
OUTLINES = text(
    """
    SELECT first, count, size, stored_us FROM chunks WHERE stream_id = :stream_id AND first >= :start
    ORDER BY first LIMIT :limit
    """
)

# The batch that holds a number, else the last one before it, else the first; and how much was written before.
CHUNK_AT = text(
    """
    SELECT first, count, size, bytes_before FROM chunks
    WHERE stream_id = :stream_id AND first = coalesce(
        (SELECT max(first) FROM chunks WHERE stream_id = :stream_id AND first <= :number),
        (SELECT min(first) FROM chunks WHERE stream_id = :stream_id))
    """
)

# What is before a number is gone, for every reader.
TRIM = text("UPDATE streams SET oldest = :oldest, version = version + 1 WHERE id = :id AND oldest < :oldest")

# A stream is gone, for everybody: its name is free.
DELETE_STREAM = text(
    """
    UPDATE streams SET name = '/' || id, oldest = :oldest, version = version + 1 WHERE id = :id
    """
)

# The streams that have something left which is gone for every reader, or in the archive.
UNSWEPT = text(
    """
    SELECT id FROM streams
    WHERE realm = :realm AND (oldest > 0 OR archived > 0) AND (name LIKE '/%' OR EXISTS
        (SELECT 1 FROM chunks WHERE stream_id = streams.id
         AND first < CASE WHEN archived > oldest THEN archived ELSE oldest END))
    """
)

# Some chunks of a stream that are gone for every reader or in the archive, the oldest ones first.
SWEEP_CHUNKS = text(
    """
    DELETE FROM chunks WHERE id IN
        (SELECT chunks.id FROM chunks JOIN streams ON streams.id = stream_id
         WHERE stream_id = :stream_id AND first < CASE WHEN archived > oldest THEN archived ELSE oldest END
         ORDER BY first LIMIT :limit)
    """
)

# What else there is of a deleted stream, and at last the stream, when the archive has nothing of it any more.
SWEEP_STREAM = [
    text(f"DELETE FROM {table} WHERE {key} = (SELECT id FROM streams WHERE id = :stream_id AND name LIKE '/%')")
    for table, key in (
        ("producers", "stream_id"),
        ("cursors", "stream_id"),
    )
] + [
    text(
        """
        DELETE FROM streams WHERE id = :stream_id AND name LIKE '/%'
            AND NOT EXISTS (SELECT 1 FROM archives WHERE stream_id = :stream_id)
        """
    )
]

# How far a consumer has come. It goes back only if it is told to; its owner stays.
COMMIT_CURSOR = text(
    """
    INSERT INTO cursors (stream_id, name, owner, epoch, next, committed_us)
    VALUES (:stream_id, :name, :owner, :epoch, :next, :committed_us)
    ON CONFLICT (stream_id, name) DO UPDATE
    SET epoch = excluded.epoch, next = excluded.next, committed_us = excluded.committed_us
    WHERE :back OR excluded.epoch <> cursors.epoch OR excluded.next >= cursors.next
    """
)

# The cursors of a stream.
CURSORS = text("SELECT name, owner, epoch, next, committed_us FROM cursors WHERE stream_id = :stream_id ORDER BY name")

# One of them.
CURSOR = text(
    "SELECT name, owner, epoch, next, committed_us FROM cursors WHERE stream_id = :stream_id AND name = :name"
)

# A cursor is not needed any more.
DELETE_CURSOR = text("DELETE FROM cursors WHERE stream_id = :stream_id AND name = :name")

# The oldest chunks of a stream are in the archive, up to a number; if a chunk begins where they should.
ARCHIVED = text(
    """
    UPDATE streams SET archived = :next, version = version + 1
    WHERE id = :stream_id AND name NOT LIKE '/%' AND archived < :next
        AND :first = CASE WHEN archived > oldest THEN archived ELSE oldest END
        AND EXISTS (SELECT 1 FROM chunks WHERE stream_id = :stream_id AND first = :first)
    """
)

# Where they are.
INSERT_ARCHIVE = text(
    """
    INSERT INTO archives (stream_id, first, next, bytes, bytes_before, max_time_us, last_us, stored_us, location,
                          created_us)
    SELECT stream_id, first, :next, :size, bytes_before, :max_time_us, :last_us, :stored_us, :location, :created_us
    FROM chunks WHERE stream_id = :stream_id AND first = :first
    """
)

_ARCHIVES = """
    SELECT stream_id, first, next, bytes AS size, bytes_before, max_time_us, last_us, stored_us, location, created_us
    FROM archives
    """

_VISIBLE = f"{_ARCHIVES} WHERE stream_id = :stream_id AND next > (SELECT oldest FROM streams WHERE id = :stream_id)"

# The segments of a stream, from the one that holds a number on.
ARCHIVES = text(f"{_VISIBLE} AND next > :number ORDER BY first LIMIT :limit")

# The last segment that begins before a number.
ARCHIVE_BEFORE = text(f"{_VISIBLE} AND first < :number ORDER BY first DESC LIMIT 1")

# The segment that holds a byte of the stream: the last one that begins at it or before.
ARCHIVE_WITH_BYTE = text(f"{_VISIBLE} AND first < :end AND bytes_before <= :offset ORDER BY first DESC LIMIT 1")

# The first segment that has a record of a time or later.
ARCHIVE_SINCE = text(f"{_VISIBLE} AND max_time_us >= :time_us ORDER BY first LIMIT 1")

# Segments of a stream that are gone for every reader.
GONE_ARCHIVES_OF = text(
    f"""
    {_ARCHIVES} WHERE stream_id = :stream_id AND next <= (SELECT oldest FROM streams WHERE id = :stream_id)
    ORDER BY first LIMIT :limit
    """
)

# The same of all streams.
GONE_ARCHIVES = text(
    """
    SELECT stream_id, first, next, bytes AS size, bytes_before, max_time_us, last_us, stored_us, location,
           archives.created_us
    FROM archives JOIN streams ON streams.id = stream_id
    WHERE realm = :realm AND next <= oldest LIMIT :limit
    """
)

# The file of a segment is gone.
DELETE_ARCHIVE = text("DELETE FROM archives WHERE stream_id = :stream_id AND first = :first")
