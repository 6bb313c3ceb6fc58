"""/metrics: what Prometheus reads, and who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from fairlead_router import HttpGuard, Limits, Principal, Router
from fairlead_server.config import Config, load
from fairlead_server.http import HttpService
from fairlead_server.metrics import Metrics


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(subscriptions_per_session=1))
    yield router
    await router.close()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """(name, *values of the labels by name) -> value; fails for a metric without a help text."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found[sample.name, *(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


async def test_a_scrape_shows_the_router_as_it_is(router: Router) -> None:
    realm = router.add_realm("realm1")
    alice, bob = realm.join(Principal("alice", "user")), realm.join(Principal("bob", "user"))
    await alice.subscribe("com.x", lambda event: None)
    with pytest.raises(Exception, match="subscriptions_per_session"):
        await alice.subscribe("com.y", lambda event: None)
    await alice.register("com.p", lambda call: {})
    await bob.call("com.p")
    bob.leave()
    found = samples(Metrics(router).text().decode())
    assert found["fairlead_sessions", "realm1", "memory"] == 1
    assert found["fairlead_principals", "realm1"] == 1
    assert found["fairlead_subscriptions", "realm1"] == 1
    assert found["fairlead_registrations", "realm1"] == 1
    assert found["fairlead_calls_in_progress", "realm1"] == 0
    assert found["fairlead_sessions_opened_total", "realm1"] == 2
    assert found["fairlead_messages_sent_total", "realm1"] == 5, "SUBSCRIBED, ERROR, REGISTERED, INVOCATION, RESULT"
    assert found["fairlead_limits_exceeded_total", "subscriptions_per_session", "realm1"] == 1
    assert found["fairlead_connections",] == 0
    assert found["process_start_time_seconds",] > 0


async def test_metrics_are_behind_the_same_guard_as_everything(router: Router) -> None:
    service = HttpService(None, HttpGuard(), Metrics(router))
    async with TestClient(TestServer(service.application)) as client:
        response = await client.get("/metrics")
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert "fairlead_connections 0.0" in await response.text()
        assert (await client.get("/metrics", headers={"Host": "rebound.example"})).status == 403


async def test_a_server_without_metrics_has_no_such_page() -> None:
    service = HttpService(None, HttpGuard())
    async with TestClient(TestServer(service.application)) as client:
        assert (await client.get("/metrics")).status == 404


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("", True),
        ("metrics = false", False),
        ('listen = "0.0.0.0:8080"', False),
        ('listen = "0.0.0.0:8080"\nmetrics = true', True),
        ('public_url = "https://fairlead.example"', False),
        ('hosts = ["fairlead.example"]', False),
        ('trusted_proxies = ["127.0.0.1"]', False),
    ],
)
def test_who_can_be_reached_from_elsewhere_shows_metrics_only_when_told_to(
    tmp_path: Path, text: str, shows: bool
) -> None:
    file = tmp_path / "fairlead.toml"
    file.write_text(text, encoding="utf-8")
    assert load(file).shows_metrics is shows
    assert Config().shows_metrics
