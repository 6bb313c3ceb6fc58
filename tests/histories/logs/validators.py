"""What is promised of logs, as questions to a history. Each validator returns the sentences that say what was broken.

Whatever is not certain, because it was under way when something else was, is not held against the server.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from histories.logs.case import Case, Key, is_acknowledged
from histories.logs.record import Item, LogHistory, Run, Seen, Sent
from histories.record import NEVER_S
from histories.validators import RESIDUE_BYTES


def ordered(case: Case) -> Iterator[str]:
    """One sequence for all: the same record at a position, each reader goes forward, each producer's order is kept."""
    for run, item in case.arrived():
        for record in item.records:
            known = case.known[run.stream, item.epoch][record.position]
            if record != known:
                yield f"{_name(run)} got {_what(record)}, others {_what(known)}"
    for run in case.history.runs:
        for before, after in pairwise(run.items):
            if before.epoch == after.epoch and after.first < before.next:
                yield f"{_name(run)} went back from {before.next} to {after.first}"
    for key, labels in case.by_label.items():
        for label, positions in labels.items():
            yield from _out_of_order(key, label, positions)


def unique(case: Case) -> Iterator[str]:
    """A record is in the stream once, and who goes on with its cursor gets it once."""
    for key, records in case.known.items():
        times = Counter((each.label, each.number) for each in records.values() if not each.is_marker)
        for (label, number), count in times.items():
            if count > 1:
                yield f"{_stream(key)}: {label} {number} is there {count} times"
    for run in case.history.runs:
        got = Counter((item.epoch, record.position) for item in run.items for record in item.records)
        for (_, position), count in got.items():
            if count > 1:
                yield f"{_name(run)} got {position} {count} times"


def complete(case: Case) -> Iterator[str]:
    """Who has come past a record has it, unless it was told otherwise; who stayed has come to the head."""
    for run in case.history.runs:
        for item in run.items:
            if item.kind != "records":
                continue
            got = {record.position for record in item.records}
            for position in range(item.first, item.next):
                known = case.known[run.stream, item.epoch].get(position)
                is_wanted = run.source is None if known is None else known.is_of(run.source)
                if position not in got and is_wanted:
                    yield f"{_name(run)} did not get {position} of {item.first} to {item.next}"
    for follower, stream in case.history.stayed.items():
        last = _last_item(case, follower)
        head = _last_stored(case, stream)
        if last is None or (last.epoch, last.next) != head:
            where = "nowhere" if last is None else f"to {last.next} of epoch {last.epoch}"
            yield f"{follower} has come {where}, the head of {stream} is {head[1]} of epoch {head[0]}"


def resumable(case: Case) -> Iterator[str]:
    """After a resume comes exactly what follows the cursor; a committed cursor is kept."""
    committed: dict[tuple[str, int], int] = {}
    for run in case.history.runs:
        if run.start is not None and run.epoch is not None:
            kept = committed.get((run.follower, run.epoch), 0)
            if run.start < kept:
                yield f"{_name(run)} goes on at {run.start}, although {kept} was committed"
            if run.items:
                yield from _resumed_at(case, run, run.items[0])
        if run.committed is not None:
            committed[run.follower, run.items[-1].epoch] = run.committed


def gap_marked(case: Case) -> Iterator[str]:
    """There is no hole without a word: lagged or reset for a reader, lost or truncated in a producer's numbers."""
    for run in case.history.runs:
        for before, after in pairwise(run.items):
            if after.kind != "reset" and (after.epoch != before.epoch or after.first > before.next):
                yield f"{_name(run)} had {before.next} of epoch {before.epoch}, then {after.kind} at {after.first}"
        for item in run.items:
            stored = case.stored.get((run.stream, item.epoch))
            if item.kind == "lagged" and stored is not None and item.next > stored.oldest:
                yield f"{_name(run)} was told that {item.first} to {item.next} are gone, which are there"
    for key, labels in case.by_label.items():
        for label, positions in labels.items():
            for hole, following in _holes(case, key, positions):
                if not case.is_marked(key, label, hole):
                    yield f"{_stream(key)}: {label} {hole} to {following} are missing without a marker"


def authorised(case: Case) -> Iterator[str]:
    """Nothing comes to who has lost the right, but what was out of the server's hands; who has it is not refused."""
    timeline = case.timeline
    for run in case.history.runs:
        residue = 0
        for item in run.items:
            if not timeline.ever(run.user, run.stream, run.asked_s, item.at_s):
                yield f"{_name(run)} got {item.kind} at {item.first} without the right"
            late = [each for each in item.records if _was_sent_too_late(case, run, item, each)]
            if late:
                yield f"{_name(run)} got {_what(late[0])}, which was sent when the right had gone"
            if timeline.lost_with(run.user, run.stream, item.at_s) is not None:
                residue += item.size_bytes
        if residue > RESIDUE_BYTES:
            yield f"{_name(run)} got {residue} bytes after the loss of the right was acknowledged"
        if run.refused_s != NEVER_S and _might_read(case, run):
            yield f"{_name(run)} was refused, though it was allowed"


def converged(case: Case) -> Iterator[str]:
    """At rest everybody who stayed has the same view from where they began, and it is that of the store."""
    views: dict[str, dict[Key, dict[int, Seen]]] = defaultdict(lambda: defaultdict(dict))
    for run in case.history.runs:
        if run.start is None:
            views[run.follower].clear()  # it begins anew
        for item in run.items:
            views[run.follower][run.stream, item.epoch].update({each.position: each for each in item.records})
    sources = {run.follower: run.source for run in case.history.runs}
    for follower, stream in case.history.stayed.items():
        key = (stream, _last_stored(case, stream)[0])
        view = views[follower][key]
        if not view:
            continue
        for record in case.stored[key].records:
            if record.position >= min(view) and record.is_of(sources[follower]):
                mine = view.get(record.position)
                if mine != record and not _was_told(case, follower, key, record.position):
                    yield f"{follower} has {None if mine is None else _what(mine)}, the store {_what(record)}"


def durable(case: Case) -> Iterator[str]:
    """What was acknowledged is in the store, and so is what anybody has seen, but for what retention took."""
    for sent in case.history.sent:
        if is_acknowledged(sent):
            yield from _not_kept(case, sent)
    for key, records in case.known.items():
        stored = case.stored.get(key)
        if stored is None:
            yield f"{_stream(key)} is nowhere in a store"
            continue
        there = {each.position for each in stored.records}
        for position, record in records.items():
            if position >= stored.oldest and position not in there:
                yield f"{_stream(key)}: {_what(record)} was seen, and is not in the store"


VALIDATORS: dict[str, Callable[[Case], Iterator[str]]] = {
    "Ordered": ordered,
    "Unique": unique,
    "Complete": complete,
    "Resumable": resumable,
    "GapMarked": gap_marked,
    "Authorised": authorised,
    "Converged": converged,
    "Durable": durable,
}


def judge(history: LogHistory) -> dict[str, list[str]]:
    """What each validator has found."""
    case = Case(history)
    return {name: list(validate(case)) for name, validate in VALIDATORS.items()}


# ---------------------------------------------------------------- what each of them asks


def _out_of_order(key: Key, label: str, positions: dict[int, int]) -> Iterator[str]:
    last = -1
    for number in sorted(positions):
        if positions[number] < last:
            yield f"{_stream(key)}: {label} {number} is at {positions[number]}, before an older one"
        last = positions[number]


def _resumed_at(case: Case, run: Run, item: Item) -> Iterator[str]:
    """The first thing after a resume."""
    is_same = item.epoch == run.epoch
    if item.kind == "reset":
        if is_same:
            yield f"{_name(run)} was reset at {run.start}, although the store is the same"
    elif not is_same or item.first != run.start:
        yield f"{_name(run)} went on at {item.first} of epoch {item.epoch} instead of {run.start} of {run.epoch}"


def _holes(case: Case, key: Key, positions: dict[int, int]) -> Iterator[tuple[int, int]]:
    """The first missing number and the one behind, where all positions between are known: retention took none."""
    known, numbers = case.known[key], sorted(positions)
    for before, following in pairwise(numbers):
        between = range(positions[before], positions[following])
        if following != before + 1 and all(position in known for position in between):
            yield before + 1, following


def _was_sent_too_late(case: Case, run: Run, item: Item, record: Seen) -> bool:
    """Whether at no time from when it was first sent, and asked for, until it was here, there was the right."""
    sent = case.sent.get((record.label, record.number))
    if not sent:
        return False
    since_s = max(run.asked_s, min(each.sent_s for each in sent))
    return not case.timeline.ever(run.user, run.stream, min(since_s, item.at_s), item.at_s)


def _might_read(case: Case, run: Run) -> bool:
    """Whether the stream was there, and the right, until the run was refused."""
    was_there = not any(from_s <= run.refused_s and run.asked_s <= to_s for from_s, to_s in case.history.absent)
    return was_there and case.timeline.throughout(run.user, run.stream, run.asked_s, run.refused_s)


def _not_kept(case: Case, sent: Sent) -> Iterator[str]:
    """Of an acknowledged append."""
    epochs = [key for key in case.known if key[0] == sent.stream and sent.epoch in (None, key[1])]
    for number in range(sent.number, sent.number + sent.count):
        if not any(_is_kept(case, key, sent, number) for key in epochs):
            yield f"{sent.stream}: {sent.label} {number} was acknowledged, and is not there"


def _is_kept(case: Case, key: Key, sent: Sent, number: int) -> bool:
    """Whether it is there, was trimmed, or is marked as left out."""
    stored, positions = case.stored[key], case.by_label[key].get(sent.label, {})
    if number in positions or case.is_marked(key, sent.label, number):
        return True
    first_left = min((at for at in positions.values() if at >= stored.oldest), default=stored.next)
    is_before = all(other > number for other, at in positions.items() if at >= stored.oldest)
    return stored.oldest > 0 and is_before and first_left >= stored.oldest


def _was_told(case: Case, follower: str, key: Key, position: int) -> bool:
    """Whether the follower was told that it does not get this."""
    return any(
        item.kind == "lagged" and item.epoch == key[1] and item.first <= position < item.next
        for run, item in case.arrived()
        if run.follower == follower
    )


def _last_item(case: Case, follower: str) -> Item | None:
    """What the follower got last."""
    for run in reversed(case.history.runs):
        if run.follower == follower and run.items:
            return run.items[-1]
    return None


def _last_stored(case: Case, stream: str) -> tuple[int, int]:
    """Epoch and head of the stream at the end."""
    return next((each.epoch, each.next) for each in reversed(case.history.stored) if each.stream == stream)


def _name(run: Run) -> str:
    return f"{run.follower} of {run.stream}"


def _what(record: Seen) -> str:
    return f"{record.label} {record.number} at {record.position}"


def _stream(key: Key) -> str:
    return f"{key[0]} of epoch {key[1]}"
