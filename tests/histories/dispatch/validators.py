"""What is promised of dispatch, as questions to a history. Each validator returns what was broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from histories.dispatch.record import DispatchHistory, Process

FINAL = ("Complete", "Cancelled")

SEEN_WITHIN_S = 0.25
"""How long after its end a process may still be seen, and a look at all of them may take."""


def one_holder(history: DispatchHistory) -> Iterator[str]:
    """A term has one holder, and terms grow; what has ended stays as it is."""
    by_id = defaultdict(list)
    for said in history.said:
        by_id[said.id].append(said)
    holders: dict[tuple[str, int], str] = {}
    for id_, versions in by_id.items():
        versions.sort(key=lambda said: said.version)
        for before, after in pairwise(versions):
            if after.state["term"] < before.state["term"]:
                yield f"{id_} went back from term {before.state['term']} to {after.state['term']}"
            if before.state["state"] in FINAL and after.state["state"] != before.state["state"]:
                yield f"{id_} was {before.state['state']}, and then {after.state['state']}"
        for said in versions:
            holder, term = said.state["locked_by"], said.state["term"]
            if holder is not None and holders.setdefault((id_, term), holder["dispatcher"]) != holder["dispatcher"]:
                yield f"{id_} was held by {holders[id_, term]} and {holder['dispatcher']} in term {term}"


def once(history: DispatchHistory) -> Iterator[str]:
    """A container has one process, and attempts follow each other, but for a dispatcher that was stopped."""
    for container, count in Counter(process.container for process in history.processes).items():
        if count > 1:
            yield f"{container} was run {count} times"
    attempts = defaultdict(list)
    for process in history.processes:
        request = history.left.get(process.container, {}).get("request")
        if request is not None:
            attempts[request].append(process)
    for request, processes in attempts.items():
        for before, after in pairwise(sorted(processes, key=lambda process: process.first_seen_s)):
            if before.last_seen_s > after.first_seen_s and not _is_late(history, before):
                yield f"{request}: {before.container} still ran when {after.container} did"


def recorded(history: DispatchHistory) -> Iterator[str]:
    """What ran has a start and an end in its record, and what a record says of its end is true."""
    codes = {asked.id: asked.exit_code for asked in history.asked}
    ran = {process.container for process in history.processes}
    for container in sorted(ran):
        state = history.left.get(container)
        if state is None:
            yield f"{container} ran, and is not there"
        elif state["started_us"] is None or state["finished_us"] is None:
            yield f"{container} ran, and its record has no start, or no end"
    for id_, state in history.left.items():
        if state["state"] != "Complete":
            continue
        if state["exit_code"] != codes[state["request"] or id_]:
            yield f"{id_} is Complete with {state['exit_code']}, not {codes[state['request'] or id_]}"
        if id_ not in ran:
            yield f"{id_} is Complete, and never ran"


def leased(history: DispatchHistory) -> Iterator[str]:
    """When a record says that a container has ended its process is gone, but that of a dispatcher that was stopped."""
    ends: dict[str, float] = {}
    for said in history.said:
        if said.state["state"] in FINAL:
            ends[said.id] = min(said.at_s, ends.get(said.id, said.at_s))
    for process in history.processes:
        end_s = ends.get(process.container)
        if end_s is not None and process.last_seen_s > end_s + SEEN_WITHIN_S and not _is_late(history, process):
            yield f"{process.container} ran for {process.last_seen_s - end_s:.2f} s after its end"


def final(history: DispatchHistory) -> Iterator[str]:
    """Everything that was acknowledged is there, and has ended; no request has had too many attempts."""
    for asked in history.asked:
        state = history.left.get(asked.id if asked.attempts is None else f"{asked.id}-1")
        if state is None and asked.acknowledged_s < float("inf"):
            yield f"{asked.id} was acknowledged, and is not there"
        if asked.attempts is not None and f"{asked.id}-{asked.attempts + 1}" in history.left:
            yield f"{asked.id} has had more than {asked.attempts} attempts"
    for id_, state in history.left.items():
        if state["state"] not in FINAL:
            yield f"{id_} is {state['state']} in the end"


def cancelled(history: DispatchHistory) -> Iterator[str]:
    """No cancel is lost: what waited never runs, what was held says so and has ended."""
    ran = {process.container: process for process in history.processes}
    for cancel in history.cancels:
        state = history.left[cancel.id]
        if cancel.state == "Complete":
            continue
        if state["cancel"] is None and state["state"] != "Cancelled":
            yield f"{cancel.id} was cancelled, and knows nothing of it"
        process = ran.get(cancel.id)
        if cancel.state == "Cancelled" and process is not None and process.first_seen_s > cancel.acknowledged_s + 0.25:
            yield f"{cancel.id} was run after it had been cancelled"


VALIDATORS: dict[str, Callable[[DispatchHistory], Iterator[str]]] = {
    "OneHolder": one_holder,
    "Once": once,
    "Recorded": recorded,
    "Leased": leased,
    "Final": final,
    "Cancelled": cancelled,
}


def judge(history: DispatchHistory) -> dict[str, list[str]]:
    """What each validator has found."""
    return {name: list(validate(history)) for name, validate in VALIDATORS.items()}


def _is_late(history: DispatchHistory, process: Process) -> bool:
    """Whether a dispatcher was stopped while this ran, and the record shows that it spoke too late."""
    was_stopped = any(from_s <= process.last_seen_s and process.first_seen_s <= to_s for from_s, to_s in history.stops)
    return was_stopped and bool(history.left.get(process.container, {}).get("late"))
