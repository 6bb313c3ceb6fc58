"""What the tests of drafts share: streams as they stand, and what a draft would store."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from fairlead_logstream.model.budget import NO_BUDGETS, Budgets
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.records import MARKER, Record, decode_records
from fairlead_logstream.model.rows import Change, Producer, StreamRow
from fairlead_logstream.model.stream import Stream
from unit.logstream.fakes import NOW_US


def stream_at(head: int = 0, **producers: Producer) -> Stream:
    return Stream(StreamRow(1, "s", "o", 7, NOW_US, head=head), dict(producers))


def draft_of(stream: Stream, budgets: Budgets = NO_BUDGETS, now_us: int = NOW_US) -> Draft:
    return Draft(stream, now_us, budgets)


def adopted(stream: Stream, draft: Draft) -> None:
    """The draft has become durable."""
    stream.adopt(change_of(draft), draft.head)
    draft.settle()


def change_of(draft: Draft) -> Change:
    return draft.change(count(100).__next__)


def records_stored(draft: Draft) -> list[Record]:
    return [record for batch in change_of(draft).batches for record in decode_records(batch.records)]


def markers_of(draft: Draft) -> list[Any]:
    return [json.loads(record.text) for record in records_stored(draft) if record.flags & MARKER]


def texts_stored(draft: Draft) -> list[str]:
    return [record.text for record in records_stored(draft) if not record.flags & MARKER]


def stands(draft: Draft, name: str) -> tuple[int, int]:
    """A producer's term and number after this step."""
    producer = draft.producers.standing(name)
    return producer.term, producer.seq


def standings(producers: dict[str, Producer] | None) -> dict[str, tuple[int, int]]:
    """The terms and numbers of all of them."""
    return {name: (producer.term, producer.seq) for name, producer in (producers or {}).items()}
