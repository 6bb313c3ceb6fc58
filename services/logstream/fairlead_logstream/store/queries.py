"""All SQL of the log service, a sentence before each query. SQLite and PostgreSQL take all of it,
but for arrays and row locks: those are for a database that servers share, which is PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import text

# All streams of a realm with their ends: where the last chunk ends, or where retention has come to. The first and the
# last chunk of each are found in the index: what a stream holds between them costs nothing.
STREAMS = text(
    """
    SELECT streams.id, name, object, epoch, created_us, attempt, is_sealed, exit_code, reason, metadata, retention,
           heartbeat_s, dropped_records, dropped_bytes, dropped_reason, oldest, version,
           coalesce(last.first + last.count, oldest) AS head,
           coalesce(last.bytes_before + last.size, 0) AS written_bytes,
           coalesce(kept.bytes_before, 0) AS trimmed_bytes,
           coalesce(last.max_time_us, 0) AS last_us
    FROM streams
    LEFT JOIN chunks AS last ON last.id =
        (SELECT id FROM chunks WHERE stream_id = streams.id ORDER BY first DESC LIMIT 1)
    LEFT JOIN chunks AS kept ON kept.id =
        (SELECT id FROM chunks WHERE stream_id = streams.id AND first >= oldest ORDER BY first LIMIT 1)
    WHERE realm = :realm
    """
)

# One of them, by name.
STREAM = text(f"{STREAMS.text} AND name = :name")

# Some of them, by id.
STREAMS_BY_ID = text(f"{STREAMS.text} AND streams.id = ANY(:ids)")

# How often each has changed.
VERSIONS = text("SELECT id, version FROM streams WHERE realm = :realm")

# The rows of some streams are ours until the transaction ends, taken in an order that all keep.
LOCK_STREAMS = text("SELECT id, version FROM streams WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")

# They change once more.
COUNT_VERSIONS = text("UPDATE streams SET version = version + 1 WHERE id = ANY(:ids)")

# A new stream; a name that exists already stays as it is.
INSERT_STREAM = text(
    """
    INSERT INTO streams (realm, name, object, epoch, created_us, attempt, oldest, is_sealed, metadata, retention,
                         heartbeat_s)
    VALUES (:realm, :name, :object, :epoch, :created_us, :attempt, 0, :is_sealed, :metadata, :retention, :heartbeat_s)
    ON CONFLICT (realm, name) DO NOTHING
    """
)

# A stream's state has changed.
UPDATE_STREAM = text(
    """
    UPDATE streams SET attempt = :attempt, is_sealed = :is_sealed, exit_code = :exit_code, reason = :reason,
        metadata = :metadata, retention = :retention, heartbeat_s = :heartbeat_s,
        dropped_records = :dropped_records, dropped_bytes = :dropped_bytes, dropped_reason = :dropped_reason
    WHERE id = :id
    """
)

# Who has written to a stream, and how far.
PRODUCERS = text("SELECT name, term, seq, unit FROM producers WHERE stream_id = :stream_id")

# A producer has come so far.
UPSERT_PRODUCER = text(
    """
    INSERT INTO producers (stream_id, name, term, seq, unit) VALUES (:stream_id, :name, :term, :seq, :unit)
    ON CONFLICT (stream_id, name) DO UPDATE SET term = excluded.term, seq = excluded.seq, unit = excluded.unit
    """
)

# A batch. A number that is taken already is an error: another process writes this stream.
INSERT_CHUNK = text(
    """
    INSERT INTO chunks (stream_id, first, count, min_time_us, max_time_us, publication, codec, crc, size, bytes_before,
                        data)
    VALUES (:stream_id, :first, :count, :min_time_us, :max_time_us, :publication, :codec, :crc, :size, :bytes_before,
            :data)
    """
)

# The batches that meet a range, from the one that holds its start. Rows are taken one by one up to a size.
CHUNKS = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, crc, size, data FROM chunks
    WHERE stream_id = :stream_id AND first < :end AND first >= coalesce(
        (SELECT max(first) FROM chunks WHERE stream_id = :stream_id AND first <= :start), :start)
    ORDER BY first
    """
).execution_options(stream_results=True)

# The sizes of the batches before an end, the last one first: how far back a tail reaches.
SIZES_BACKWARDS = text(
    """
    SELECT first, size FROM chunks WHERE stream_id = :stream_id AND first < :end ORDER BY first DESC
    """
).execution_options(stream_results=True)

# The first batch that has a record of a time or later.
CHUNK_SINCE = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, crc, size, data FROM chunks
    WHERE stream_id = :stream_id AND first =
        (SELECT min(first) FROM chunks WHERE stream_id = :stream_id AND max_time_us >= :time_us)
    """
)
