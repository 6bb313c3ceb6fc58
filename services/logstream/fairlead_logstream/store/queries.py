"""All SQL of the log service, a sentence before each query. SQLite and PostgreSQL take all of it."""

from __future__ import annotations

from sqlalchemy import text

# All streams of a realm with their heads: where the last chunk ends, or where retention has come to.
STREAMS = text(
    """
    SELECT id, name, object, epoch, created_us, attempt, oldest, is_sealed, exit_code, reason,
           coalesce((SELECT first + count FROM chunks WHERE stream_id = streams.id ORDER BY first DESC LIMIT 1),
                    oldest) AS head
    FROM streams WHERE realm = :realm
    """
)

# One of them, by name.
STREAM = text(f"{STREAMS.text} AND name = :name")

# A new stream; a name that exists already stays as it is.
INSERT_STREAM = text(
    """
    INSERT INTO streams (realm, name, object, epoch, created_us, attempt, oldest, is_sealed)
    VALUES (:realm, :name, :object, :epoch, :created_us, :attempt, 0, :is_sealed)
    ON CONFLICT (realm, name) DO NOTHING
    """
)

# A stream's attempt and end have changed.
UPDATE_STREAM = text(
    """
    UPDATE streams SET attempt = :attempt, is_sealed = :is_sealed, exit_code = :exit_code, reason = :reason
    WHERE id = :id
    """
)

# Who has written to a stream, and how far.
PRODUCERS = text("SELECT name, term, seq FROM producers WHERE stream_id = :stream_id")

# A producer has come so far.
UPSERT_PRODUCER = text(
    """
    INSERT INTO producers (stream_id, name, term, seq) VALUES (:stream_id, :name, :term, :seq)
    ON CONFLICT (stream_id, name) DO UPDATE SET term = excluded.term, seq = excluded.seq
    """
)

# A batch. A number that is taken already is an error: another process writes this stream.
INSERT_CHUNK = text(
    """
    INSERT INTO chunks (stream_id, first, count, min_time_us, max_time_us, publication, codec, crc, data)
    VALUES (:stream_id, :first, :count, :min_time_us, :max_time_us, :publication, :codec, :crc, :data)
    """
)

# The batches that meet a range, from the one that holds its start. Rows are taken one by one up to a size.
CHUNKS = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, crc, data FROM chunks
    WHERE stream_id = :stream_id AND first < :end AND first >= coalesce(
        (SELECT max(first) FROM chunks WHERE stream_id = :stream_id AND first <= :start), :start)
    ORDER BY first
    """
).execution_options(stream_results=True)

# The sizes of the batches before an end, the last one first: how far back a tail reaches.
SIZES_BACKWARDS = text(
    """
    SELECT first, length(data) FROM chunks WHERE stream_id = :stream_id AND first < :end ORDER BY first DESC
    """
).execution_options(stream_results=True)

# The first batch that has a record of a time or later.
CHUNK_SINCE = text(
    """
    SELECT first, count, min_time_us, max_time_us, publication, codec, crc, data FROM chunks
    WHERE stream_id = :stream_id AND first =
        (SELECT min(first) FROM chunks WHERE stream_id = :stream_id AND max_time_us >= :time_us)
    """
)
