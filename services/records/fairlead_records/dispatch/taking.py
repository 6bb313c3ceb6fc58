"""`take`: the best containers that wait, locked.

The queue is looked at from its front, some of it in one turn: where many may not be had, or do not fit, it goes on in
the next. So nobody waits for a long search, and what is behind a thousand others that somebody may not see is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec

from fairlead_common.ids import check_id
from fairlead_common.outcomes import Result
from fairlead_records.dispatch.arguments import TakeArguments
from fairlead_records.dispatch.containers import Containers, Lock
from fairlead_records.dispatch.queue import BEFORE_ALL, Place, Queue
from fairlead_records.dispatch.state import Holder, container_of
from fairlead_records.live.ledger import Ledger
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record, size_of
from fairlead_router import Call, RequestError

LOOKED_AT_ONCE: Final = 1_000
"""Places of the queue in one turn: some 5 ms where each has an object of its own."""

TAKEN_LIMIT_BYTES: Final = 192 << 10
"""Of one answer: with the last one it stays under 256 KiB."""

_entry = msgspec.json.Decoder(dict[str, Any]).decode


class Taking:
    """The procedure `fairlead.container.take`."""

    def __init__(self, ledger: Ledger, containers: Containers, queue: Queue) -> None:
        self._ledger = ledger
        self._containers = containers
        self._queue = queue

    async def take(self, call: Call) -> Result:
        """Those that are handed out are Locked, each by its term."""
        asked = call.arguments(TakeArguments)
        search = _Search(call, lock_of(call, asked.dispatcher, asked.lease_s), asked)
        while search.goes_on:
            try:
                await self._ledger.perform(partial(self._take_some, search))
            except RequestError:
                if not search.taken:
                    raise
                break  # what it has got already is its own
            search.adopt()
        return {"containers": [_entry(record.entry) for record in search.taken], "more": search.is_cut}

    def _take_some(self, search: _Search, draft: Draft) -> Result:
        search.begin()
        for place in self._some(search):
            record = draft.get(place.id)
            if record is not None and search.wants(place, record):
                search.add(self._containers.lock(draft, record, search.lock, by="take"), place)
        return {}

    def _some(self, search: _Search) -> Iterator[Place]:
        """The next places, until there are enough."""
        for looked, place in enumerate(self._queue.behind(search.place)):
            if search.has_enough or looked == LOOKED_AT_ONCE:
                return
            search.next_place = place
            yield place
        search.is_at_end = True


class _Search:
    """One call: what it has found, and where it goes on. A step that the ledger takes back leaves no trace here."""

    def __init__(self, call: Call, lock: Lock, asked: TakeArguments) -> None:
        self.lock = lock
        self.place = self.next_place = BEFORE_ALL
        self.taken: list[Record] = []
        self.is_at_end = False
        self._call = call
        self._number = asked.n
        self._free = None if asked.constraints is None else dict(asked.constraints)
        self._taken_bytes = 0
        self._found: list[Record] = []
        self._found_bytes = 0
        self._left = self._free

    @property
    def goes_on(self) -> bool:
        """Whether there is more to look at, and somebody who wants it."""
        return self._call.is_open and not self.is_at_end and not self.has_enough

    @property
    def is_cut(self) -> bool:
        """Whether the caller may have had more: the answer is as large as may be, or a later step failed."""
        return not self.is_at_end and len(self.taken) < self._number

    @property
    def has_enough(self) -> bool:
        """Together with what this step has found."""
        number, size_bytes = len(self.taken) + len(self._found), self._taken_bytes + self._found_bytes
        return number >= self._number or size_bytes >= TAKEN_LIMIT_BYTES

    def begin(self) -> None:
        """Another step."""
        self._found = []
        self._found_bytes = 0
        self._left = None if self._free is None else dict(self._free)

    def wants(self, place: Place, record: Record) -> bool:
        """Whether it waits still, fits, and the caller may have it."""
        container = container_of(record)
        waits = container.state == "Queued" and container.priority > 0
        return waits and place.fits(self._left) and self._call.caller.can("manage", record.object_id)

    def add(self, record: Record, place: Place) -> None:
        """It is locked, in this step's draft."""
        self._found.append(record)
        self._found_bytes += size_of(record)
        if self._left is not None:
            for name, amount in place.constraints:
                self._left[name] -= amount

    def adopt(self) -> None:
        """The step is durable."""
        self._free = self._left
        self.taken += self._found
        self._taken_bytes += self._found_bytes
        self.begin()
        self.place = self.next_place


def lock_of(call: Call, dispatcher: str, lease_s: float) -> Lock:
    """What a caller asks for. Raises InvalidArgument."""
    return Lock(Holder(check_id("dispatcher", dispatcher), call.caller.principal.authid), lease_s)
