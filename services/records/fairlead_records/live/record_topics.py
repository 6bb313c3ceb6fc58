"""The topics `fairlead.record.<id>`: a record's latest state, for plain WAMP clients.

An event is the whole record, so a client needs no more than the last one. What a filter, an owner or a kind selects is
for `fairlead.record.watch`, and so is the news that a record may not be read any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fairlead_records.live.ledger import Ledger
from fairlead_records.model.record import Change, Record
from fairlead_router import LatestTopics, Payload

RECORD_PREFIX = "fairlead.record."


class RecordTopics:
    """What is told on them."""

    def __init__(self, ledger: Ledger) -> None:
        self._table = ledger.table
        self.source = LatestTopics(self)
        ledger.listen(self._changed)

    def object_of(self, topic: str) -> str | None:
        record = self._record_of(topic)
        return None if record is None else record.object_id

    def state_of(self, topic: str) -> Payload | None:
        record = self._record_of(topic)
        return None if record is None else _changed(record)

    def _changed(self, changes: Sequence[Change]) -> None:
        """The latest of each record, once."""
        for change in {change.id: change for change in changes}.values():
            before, after = change.before, change.after
            if after is not None:
                moved = before is None or before.object_id != after.object_id
                self.source.publish(RECORD_PREFIX + change.id, partial(_changed, after), is_new=moved)
            elif before is not None:
                self.source.publish(RECORD_PREFIX + change.id, partial(_deleted, before))

    def _record_of(self, topic: str) -> Record | None:
        return self._table.get(topic.removeprefix(RECORD_PREFIX))


def _changed(record: Record) -> Payload:
    return Payload.from_json(b'[{"change":"changed",%b]' % record.entry[1:], b"{}")


def _deleted(record: Record) -> Payload:
    values = b'"id":"%b","deleted":true,"version":%d' % (record.id.encode(), record.version)
    return Payload.from_json(b'[{"change":"removed",%b}]' % values, b"{}")
