"""Which requests want which container, and which were asked for by one; and which containers run the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from fairlead_records.dispatch.state import CONTAINER, REQUEST, Container, container_of, request_of
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record

_Index = dict[Any, dict[str, None]]

_encode = msgspec.json.Encoder(order="deterministic").encode


class Links:
    """Of what is durable; with a draft also of what that has changed."""

    def __init__(self) -> None:
        self._wanting: _Index = {}
        self._asked_by: _Index = {}
        self._alike: _Index = {}

    def fill(self, records: Iterable[Record]) -> None:
        """All that there is, at the start."""
        for record in records:
            self._add(record)

    def changed(self, changes: Sequence[Change]) -> None:
        """These are durable."""
        for change in changes:
            if change.before is not None:
                self._remove(change.before)
            if change.after is not None:
                self._add(change.after)

    def wanting(self, container_id: str, draft: Draft) -> Iterator[Record]:
        """The requests that want this container, as the draft leaves them."""
        for record in self._requests(self._wanting.get(container_id, ()), draft):
            if request_of(record).container == container_id:
                yield record

    def asked_by(self, container_id: str, draft: Draft) -> Iterator[Record]:
        """The requests that a container has asked for."""
        for record in self._requests(self._asked_by.get(container_id, ()), draft):
            if request_of(record).parent == container_id:
                yield record

    def alike(self, container: Container) -> Iterator[str]:
        """The ids of containers that run the same."""
        return iter(self._alike.get(_digest(container), ()))

    def _requests(self, known: Iterable[str], draft: Draft) -> Iterator[Record]:
        fresh = (change.id for change in draft.changes if change.after and change.after.kind == REQUEST)
        for id_ in dict.fromkeys((*known, *fresh)):
            record = draft.get(id_)
            if record is not None:
                yield record

    def _places(self, record: Record) -> Iterator[tuple[_Index, Any]]:
        if record.kind == CONTAINER:
            yield self._alike, _digest(container_of(record))
        elif record.kind == REQUEST:
            request = request_of(record)
            yield self._wanting, request.container
            if request.parent is not None:
                yield self._asked_by, request.parent

    def _add(self, record: Record) -> None:
        for index, key in self._places(record):
            index.setdefault(key, {})[record.id] = None

    def _remove(self, record: Record) -> None:
        for index, key in self._places(record):
            index[key].pop(record.id, None)
            if not index[key]:
                del index[key]


def _digest(container: Container) -> bytes:
    return _encode([container.command, container.cwd, container.environment, container.constraints])
