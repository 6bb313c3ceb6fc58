"""Which requests want which container, and which were asked for by one; and which containers run the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from fairlead_records.dispatch.state import CONTAINER, REQUEST, Container, container_of, request_of
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record

_Key = tuple[str, str | bytes]
_Index = dict[_Key, dict[str, None]]

_encode = msgspec.json.Encoder(order="deterministic").encode


class Links:
    """Of what is durable, and of what a draft has added to it. What is final wants and asks for nothing."""

    def __init__(self) -> None:
        self._durable: _Index = {}
        self._drafted = _Drafted()

    def fill(self, records: Iterable[Record]) -> None:
        """All that there is, at the start."""
        for record in records:
            _add(self._durable, record)

    def changed(self, changes: Sequence[Change]) -> None:
        """These are durable."""
        for change in changes:
            if _moves(change):
                if change.before is not None:
                    _remove(self._durable, change.before)
                if change.after is not None:
                    _add(self._durable, change.after)

    def wanting(self, container_id: str, draft: Draft) -> Iterator[Record]:
        """The committed requests that want this container, as the draft leaves them."""
        return self._linked(("wanting", container_id), draft)

    def asked_by(self, container_id: str, draft: Draft) -> Iterator[Record]:
        """The committed requests that a container has asked for."""
        return self._linked(("asked_by", container_id), draft)

    def alike(self, container: Container, draft: Draft) -> Iterator[Record]:
        """The containers that run the same, the latest first."""
        return self._linked(_alike(container), draft)

    def most(self, container_id: str, draft: Draft) -> int:
        """How many requests want a container, or were asked for by it: the larger number, if anything too large."""
        drafted = self._drafted.of(draft)
        keys = (("wanting", container_id), ("asked_by", container_id))
        return max(len(self._durable.get(key, ())) + len(drafted.get(key, ())) for key in keys)

    def _linked(self, key: _Key, draft: Draft) -> Iterator[Record]:
        durable, drafted = self._durable.get(key, {}), self._drafted.of(draft).get(key, {})
        # A draft may take back what it has added, and end what there was.
        fresh = (id_ for id_ in reversed(drafted) if id_ not in durable)
        for id_ in chain(list(fresh), reversed(durable)):
            record = draft.get(id_)
            if record is not None and key in _keys(record):
                yield record


class _Drafted:
    """What the draft in hand has added so far; each change of it is looked at once."""

    def __init__(self) -> None:
        self._draft: Draft | None = None
        self._seen: list[Change] = []
        self._index: _Index = {}

    def of(self, draft: Draft) -> _Index:
        """At least what the draft has now: what it has taken back may be in it still."""
        if draft is not self._draft:
            self._draft, self._seen, self._index = draft, [], {}
        seen, changes = self._seen, draft.changes
        while seen and (len(seen) > len(changes) or seen[-1] is not changes[len(seen) - 1]):
            seen.pop()
        for change in changes[len(seen) :]:
            seen.append(change)
            if change.after is not None and _moves(change):
                _add(self._index, change.after)
        return self._index


def _moves(change: Change) -> bool:
    """Whether it may lead to other places: what a container runs never changes."""
    return change.before is None or change.after is None or change.after.kind != CONTAINER


def _keys(record: Record) -> Iterator[_Key]:
    if record.kind == CONTAINER:
        yield _alike(container_of(record))
    elif record.kind == REQUEST and not request_of(record).is_final:
        request = request_of(record)
        yield "wanting", request.container
        if request.parent is not None:
            yield "asked_by", request.parent


def _alike(container: Container) -> _Key:
    return "alike", _encode([container.command, container.cwd, container.environment, container.constraints])


def _add(index: _Index, record: Record) -> None:
    for key in _keys(record):
        index.setdefault(key, {})[record.id] = None


def _remove(index: _Index, record: Record) -> None:
    for key in _keys(record):
        index[key].pop(record.id, None)
        if not index[key]:
            del index[key]
