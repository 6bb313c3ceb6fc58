"""What Prometheus reads of the record service: the figures of `RecordService.stats`, made anew for each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from fairlead_records import RecordCounters, RecordService, RecordStats
from fairlead_server.service_metrics import ServiceMetrics

_GAUGES: tuple[tuple[str, str, Callable[[RecordStats], float]], ...] = (
    ("records", "Records that are there.", lambda stats: stats.records),
    ("record_bytes", "Bytes of these records, as they are told.", lambda stats: stats.record_bytes),
    ("kept_changes", "Changes that watchers may resume from.", lambda stats: stats.kept_changes),
    ("kept_answers", "Answers that repeated requests get again.", lambda stats: stats.kept_answers),
    ("watches", "Calls of watch.", lambda stats: stats.watches),
    ("containers_queued", "Containers that wait to be taken.", lambda stats: stats.containers_queued),
    ("containers_held", "Containers that a dispatcher has locked or runs.", lambda stats: stats.containers_held),
    ("waiting_bytes", "Bytes of requests that wait for the write before theirs.", lambda stats: stats.waiting_bytes),
    ("store_backlog", "Jobs that wait for the writer of the store.", lambda stats: stats.backlog),
)

_COUNTERS: tuple[tuple[str, str, Callable[[RecordCounters], float]], ...] = (
    ("groups", "Durable writes; each has one or more requests.", lambda counters: counters.groups),
    ("changes", "Changes of records, new and deleted ones included.", lambda counters: counters.changes),
    ("writes_failed", "Writes that the store did not take.", lambda counters: counters.writes_failed),
)


class RecordCollector(Collector):
    """The metrics of a realm's record service, all with the prefix `fairlead_records_`."""

    def __init__(self, realm: str, records: RecordService) -> None:
        self._metrics = ServiceMetrics("fairlead_records_", realm)
        self._records = records

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is asked for: registering makes no figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        stats, metrics = self._records.stats(), self._metrics
        yield from metrics.gauges(_GAUGES, stats)
        yield from metrics.counters(_COUNTERS, stats.counters)
        yield metrics.refused("What was asked of records and refused, by the error.", stats.counters.refused)
        yield metrics.commits(
            "Seconds from handing a write to the store until it is durable and its requests are answered.",
            stats.counters.commits,
        )
