"""The record service's part of /metrics."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fairlead_records import MemoryRecordStore, RecordService
from fairlead_router import CallError, Principal, Router
from fairlead_server.metrics import Metrics
from fairlead_server.record_metrics import RecordCollector


async def test_a_scrape_shows_the_record_service_as_it_is() -> None:
    router = Router()
    records = await RecordService.over(MemoryRecordStore())
    records.bind(router.add_realm("realm1"))
    member = router.realms[0].join(Principal("alice", "user"))
    for name, args, kwargs in (
        ("put", ["a", {"n": 1}], {"kind": "job", "key": "k1"}),
        ("put", ["b", {"n": 1}], {"kind": "job"}),
        ("patch", ["a", {"n": 2}], {}),
        ("delete", ["b"], {}),
    ):
        await member.call(f"fairlead.record.{name}", args, kwargs)
    for _ in range(3):
        await member.call("fairlead.container.create", [["true"]])
    await member.call("fairlead.container.take", [1, "d1"])
    with pytest.raises(CallError, match="version"):
        await member.call("fairlead.record.patch", ["a", {"n": 3}], {"expected": 1})
    text = Metrics(router, RecordCollector("realm1", records)).text().decode()
    await records.close()
    await router.close()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found[sample.name, *(value for _, value in sorted(sample.labels.items()))] = sample.value
    assert found["fairlead_records_records", "realm1"] == 4
    assert found["fairlead_records_record_bytes", "realm1"] == records.ledger.table.size > 0
    assert found["fairlead_records_containers_queued", "realm1"] == 2
    assert found["fairlead_records_containers_held", "realm1"] == 1
    assert found["fairlead_records_watches", "realm1"] == 0
    assert found["fairlead_records_kept_changes", "realm1"] == found["fairlead_records_changes_total", "realm1"] == 8
    assert found["fairlead_records_kept_answers", "realm1"] == 1
    assert found["fairlead_records_refused_total", "version_conflict", "realm1"] == 1
    commits = found["fairlead_records_commit_seconds_count", "realm1"]
    assert commits == found["fairlead_records_groups_total", "realm1"] == 8
    assert found["fairlead_records_waiting_bytes", "realm1"] == found["fairlead_records_store_backlog", "realm1"] == 0
