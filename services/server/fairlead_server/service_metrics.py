"""How a service's figures become Prometheus' metrics: each with the service's prefix, and the label of its realm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from fairlead_common.counting import COMMIT_BOUNDS_S, Durations

T = TypeVar("T")

Rows = Iterable[tuple[str, str, Callable[[T], float]]]
"""Of each metric its name, what it means, and how it is read off the figures."""


class ServiceMetrics:
    """Makes the metrics of one service in one realm."""

    def __init__(self, prefix: str, realm: str) -> None:
        self._prefix = prefix
        self._realm = realm

    def gauges(self, rows: Rows[T], figures: T) -> Iterator[Metric]:
        """What is so now."""
        for name, text, value in rows:
            gauge = GaugeMetricFamily(f"{self._prefix}{name}", text, labels=["realm"])
            gauge.add_metric([self._realm], value(figures))
            yield gauge

    def counters(self, rows: Rows[T], figures: T) -> Iterator[Metric]:
        """What has happened since the start."""
        for name, text, value in rows:
            counter = CounterMetricFamily(f"{self._prefix}{name}", text, labels=["realm"])
            counter.add_metric([self._realm], value(figures))
            yield counter

    def gauge_by(self, label: str, name: str, text: str, values: Mapping[str, float]) -> Metric:
        """What is so now, a sample for each value of the label."""
        gauge = GaugeMetricFamily(f"{self._prefix}{name}", text, labels=["realm", label])
        for key, value in values.items():
            gauge.add_metric([self._realm, key], value)
        return gauge

    def refused(self, text: str, errors: Mapping[str, int]) -> Metric:
        """What was refused, by the last part of the error's URI."""
        counter = CounterMetricFamily(f"{self._prefix}refused", text, labels=["realm", "error"])
        for error, number in errors.items():
            counter.add_metric([self._realm, error], number)
        return counter

    def commits(self, text: str, durations: Durations) -> Metric:
        """How long commits took."""
        bounds = [*map(str, COMMIT_BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
        histogram = HistogramMetricFamily(f"{self._prefix}commit_seconds", text, labels=["realm"])
        histogram.add_metric([self._realm], buckets, durations.total_s)
        return histogram
