"""`fairlead.log.events`: the recent past of a stream's topic as WAMP's event history, for clients that know only that.

The router passes on to it what is asked of `wamp.subscription.get_events` for a stream's topic, and the answer has the
shape of the router's own (meta/history.py there): an event is a batch under its publication id, its time is that of its
latest record. It reaches back HISTORY_BYTES; `read` reaches to the beginning.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead_common.errors import StoreFailed
from fairlead_common.turns import Turns
from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.history import History
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.live.topics import TOPIC_PREFIX
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.arguments import ANSWER_LIMIT_BYTES, EventsArguments
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_router import PENDING, Call, InvalidArgument, Payload
from fairlead_router.meta.table import iso_8601
from fairlead_store import StoreError

HISTORY_BYTES = 1 << 20
"""The events that are in the history: four full answers, so that who pages back sees more than one."""

_encode = msgspec.json.Encoder().encode


class EventHistory:
    """The procedure of who knows nothing of streams."""

    def __init__(self, directory: Directory, history: History) -> None:
        self._directory = directory
        self._history = history
        self._turns = Turns()

    async def events(self, call: Call) -> Any:
        """`fairlead.log.events`: a dict for each event, and `is_limit_reached`."""
        arguments = call.arguments(EventsArguments)
        live = find(self._directory, call, "read", arguments.topic.removeprefix(TOPIC_PREFIX))
        call.hold("read", live.stream.object_id)
        try:
            async with self._turns.turn(call.caller.session_id, in_archive=live.stream.has_archived):
                if not call.is_open:
                    return PENDING
                past = await self._past(live)
        except StoreError as error:
            raise StoreFailed(str(error)) from error
        if live.is_gone:
            raise no_such_stream(live.stream.name)
        fitting = [batch for batch in _between(past, arguments) if _is_of_time(batch, arguments)]
        return _answer(fitting[::-1] if arguments.reverse else fitting, arguments)

    async def _past(self, live: LiveStream) -> list[Batch]:
        """The last batches; what is damaged among them has no event."""
        head = live.stream.head
        position = (await self._history.place_recent(live, head, HISTORY_BYTES)).position
        past: list[Batch] = []
        while position < head:
            try:
                found = await self._history.stored(live, position, HISTORY_BYTES)
            except CorruptBatch as damage:
                position = damage.next
                continue
            if not found:
                break
            past += found
            position = found[-1].next
        return past


def _between(past: list[Batch], wanted: EventsArguments) -> list[Batch]:
    """Those between the publications that were named. Raises InvalidArgument for one that is not there."""
    places = {batch.publication: place for place, batch in enumerate(past)}

    def place_of(publication: int | None, otherwise: int) -> int:
        if publication is None:
            return otherwise
        if publication not in places:
            raise InvalidArgument(
                f"publication {publication} is not in the history of {wanted.topic!r}, or not any more"
            )
        return places[publication]

    first = max(place_of(wanted.from_publication, 0), place_of(wanted.after_publication, -1) + 1)
    last = len(past) - 1
    last = min(place_of(wanted.until_publication, last), place_of(wanted.before_publication, last + 1) - 1)
    return past[first : last + 1]


def _is_of_time(batch: Batch, wanted: EventsArguments) -> bool:
    return wanted.since_us <= batch.max_time_us < wanted.until_us


def _answer(events: list[Batch], wanted: EventsArguments) -> Payload:
    """As many as were asked for and as one answer holds; but one however large it is."""
    shown: list[bytes] = []
    size = 0
    for batch in events[: wanted.limit]:
        size += batch.size
        if shown and size > ANSWER_LIMIT_BYTES:
            break
        shown.append(_event(batch, wanted.subscription))
    kwargs = b'{"is_limit_reached":%b}' % _encode(len(shown) < len(events))
    return Payload.from_json(b"[" + b",".join(shown) + b"]", kwargs)


def _event(batch: Batch, subscription: int) -> bytes:
    time = _encode(iso_8601(batch.max_time_us))
    about = b'{"timestamp":%b,"subscription":%d,"publication":%d' % (time, subscription, batch.publication)
    return about + b',"details":{},"args":%b}' % batch.payload.args_bytes
