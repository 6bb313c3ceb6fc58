"""What is promised of records that are watched, as questions to a history. Each validator returns what was broken.

Whatever is not certain, because it was under way when something else was, is not held against the server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import inf

from histories.records.case import Case, Picture, last_bookmark
from histories.records.record import RecordHistory, Run, Seen, Told, matches
from histories.validators import RESIDUE_BYTES


def ordered(case: Case) -> Iterator[str]:
    """A watcher never sees an older version of a record after a newer one."""
    for run, told, known in _watched(case):
        for seen in told.changes:
            before = known.get(seen.id)
            if seen.version is not None and before is not None and seen.version < before:
                yield f"{_name(run)}: {seen.id} went back from {before} to {seen.version}"


def unique(case: Case) -> Iterator[str]:
    """Nothing is told twice; nothing is added that is there, changed or removed that is not."""
    for run, told, known in _watched(case):
        times = Counter(seen.id for seen in told.changes)
        yield from (f"{_name(run)}: {id_} is {count} times in one dict" for id_, count in times.items() if count > 1)
        for seen in told.changes:
            before = known.get(seen.id)
            if (seen.change == "added") != (before is None):
                yield f"{_name(run)}: {seen.id} is {seen.change}, and {'not ' if before is None else ''}there"
            elif seen.change == "changed" and seen.version == before:
                yield f"{_name(run)}: {seen.id} is told again in version {before}"


def resumable(case: Case) -> Iterator[str]:
    """After a resume comes what was missed, all of it, or a reset that has a reason."""
    for run, told in _untrue(case):
        if _is_first(run, told) and run.is_resumed and told.reset is None:
            yield f"{_name(run)} came back, and its picture at the first bookmark was true at no time"
    stores: dict[str, int] = {}
    asked: dict[str, float] = {}
    for run in case.history.runs:
        if run.is_resumed and run.told:
            yield from _without_reason(case, run, stores[run.watcher], asked[run.watcher])
        if last_bookmark(run) is not None:
            stores[run.watcher], asked[run.watcher] = run.store, run.asked_s


def bookmarkable(case: Case) -> Iterator[str]:
    """At each bookmark the picture is one that was true, at a moment that is not before that of the last bookmark."""
    for run, told in _untrue(case):
        if not (_is_first(run, told) and run.is_resumed):
            yield f"{_name(run)}: its picture at the bookmark of {told.at_s:.3f} was true at no time since the last one"


def authorised(case: Case) -> Iterator[str]:
    """What is told might be read when it was so; `removed` says nothing more of what may not be read any more."""
    for run in case.history.runs:
        residue: Counter[tuple[str, int]] = Counter()
        for told in run.told:
            for seen in told.changes:
                yield from _not_allowed(case, run, told, seen)
                made = None if seen.version is None else case.step_of(run, seen.id, seen.version)
                lost = None if made is None else case.timeline.lost_with(run.user, made[0].object, told.at_s)
                if made is not None and lost is not None:
                    residue[made[0].object, lost] += told.size_bytes // len(told.changes)
        for (object_id, _), size in residue.items():
            if size > RESIDUE_BYTES:
                yield f"{_name(run)} got {size} bytes after the loss of {object_id} was acknowledged"


def converged(case: Case) -> Iterator[str]:
    """At rest the picture of everybody who stayed is what there is, matches and may be read."""
    last_store = max((step.store for step in case.history.steps), default=0)
    pictures = {run.watcher: (run, known) for run, _, known in _watched(case) if run.store == last_store}
    for watcher in case.history.stayed:
        if watcher not in pictures:
            yield f"{watcher} was told nothing of the last store"
            continue
        run, known = pictures[watcher]
        expected = {id_: version for id_, version in case.history.left.items() if _must_see(case, run, id_, version)}
        for id_ in sorted(expected.keys() | known.keys()):
            if expected.get(id_) != known.get(id_):
                yield f"{_name(run)} has {id_} in version {known.get(id_)}, there is {expected.get(id_)}"


def live(case: Case) -> Iterator[str]:
    """Nobody is silently deaf: no watch has failed, and whoever stayed was told the mark that it asked for."""
    marks = {(run.watcher, told.mark) for run in case.history.runs for told in run.told}
    for watcher, mark in case.history.stayed.items():
        if (watcher, mark) not in marks:
            yield f"{watcher} was not told its mark"
    yield from (f"{_name(run)} has failed: {run.error}" for run in case.history.runs if run.error is not None)


def durable(case: Case) -> Iterator[str]:
    """What was acknowledged last is what there is in the end, unless something came after it."""
    last_store = max((step.store for step in case.history.steps), default=0)
    for id_ in case.ids[last_store]:
        steps = case.steps[last_store, id_]
        acknowledged = [number for number, step in enumerate(steps) if step.acknowledged_s != inf]
        possible = steps[max(acknowledged, default=0) :]
        may_be_absent = not acknowledged or any(step.is_delete for step in possible)
        version = case.history.left.get(id_)
        if version is None and not may_be_absent:
            yield f"{id_} is gone, though version {possible[0].version} was acknowledged"
        elif version is not None and version not in {step.version for step in possible if not step.is_delete}:
            yield f"{id_} is left in version {version}, not {possible[0].version}"


VALIDATORS: dict[str, Callable[[Case], Iterator[str]]] = {
    "Ordered": ordered,
    "Unique": unique,
    "Resumable": resumable,
    "Bookmarkable": bookmarkable,
    "Authorised": authorised,
    "Converged": converged,
    "Live": live,
    "Durable": durable,
}


def judge(history: RecordHistory) -> dict[str, list[str]]:
    """What each validator has found."""
    case = Case(history)
    return {name: list(validate(case)) for name, validate in VALIDATORS.items()}


# ---------------------------------------------------------------- what each of them asks


def _watched(case: Case) -> Iterator[tuple[Run, Told, dict[str, int]]]:
    """Everything that was told, with what its watcher knew before; that is brought up to date afterwards."""
    kept: dict[str, dict[str, int]] = {}
    for run in case.history.runs:
        known = dict(kept.get(run.watcher, {})) if run.is_resumed else {}
        last = last_bookmark(run)
        for told in run.told:
            if told.reset is not None:
                known.clear()
            yield run, told, known
            for seen in told.changes:
                if seen.change == "removed":
                    known.pop(seen.id, None)
                elif seen.version is not None:
                    known[seen.id] = seen.version
            if told is last:
                kept[run.watcher] = dict(known)


def _untrue(case: Case) -> Iterator[tuple[Run, Told]]:
    """The first bookmark of each run at which the picture was true at no possible moment."""
    kept: dict[str, dict[str, int]] = {}
    for run in case.history.runs:
        picture = Picture(case, run, dict(kept.get(run.watcher, {})) if run.is_resumed else {})
        last = last_bookmark(run)
        is_true = True
        for told in run.told:
            picture.take(told)
            if told.is_whole and is_true:
                is_true = picture.moment.untrue() is None and picture.moment.at_s <= told.at_s
                if not is_true:
                    yield run, told
            if told is last:
                kept[run.watcher] = dict(picture.known)


def _is_first(run: Run, told: Told) -> bool:
    return next(each for each in run.told if each.is_whole) is told and all(each.reset is None for each in run.told)


def _without_reason(case: Case, run: Run, store: int, asked_s: float) -> Iterator[str]:
    """A reset that none was due for, or none where one was."""
    resets = [told.reset for told in run.told if told.reset is not None]
    if run.store != store:
        if run.told[0].reset != "epoch":
            yield f"{_name(run)} came back to another store, and was told {run.told[0].reset}"
    elif "epoch" in resets or "too_old" in resets:
        yield f"{_name(run)} was reset ({', '.join(resets)}), although the store has it all"
    elif resets and not _may_be_reset(case, asked_s, run.told[0].at_s):
        yield f"{_name(run)} was reset, although no right has moved"


def _may_be_reset(case: Case, from_s: float, to_s: float) -> bool:
    """Whether rights may have moved; a server that was started again does not know of all of them whether they have."""
    return case.timeline.may_move(from_s, to_s) or any(from_s <= start_s <= to_s for start_s in case.history.starts)


def _not_allowed(case: Case, run: Run, told: Told, seen: Seen) -> Iterator[str]:
    if seen.version is None:
        if seen.n is not None:
            yield f"{_name(run)} was told content of {seen.id}, which may not be read any more"
        return
    what = f"{seen.id} in version {seen.version}"
    made = case.step_of(run, seen.id, seen.version)
    if made is None or made[0].n != seen.n:
        yield f"{_name(run)} was told {what}, which never was so"
        return
    step, following = made
    begun_s, ended_s = step.sent_s, inf if following is None else following.acknowledged_s
    if seen.is_deleted:
        deletion = case.deletion_of(run, seen.id, seen.version)
        begun_s, ended_s = inf if deletion is None else deletion.sent_s, inf
    from_s, to_s = max(begun_s, run.asked_s), min(told.at_s, ended_s)
    if from_s > to_s:
        yield f"{_name(run)} was told {what} when it was not so"
    elif not case.timeline.ever(run.user, step.object, from_s, to_s):
        yield f"{_name(run)} was told {what} of {step.object}, which it might not read"


def _must_see(case: Case, run: Run, id_: str, version: int) -> bool:
    made = case.step_of(run, id_, version)
    if made is None:
        return False  # Durable says so
    return matches(run.query, made[0]) and case.timeline.ever(run.user, made[0].object, inf, inf)


def _name(run: Run) -> str:
    return f"{run.watcher} of query {run.query}"
