"""What has happened in the log service since its start, counted where it is known: never for each record."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""A good disk writes in one or two milliseconds; seconds are those of a full disk or a database that is away."""


class Durations(msgspec.Struct):
    """How long something took: a histogram."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(COMMIT_BOUNDS_S) + 1))
    """How often it took up to each of COMMIT_BOUNDS_S and longer than the one before; the last is longer than all."""

    total_s: float = 0.0

    def add(self, duration_s: float) -> None:
        """It took so long."""
        self.counts[bisect_left(COMMIT_BOUNDS_S, duration_s)] += 1
        self.total_s += duration_s


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


def count(table: dict[str, int], uri: str) -> None:
    """One more of this error. The URIs are ours, so there are never many."""
    name = uri.rpartition(".")[2]
    table[name] = table.get(name, 0) + 1
