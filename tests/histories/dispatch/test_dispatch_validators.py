"""The validators of dispatch themselves: an honest history passes, and of each forged one the right validator says so.

a runs and ends with 3; r is a request whose first attempt is lost with its dispatcher; c is cancelled while it waits, d
while it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from histories.dispatch.record import Asked, Cancel, DispatchHistory, Process, Said
from histories.dispatch.validators import judge
from histories.forging import Forgeries


def state(name: str, term: int = 0, dispatcher: str | None = None, **about: Any) -> dict[str, Any]:
    """As a record has it."""
    return {
        "state": name,
        "term": term,
        "locked_by": None if dispatcher is None else {"dispatcher": dispatcher, "authid": "admin"},
        "started_us": 1 if term else None,
        "finished_us": 2 if name in ("Complete", "Cancelled") else None,
        "exit_code": None,
        "cancel": None,
        "late": [],
        "request": None,
        **about,
    }


def honest() -> DispatchHistory:
    """See the module."""
    history = DispatchHistory()
    history.asked = [
        Asked("a", 3, 1.0, None, 1.1),
        Asked("r", 0, 1.0, 2, 1.1),
        Asked("c", 0, 1.0, None, 1.1),
        Asked("d", 0, 1.0, None, 1.1),
    ]
    history.processes = [
        Process("a", 10, 2.0, 3.0),
        Process("r-1", 11, 2.0, 4.0),
        Process("r-2", 12, 6.0, 7.0),
        Process("d", 13, 2.0, 5.0),
    ]
    history.cancels = [Cancel("c", 1.2, 1.3, "Cancelled"), Cancel("d", 4.0, 4.1, "Running")]
    history.left = {
        "a": state("Complete", 2, exit_code=3),
        "r-1": state("Cancelled", 1, request="r"),
        "r-2": state("Complete", 1, exit_code=0, request="r"),
        "c": state("Cancelled", cancel={"by": "admin"}),
        "d": state("Cancelled", 1, cancel={"by": "admin"}),
    }
    history.said = [
        Said(1.1, "a", 1, state("Queued")),
        Said(1.5, "a", 2, state("Locked", 1, "d1")),
        Said(1.9, "a", 5, state("Running", 2, "d2")),
        Said(3.1, "a", 6, history.left["a"]),
        Said(4.1, "r-1", 4, history.left["r-1"]),
        Said(7.1, "r-2", 4, history.left["r-2"]),
        Said(5.1, "d", 5, history.left["d"]),
    ]
    return history


def test_an_honest_history_breaks_no_promise() -> None:
    assert {name: found for name, found in judge(honest()).items() if found} == {}


Forge = Callable[[DispatchHistory], object]

forged = Forgeries()


@forged("OneHolder")
def two_hold_in_one_term(history: DispatchHistory) -> None:
    history.said.append(Said(1.6, "a", 3, state("Locked", 1, "d2")))


@forged("OneHolder")
def a_term_comes_again(history: DispatchHistory) -> None:
    history.said[2].version = 1
    history.said[0].version = 0
    history.said[2].state["term"] = 3


@forged("OneHolder")
def what_has_ended_waits_again(history: DispatchHistory) -> None:
    history.said.append(Said(8.0, "a", 7, state("Queued", 2)))


@forged("Once")
def a_container_runs_twice(history: DispatchHistory) -> None:
    history.processes.append(Process("a", 20, 8.0, 9.0))


@forged("Once")
def two_attempts_run_at_once(history: DispatchHistory) -> None:
    history.processes[1].last_seen_s = 6.5


@forged("Recorded")
def what_ran_has_no_start(history: DispatchHistory) -> None:
    history.left["d"]["started_us"] = None


@forged("Recorded")
def what_ran_is_not_there(history: DispatchHistory) -> None:
    del history.left["r-1"]


@forged("Recorded")
def a_status_is_another(history: DispatchHistory) -> None:
    history.left["a"]["exit_code"] = 0


@forged("Recorded")
def what_is_complete_never_ran(history: DispatchHistory) -> None:
    del history.processes[0]


@forged("Leased")
def a_process_outlives_its_lease(history: DispatchHistory) -> None:
    history.processes[1].last_seen_s = 5.5


@forged("Final")
def something_waits_for_ever(history: DispatchHistory) -> None:
    history.left["a"]["state"] = "Queued"


@forged("Final")
def what_was_acknowledged_is_gone(history: DispatchHistory) -> None:
    del history.left["c"]
    history.cancels.clear()


@forged("Final")
def a_request_has_more_attempts_than_it_may(history: DispatchHistory) -> None:
    history.asked[1].attempts = 1


@forged("Cancelled")
def a_cancel_is_forgotten(history: DispatchHistory) -> None:
    history.left["d"] = state("Complete", 1, exit_code=0)


@forged("Cancelled")
def what_was_cancelled_runs(history: DispatchHistory) -> None:
    history.processes.append(Process("c", 21, 8.0, 8.5))


@pytest.mark.parametrize(("validator", "forge"), forged.params)
def test_a_validator_finds_what_it_is_for(validator: str, forge: Forge) -> None:
    history = honest()
    forge(history)
    assert judge(history)[validator] != []


def test_what_a_stopped_dispatcher_reports_late_may_have_run_beside_the_next() -> None:
    history = honest()
    two_attempts_run_at_once(history)
    history.stops.append((3.0, 7.0))
    assert judge(history)["Once"] != []
    history.left["r-1"]["late"] = [{"dispatcher": "d1"}]
    assert judge(history)["Once"] == judge(history)["Leased"] == []
