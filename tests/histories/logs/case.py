"""A history with what its validators share: which record is where, what is missing for a reason, who could read."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from histories.logs.record import Item, LogHistory, Run, Seen, Sent, Stored
from histories.record import NEVER_S
from histories.timeline import Timeline

Key = tuple[str, int]
"""A stream and an epoch."""


class Case:
    """See the module."""

    def __init__(self, history: LogHistory) -> None:
        self.history = history
        self.timeline = Timeline(history)
        self.stored: dict[Key, Stored] = {(each.stream, each.epoch): each for each in history.stored}
        self.sent: dict[tuple[str, int], list[Sent]] = defaultdict(list)
        for sent in history.sent:
            for number in range(sent.number, sent.number + sent.count):
                self.sent[sent.label, number].append(sent)

    @cached_property
    def known(self) -> dict[Key, dict[int, Seen]]:
        """What is at each position, by whoever has it: the store first."""
        known: dict[Key, dict[int, Seen]] = defaultdict(dict)
        for key, stored in self.stored.items():
            known[key].update({each.position: each for each in stored.records})
        for run, item in self.arrived():
            for record in item.records:
                known[run.stream, item.epoch].setdefault(record.position, record)
        return {key: dict(sorted(records.items())) for key, records in known.items()}

    @cached_property
    def by_label(self) -> dict[Key, dict[str, dict[int, int]]]:
        """Of each label the position of each number."""
        found: dict[Key, dict[str, dict[int, int]]] = {}
        for key, records in self.known.items():
            of_key = found[key] = defaultdict(dict)
            for record in records.values():
                if not record.is_marker:
                    of_key[record.label].setdefault(record.number, record.position)
        return found

    @cached_property
    def markers(self) -> dict[Key, list[Seen]]:
        """Those that stand for records, in order."""
        return {
            key: [each for each in records.values() if each.label in ("!lost", "!truncated")]
            for key, records in self.known.items()
        }

    def arrived(self) -> Iterator[tuple[Run, Item]]:
        """All that anybody got."""
        for run in self.history.runs:
            for item in run.items:
                yield run, item

    def is_marked(self, key: Key, label: str, number: int) -> bool:
        """Whether a marker is where this record would be: behind the label's last before it, ahead of the next one."""
        positions = self.by_label[key].get(label, {})
        below = max((at for other, at in positions.items() if other < number), default=-1)
        above = min((at for other, at in positions.items() if other > number), default=self.stored[key].next)
        producer = label.split(".")[0]
        markers = self.markers[key]
        first = bisect_left(markers, below, key=lambda each: each.position)
        for marker in markers[first:]:
            if marker.position >= above:
                return False
            if marker.producer in (None, producer):
                return True
        return False


def is_acknowledged(sent: Sent) -> bool:
    """Whether the producer was told so."""
    return sent.acknowledged_s != NEVER_S
