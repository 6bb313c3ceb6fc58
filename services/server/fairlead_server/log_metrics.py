"""What Prometheus reads of the log service: the figures of `LogService.stats`, made anew for each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from fairlead_logstream import LogCounters, LogService, LogStats
from fairlead_server.service_metrics import ServiceMetrics

_GAUGES: tuple[tuple[str, str, Callable[[LogStats], float]], ...] = (
    ("stored_bytes", "Bytes of the records that are kept, as they are sent.", lambda stats: stats.stored_bytes),
    ("waiting_bytes", "Bytes of records that wait for the write before theirs.", lambda stats: stats.waiting_bytes),
    ("reads_waiting", "Calls of read that wait for a record.", lambda stats: stats.reads_waiting),
    ("store_backlog", "Jobs that wait for the writer of the store.", lambda stats: stats.backlog),
)

_COUNTERS: tuple[tuple[str, str, Callable[[LogCounters], float]], ...] = (
    ("appends", "Appends that arrived, refused ones included.", lambda counters: counters.appends),
    ("writes", "Durable changes of one stream each; each has one or more appends.", lambda counters: counters.writes),
    ("records", "Records that were stored.", lambda counters: counters.records),
    (
        "record_bytes",
        "Bytes of the records that were stored, as they are sent.",
        lambda counters: counters.record_bytes,
    ),
    ("writes_failed", "Writes that the store did not take.", lambda counters: counters.writes_failed),
    ("reads_failed", "How often the store could not be read.", lambda counters: counters.reads_failed),
    ("records_dropped", "Records over a budget, not stored.", lambda counters: counters.dropped_records),
    ("dropped_bytes", "Bytes of records over a budget, not stored.", lambda counters: counters.dropped_bytes),
    (
        "records_delivered",
        "Records that were sent to followers and members of topics, each for itself.",
        lambda counters: counters.records_delivered,
    ),
    ("cursors_committed", "Positions that consumers have committed.", lambda counters: counters.cursors_committed),
    ("damages", "Batches that were found damaged or missing.", lambda counters: counters.damages),
    ("records_trimmed", "Records that retention has taken.", lambda counters: counters.trimmed_records),
    ("trimmed_bytes", "Bytes of the records that retention has taken.", lambda counters: counters.trimmed_bytes),
    ("retention_rounds", "Rounds that retention has begun.", lambda counters: counters.retention_rounds),
    ("retention_failures", "Rounds of retention that the store ended.", lambda counters: counters.retention_failures),
    ("records_archived", "Records that were put into the archive.", lambda counters: counters.archived_records),
    ("archived_bytes", "Bytes of the records that were archived.", lambda counters: counters.archived_bytes),
    ("archive_failures", "How often archiving failed.", lambda counters: counters.archive_failures),
)


class LogCollector(Collector):
    """The metrics of a realm's log service, all with the prefix `fairlead_log_`."""

    def __init__(self, realm: str, logs: LogService) -> None:
        self._metrics = ServiceMetrics("fairlead_log_", realm)
        self._logs = logs

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is asked for: registering makes no figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        stats, metrics = self._logs.stats(), self._metrics
        counters = stats.counters
        states = {"open": stats.streams_open, "sealed": stats.streams_sealed, "stale": stats.streams_stale}
        yield metrics.gauge_by("state", "streams", "Streams; those that are stale are open too.", states)
        followers = {"live": stats.followers_live, "reading": stats.followers_reading}
        yield metrics.gauge_by("state", "followers", "Readers that have caught up, and those that have not.", followers)
        yield from metrics.gauges(_GAUGES, stats)
        yield from metrics.counters(_COUNTERS, counters)
        yield metrics.refused("What was asked of streams and refused, by the error.", counters.refused)
        yield metrics.commits(
            "Seconds from handing a write to the store until it is durable and its appends are acknowledged.",
            counters.commits,
        )
