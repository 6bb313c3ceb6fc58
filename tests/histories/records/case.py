"""A history with what its validators share: when each version was there, who could see it when, and pictures."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import zip_longest
from math import inf

from histories.records.record import RecordHistory, Run, Step, Told, matches
from histories.timeline import Span, Timeline, common, merged


class Case:
    """See the module."""

    def __init__(self, history: RecordHistory) -> None:
        self.history = history
        self.timeline = Timeline(history)
        self.steps: dict[tuple[int, str], list[Step]] = defaultdict(list)
        for step in history.steps:
            self.steps[step.store, step.id].append(step)
        self.ids: dict[int, list[str]] = defaultdict(list)
        for store, id_ in self.steps:
            self.ids[store].append(id_)
        self._spans: dict[tuple[str, int, int, str], dict[int | None, list[Span]]] = {}

    def step_of(self, run: Run, id_: str, version: int) -> tuple[Step, Step | None] | None:
        """The step that made a version, and the next one."""
        steps = self.steps.get((run.store, id_), [])
        at = bisect_left(steps, version, key=lambda each: each.version)
        if at == len(steps) or steps[at].version != version or steps[at].is_delete:
            return None
        return steps[at], steps[at + 1] if at + 1 < len(steps) else None

    def deletion_of(self, run: Run, id_: str, version: int) -> Step | None:
        """The step that deleted a version."""
        made = self.step_of(run, id_, version)
        return made[1] if made is not None and made[1] is not None and made[1].is_delete else None

    def spans(self, run: Run, id_: str, version: int | None) -> list[Span]:
        """When the watcher may have had to see a record in this version; None: not at all."""
        key = (run.user, run.query, run.store, id_)
        if key not in self._spans:
            self._spans[key] = self._spans_of(run, self.steps.get((run.store, id_), []))
        return self._spans[key].get(version, [])

    def _spans_of(self, run: Run, steps: list[Step]) -> dict[int | None, list[Span]]:
        found: dict[int | None, list[Span]] = {}
        unseen = [Span(-inf, steps[0].acknowledged_s if steps else inf)]
        for step, following in zip_longest(steps, steps[1:]):
            there = Span(step.sent_s, inf if following is None else following.acknowledged_s)
            if not matches(run.query, step):
                unseen.append(there)
                continue
            found[step.version] = common(there, self.timeline.spans(run.user, step.object, is_held=True))
            unseen += common(there, self.timeline.spans(run.user, step.object, is_held=False))
        found[None] = merged(unseen)
        return found


class Moment:
    """The earliest time at which all may have been true that a picture says. It never goes back."""

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self._spans: dict[str, list[Span]] = {}
        self._ends: list[tuple[float, str]] = []

    def says(self, id_: str, spans: list[Span]) -> None:
        """A record is seen as it was in these times, which are in order."""
        self._spans[id_] = spans
        heappush(self._ends, (-inf, id_))

    def untrue(self) -> str | None:
        """A record about which there is no such time; None: there is one."""
        while self._ends and self._ends[0][0] < self.at_s:
            _, id_ = heappop(self._ends)
            spans = self._spans[id_]
            number = bisect_left(spans, self.at_s, key=lambda span: span.to_s)
            if number == len(spans):
                return id_
            span = spans[number]
            self.at_s = max(self.at_s, span.from_s)
            heappush(self._ends, (span.to_s, id_))
        return None


class Picture:
    """What a watcher makes of what it is told in one run; it knows something from before."""

    def __init__(self, case: Case, run: Run, known: dict[str, int]) -> None:
        self._case = case
        self._run = run
        self.known = known
        self.moment = Moment(run.asked_s)
        self._say(dict.fromkeys([*case.ids[run.store], *known]))

    def take(self, told: Told) -> None:
        """One dict."""
        if told.reset is not None:
            self.known.clear()
            self.moment = Moment(self._run.asked_s)
            self._say(self._case.ids[self._run.store])
        for seen in told.changes:
            if seen.change == "removed":
                self.known.pop(seen.id, None)
            elif seen.version is not None:
                self.known[seen.id] = seen.version
            self._say((seen.id,))

    def _say(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self.moment.says(id_, self._case.spans(self._run, id_, self.known.get(id_)))


def last_bookmark(run: Run) -> Told | None:
    """The one with which the watcher comes back."""
    return next((each for each in reversed(run.told) if each.is_whole), None)
