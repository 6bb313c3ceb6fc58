"""What Prometheus reads of the log service: the figures of `LogService.stats`, made anew for each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead_logstream import COMMIT_BOUNDS_S, Durations, LogCounters, LogService, LogStats

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
        self._realm = realm
        self._logs = logs

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is asked for: registering makes no figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        stats = self._logs.stats()
        counters = stats.counters
        states = {"open": stats.streams_open, "sealed": stats.streams_sealed, "stale": stats.streams_stale}
        yield self._by("streams", "Streams; those that are stale are open too.", "state", states)
        followers = {"live": stats.followers_live, "reading": stats.followers_reading}
        yield self._by("followers", "Readers that have caught up, and those that have not.", "state", followers)
        for name, text, value in _GAUGES:
            gauge = GaugeMetricFamily(f"fairlead_log_{name}", text, labels=["realm"])
            gauge.add_metric([self._realm], value(stats))
            yield gauge
        for name, text, count in _COUNTERS:
            counter = CounterMetricFamily(f"fairlead_log_{name}", text, labels=["realm"])
            counter.add_metric([self._realm], count(counters))
            yield counter
        yield self._refused(counters)
        yield self._commits(counters.commits)

    def _by(self, name: str, text: str, label: str, values: dict[str, int]) -> Metric:
        gauge = GaugeMetricFamily(f"fairlead_log_{name}", text, labels=["realm", label])
        for key, value in values.items():
            gauge.add_metric([self._realm, key], value)
        return gauge

    def _refused(self, counters: LogCounters) -> Metric:
        text = "What was asked of streams and refused, by the error."
        counter = CounterMetricFamily("fairlead_log_refused", text, labels=["realm", "error"])
        for error, number in counters.refused.items():
            counter.add_metric([self._realm, error], number)
        return counter

    def _commits(self, commits: Durations) -> Metric:
        text = "Seconds from handing a write to the store until it is durable and its appends are acknowledged."
        bounds = [*map(str, COMMIT_BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, accumulate(commits.counts), strict=True))
        histogram = HistogramMetricFamily("fairlead_log_commit_seconds", text, labels=["realm"])
        histogram.add_metric([self._realm], buckets, commits.total_s)
        return histogram
