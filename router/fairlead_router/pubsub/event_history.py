"""Event history: which publications a realm keeps to be asked for later, and where (spec: Event History).

The realm's option `event_history` names topics and patterns, whether or not somebody subscribes to them. An event is
kept once, under the first rule that matches, in the order in which it was accepted; the oldest go when a bound of
the rule is broken. One whose lists name sessions is never kept, for sessions end and lists would then say something
else. Who may read what is not known here (meta/history.py).

`HistoryStore` is all that is asked of a store; the one here is memory, and ends with the realm.
"""

from collections import deque
from collections.abc import Iterable
from heapq import merge
from typing import Protocol

import msgspec

from fairlead_router.counters import RealmCounters
from fairlead_router.errors import InvalidUri
from fairlead_router.host import Host
from fairlead_router.pubsub.publication import Publication
from fairlead_router.uris import Match, check_uri, matches

_URI_CHARACTERS = 1024
"""Of a rule: those of the program's own making need no other bound."""


class HistoryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep the latest events of these topics, at most so many and of so many bytes. Raises ValueError."""

    uri: str
    match: Match = "exact"
    limit_events: int = 1_000
    limit_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        """A mistake in the configuration is found when it is read."""
        try:
            check_uri(self.uri, self.match, _URI_CHARACTERS)
        except InvalidUri as error:
            raise ValueError(error.text) from None
        if self.limit_events < 1 or self.limit_bytes < 1:
            text = f"limit_events {self.limit_events} and limit_bytes {self.limit_bytes} must be greater than 0"
            raise ValueError(f"{self.uri!r}: {text}")


class PastEvent(msgspec.Struct, frozen=True):
    """A publication that was accepted at this time, as the `number`-th that is kept."""

    publication: Publication
    time_us: int
    number: int


class HistoryStore(Protocol):
    """Where past events are."""

    def append(self, publication: Publication, time_us: int) -> None:
        """Keep a publication, if there is a rule for its topic."""

    def events(self, uri: str, match: Match) -> Iterable[PastEvent]:
        """What is kept of the topics that a subscription like this matches, in the order of acceptance."""


class History:
    """What one realm keeps."""

    def __init__(self, rules: tuple[HistoryRule, ...], host: Host, counters: RealmCounters) -> None:
        self.is_kept = bool(rules)
        self.store: HistoryStore = MemoryHistory(rules, counters)
        self._host = host

    def record(self, publication: Publication) -> None:
        """An accepted publication."""
        if not publication.lists.name_sessions:
            self.store.append(publication, self._host.time_us())


class MemoryHistory:
    """A HistoryStore in memory."""

    def __init__(self, rules: Iterable[HistoryRule], counters: RealmCounters) -> None:
        self._logs = [_Log(rule) for rule in rules]
        self._counters = counters
        self._count = 0

    def append(self, publication: Publication, time_us: int) -> None:
        """One that is larger than all that its rule allows is not kept, and counted."""
        for log in self._logs:
            if matches(log.rule.uri, log.rule.match, publication.topic):
                if publication.size > log.rule.limit_bytes:
                    self._counters.events_too_large_for_history += 1
                    return
                self._count += 1
                log.append(PastEvent(publication, time_us, self._count))
                return

    def events(self, uri: str, match: Match) -> Iterable[PastEvent]:
        """From all rules, for a pattern may have events under several."""
        found = ([event for event in log.events if matches(uri, match, event.publication.topic)] for log in self._logs)
        return merge(*found, key=lambda event: event.number)


class _Log:
    """The events under one rule."""

    def __init__(self, rule: HistoryRule) -> None:
        self.rule = rule
        self.events: deque[PastEvent] = deque()
        self._size = 0

    def append(self, event: PastEvent) -> None:
        self.events.append(event)
        self._size += event.publication.size
        while len(self.events) > self.rule.limit_events or self._size > self.rule.limit_bytes:
            self._size -= self.events.popleft().publication.size
