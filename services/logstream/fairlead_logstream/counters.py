"""What has happened in the log service since its start, counted where it is known: never for each record."""

from __future__ import annotations

import msgspec

from fairlead_common.counting import Durations


class LogCounters(msgspec.Struct):
    """What has happened since the start. Bytes are those of records as they are sent in JSON."""

    appends: int = 0
    """Those that arrived, refused ones included."""

    writes: int = 0
    """Durable changes of one stream each: what a stream is asked while it is written goes with its next write."""

    records: int = 0
    record_bytes: int = 0
    """What was stored, markers included."""

    commits: Durations = msgspec.field(default_factory=Durations)
    """From handing a write to the store until it was durable, when its appends are acknowledged."""

    refused: dict[str, int] = {}
    """What was asked of streams and refused, by the last part of the error's URI: busy, gap, fenced, sealed, ..."""

    writes_failed: int = 0
    """Writes that the store did not take; all that was asked with one is refused as `store_failed`."""

    reads_failed: int = 0
    """How often records could not be read because the store failed."""

    dropped_records: int = 0
    dropped_bytes: int = 0
    """What was acknowledged over a budget and not stored."""

    records_delivered: int = 0
    """Records to followers, calls and members of topics, each for itself; before their filters."""

    followers_opened: int = 0
    followers_ended: int = 0
    """Cursors that read a stream: a member of a topic has one only until it has caught up."""

    cursors_committed: int = 0

    damages: int = 0
    """Batches that were found damaged or missing."""

    trimmed_records: int = 0
    trimmed_bytes: int = 0
    """What retention has taken."""

    retention_rounds: int = 0
    retention_failures: int = 0
    """Rounds that retention began, and those that the store ended."""

    archived_records: int = 0
    archived_bytes: int = 0
    """What was put into the archive."""

    archive_failures: int = 0
    """Rounds of the archivist that the archive or the store ended."""

    def copy(self) -> LogCounters:
        """As they are now."""
        commits = Durations(list(self.commits.counts), self.commits.total_s)
        return msgspec.structs.replace(self, commits=commits, refused=dict(self.refused))
