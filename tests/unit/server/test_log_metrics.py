"""The log service's part of /metrics."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fairlead_logstream import LogService, MemoryStreamStore
from fairlead_router import CallError, Principal, Router
from fairlead_server.log_metrics import LogCollector
from fairlead_server.metrics import Metrics


async def test_a_scrape_shows_the_log_service_as_it_is() -> None:
    router = Router()
    logs = await LogService.over(MemoryStreamStore())
    logs.bind(router.add_realm("realm1"))
    member = router.realms[0].join(Principal("alice", "user"))
    for name, args in (
        ("create", ["a"]),
        ("create", ["b"]),
        ("append", ["a", [[1, "stdout", "x", 0]]]),
        ("seal", ["a"]),
    ):
        await member.call(f"fairlead.log.{name}", args)
    with pytest.raises(CallError, match="sealed"):
        await member.call("fairlead.log.append", ["a", [[1, "stdout", "x", 0]]])
    text = Metrics(router, LogCollector("realm1", logs)).text().decode()
    await logs.close()
    await router.close()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found[sample.name, *(value for _, value in sorted(sample.labels.items()))] = sample.value
    assert found["fairlead_log_streams", "realm1", "open"] == 1
    assert found["fairlead_log_streams", "realm1", "sealed"] == 1
    assert found["fairlead_log_followers", "realm1", "live"] == 0
    assert found["fairlead_log_appends_total", "realm1"] == 2
    assert found["fairlead_log_records_total", "realm1"] == 1
    assert found["fairlead_log_stored_bytes", "realm1"] == found["fairlead_log_record_bytes_total", "realm1"] > 0
    assert found["fairlead_log_refused_total", "sealed", "realm1"] == 1
    assert found["fairlead_log_commit_seconds_count", "realm1"] == found["fairlead_log_writes_total", "realm1"] == 2
    assert found["fairlead_log_commit_seconds_bucket", "+Inf", "realm1"] == 2
    assert found["fairlead_log_store_backlog", "realm1"] == 0
    assert found["fairlead_sessions", "realm1", "memory"] == 2, "the router's are beside them"
