"""Who could read what, and when: the changes of a history made again, one by one, and judged by the oracle.

The order of the changes is that of their revisions. When each was made is known up to its interval: not before it and
all before it were sent, not after it or one behind it was acknowledged. So at a time, or within an interval, the state
is known to be one of a few, and a right was held throughout, at some time, or never.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import inf
from typing import NamedTuple, Protocol

from fairlead_authz.changes import decode_changes
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.model.graph import SYSTEM, Graph
from fairlead_authz.model.rights import Policy
from fairlead_authz.store.first_nodes import first_changeset
from histories.record import Change
from unit.authz.oracle import READ, World

Pair = tuple[str, str]
"""A user and an object."""


class Span(NamedTuple):
    """A time, from here to there."""

    from_s: float
    to_s: float


class Changed(Protocol):
    """A history in which rights change."""

    objects: list[str]
    users: list[str]
    changes: list[Change]


class Timeline:
    """The states that a server went through; state n is that after n changes."""

    def __init__(self, history: Changed) -> None:
        changes = sorted((each for each in history.changes if each.revision), key=lambda each: each.revision)
        self._earliest = list(accumulate((each.sent_s for each in changes), max))
        self._latest = list(accumulate((each.acknowledged_s for each in reversed(changes)), min))[::-1]
        pairs = [(user, object_id) for user in history.users for object_id in history.objects]
        states = list(_replayed(changes, pairs))
        self._held = {pair: [pair in state for state in states] for pair in pairs}
        self._spans: dict[tuple[str, str, bool], list[Span]] = {}
        self._counts = {pair: [0, *accumulate(held)] for pair, held in self._held.items()}

    def ever(self, user: str, object_id: str, from_s: float, to_s: float) -> bool:
        """Whether the user may have had the right at some time from here to there."""
        return self._count(user, object_id, from_s, to_s) > 0

    def throughout(self, user: str, object_id: str, from_s: float, to_s: float) -> bool:
        """Whether the user had the right all the time."""
        first, last = self._states(from_s, to_s)
        return self._count(user, object_id, from_s, to_s) == last - first + 1

    def spans(self, user: str, object_id: str, *, is_held: bool) -> list[Span]:
        """When the user may have had the right, or may not have had it."""
        key = (user, object_id, is_held)
        if key not in self._spans:
            bounds = zip([-inf, *self._earliest], [*self._latest, inf], self._held[user, object_id], strict=True)
            self._spans[key] = merged(Span(from_s, to_s) for from_s, to_s, held in bounds if held == is_held)
        return self._spans[key]

    def readers(self, object_id: str, from_s: float, to_s: float) -> Iterator[set[str]]:
        """Who could read an object, in each of the states that may have been in force then."""
        first, last = self._states(from_s, to_s)
        for state in range(first, last + 1):
            yield {user for (user, id_), held in self._held.items() if id_ == object_id and held[state]}

    def lost_with(self, user: str, object_id: str, at_s: float) -> int | None:
        """The state with which the right was lost that was certainly not held then; None if it may have been held."""
        if self.ever(user, object_id, at_s, at_s):
            return None
        state, _ = self._states(at_s, at_s)
        held = self._held[user, object_id]
        while state and not held[state - 1]:
            state -= 1
        return state

    def losses(self, user: str, object_id: str) -> Iterator[float]:
        """The times by which a right was certainly lost, and not yet given again."""
        held = self._held[user, object_id]
        for state in range(1, len(held)):
            if held[state - 1] and not held[state]:
                by_s = self._latest[state - 1]
                if not self.ever(user, object_id, by_s, by_s):
                    yield by_s

    def may_move(self, from_s: float, to_s: float) -> bool:
        """Whether any right may have changed from here to there."""
        first, last = self._states(from_s, to_s)
        return last > first

    def _count(self, user: str, object_id: str, from_s: float, to_s: float) -> int:
        first, last = self._states(from_s, to_s)
        counts = self._counts[user, object_id]
        return counts[last + 1] - counts[first]

    def _states(self, from_s: float, to_s: float) -> tuple[int, int]:
        """The first and the last state that may have been in force then."""
        return bisect_right(self._latest, from_s), max(
            bisect_right(self._latest, from_s), bisect_left(self._earliest, to_s)
        )


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same times, in order, those that overlap as one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.from_s <= found[-1].to_s:
            found[-1] = Span(found[-1].from_s, max(found[-1].to_s, span.to_s))
        else:
            found.append(span)
    return found


def common(span: Span, spans: Sequence[Span]) -> list[Span]:
    """The part of each that is in the one too; they are in order."""
    parts: list[Span] = []
    for number in range(bisect_left(spans, span.from_s, key=lambda each: each.to_s), len(spans)):
        if spans[number].from_s > span.to_s:
            break
        parts.append(Span(max(span.from_s, spans[number].from_s), min(span.to_s, spans[number].to_s)))
    return parts


def _replayed(changes: Iterable[Change], pairs: list[Pair]) -> Iterator[set[Pair]]:
    """What can be read in each state."""
    graph = Graph()
    first_changeset().make(graph)
    yield _readable(graph, pairs)
    for change in changes:
        decoded = decode_changes(change.changes)
        work_out(graph, decoded, Actor(SYSTEM, is_admin=True), Policy(now_us=lambda: 1)).make(graph)
        yield _readable(graph, pairs)


def _readable(graph: Graph, pairs: list[Pair]) -> set[Pair]:
    world = World(graph, now_us=2)
    return {(user, id_) for user, id_ in pairs if id_ in world.nodes and world.can(user, READ, id_)}
