"""What Prometheus reads at /metrics: the figures of `Router.stats`, of others (log_metrics.py) and of the process.

They are made anew for each scrape.

Nobody logs in to read it, as is usual with Prometheus. It names realms and counts what is in them: on loopback
everybody on the machine may see that; a server that others can reach says so in its configuration (`metrics = true`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from fairlead_router import RealmStats, Router, RouterStats

CONTENT_TYPE = CONTENT_TYPE_LATEST

_GAUGES: tuple[tuple[str, str, Callable[[RealmStats], float]], ...] = (
    ("principals", "Different authids among the open sessions.", lambda stats: stats.principals),
    ("subscriptions", "Subscriptions of all sessions.", lambda stats: stats.subscriptions),
    ("registrations", "Registrations of all sessions.", lambda stats: stats.registrations),
    ("calls_in_progress", "Calls between CALL and their last RESULT or ERROR.", lambda stats: stats.calls),
    ("queued_messages", "Messages that wait for their sessions to read.", lambda stats: stats.queued_messages),
    ("queued_bytes", "Bytes that wait for their sessions to read.", lambda stats: stats.queued_bytes),
    (
        "largest_outbox_bytes",
        "Bytes that wait for the session for which most waits.",
        lambda stats: stats.largest_outbox_bytes,
    ),
)

_COUNTERS: tuple[tuple[str, str, Callable[[RealmStats], float]], ...] = (
    ("messages_received", "Messages that sessions sent.", lambda stats: stats.messages_received),
    ("messages_sent", "Messages that sessions were sent.", lambda stats: stats.messages_sent),
    ("sent_bytes", "Bytes that sessions were sent, framing included.", lambda stats: stats.bytes_sent),
    ("sessions_opened", "Sessions that have opened.", lambda stats: stats.counters.sessions_opened),
    ("sessions_too_slow", "How often a session did not keep up.", lambda stats: stats.counters.sessions_too_slow),
    ("events_lost", "Events that slow sessions did not get.", lambda stats: stats.counters.events_lost),
    (
        "subscriptions_revoked",
        "Subscriptions that ended because the right was lost.",
        lambda stats: stats.counters.subscriptions_revoked,
    ),
    (
        "publications_refused",
        "Publications that were refused without an answer, because none was asked for.",
        lambda stats: stats.counters.refused_publications,
    ),
)


class RouterCollector(Collector):
    """The metrics of a router, all with the prefix `fairlead_`."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is asked for: registering makes no figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        stats = self._router.stats()
        yield GaugeMetricFamily("fairlead_connections", "Open connections of all listeners.", stats.connections)
        counters = stats.counters
        yield CounterMetricFamily(
            "fairlead_connections_opened", "Connections that began to speak WAMP.", counters.connections_opened
        )
        yield CounterMetricFamily(
            "fairlead_connections_reset",
            "Connections that were reset because the peer did not take its leave in time.",
            counters.connections_reset,
        )
        yield _sessions(stats)
        yield _limits(stats)
        for name, text, value in _GAUGES:
            gauge = GaugeMetricFamily(f"fairlead_{name}", text, labels=["realm"])
            for realm, figures in stats.realms.items():
                gauge.add_metric([realm], value(figures))
            yield gauge
        for name, text, value in _COUNTERS:
            counter = CounterMetricFamily(f"fairlead_{name}", text, labels=["realm"])
            for realm, figures in stats.realms.items():
                counter.add_metric([realm], value(figures))
            yield counter


class Metrics:
    """The text of /metrics."""

    def __init__(self, router: Router, *others: Collector) -> None:
        self._registry = CollectorRegistry()
        for collector in (RouterCollector(router), *others):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """One scrape, in Prometheus' text format."""
        return generate_latest(self._registry)


def _sessions(stats: RouterStats) -> Metric:
    gauge = GaugeMetricFamily("fairlead_sessions", "Open sessions.", labels=["realm", "transport"])
    for realm, figures in stats.realms.items():
        for transport, number in figures.sessions.items():
            gauge.add_metric([realm, transport], number)
    return gauge


def _limits(stats: RouterStats) -> Metric:
    text = "How often peers ran into a limit, by its name; realm is empty where there was none yet."
    counter = CounterMetricFamily("fairlead_limits_exceeded", text, labels=["realm", "limit"])
    tables = {"": stats.counters.limits_exceeded}
    tables |= {realm: figures.counters.limits_exceeded for realm, figures in stats.realms.items()}
    for realm, table in tables.items():
        for limit, number in table.items():
            counter.add_metric([realm, limit], number)
    return counter
