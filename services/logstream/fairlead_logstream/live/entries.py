"""A stream as the directory shows it: in pages of `list` and in events of `fairlead.directory.<stream>`."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead_logstream.live import notices
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.rows import Retention


def entry_of(live: LiveStream) -> dict[str, Any]:
    """The entry of a stream as it stands in this turn of the loop; `bytes` is the size of its records."""
    stream = live.stream
    return {
        "stream": stream.name,
        "object": stream.object_id,
        "next": stream.head,
        "head": stream.head,
        "oldest": stream.oldest,
        "bytes": stream.stored_bytes,
        "epoch": stream.epoch,
        "created_us": stream.created_us,
        "last_us": stream.last_us or None,
        "attempt": stream.attempt,
        "attempts": [msgspec.structs.asdict(attempt) for attempt in stream.state.attempts],
        "metadata": stream.state.metadata,
        "retention": retention_of(stream.state.retention),
        "heartbeat_s": stream.state.heartbeat_s,
        "stale": None if live.stale_since_us is None else {"since_us": live.stale_since_us},
        "sealed": notices.sealed_of(stream.sealed),
    }


def retention_of(retention: Retention) -> dict[str, int]:
    """What was set of it."""
    values = {name: getattr(retention, name) for name in Retention.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None}
