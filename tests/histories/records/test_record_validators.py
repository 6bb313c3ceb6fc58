"""The validators of records themselves: an honest history passes, and of each forged one the right validator says so.

r1, of o, is made, changed, and deleted; r2, of p, is made and moves to o. bob watches everything, has no right to o
from 10 s to 20 s, breaks off and comes back with his bookmark; carol watches lane 1. In the end the store is another.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from histories.forging import Forgeries
from histories.record import Change
from histories.records.record import RecordHistory, Run, Seen, Step, Told
from histories.records.validators import judge

RIGHT = {"user": "bob", "level": "read", "object": "o"}
MADE = [
    *({"op": "put", "kind": "user", "id": id_} for id_ in ("bob", "carol")),
    *({"op": "put", "kind": "object", "id": id_, "owner": "carol"} for id_ in ("o", "p")),
    {"op": "grant", **RIGHT},
    {"op": "grant", "user": "bob", "level": "read", "object": "p"},
]


def whole(at_s: float, *changes: Seen, **more: str) -> Told:
    """A dict with a bookmark."""
    return Told(at_s, list(changes), is_whole=True, **more)  # type: ignore[arg-type]


def honest() -> RecordHistory:
    """See the module."""
    history = RecordHistory(["o", "p"], ["bob", "carol"])
    history.changes = [
        Change(MADE, 0.1, 0.2, 2),
        Change([{"op": "revoke", **RIGHT}], 9.9, 10.0, 3),
        Change([{"op": "grant", **RIGHT}], 20.0, 20.1, 4),
    ]
    history.steps = [
        Step(0, "r1", 1, 1, 1, "o", 1.0, 1.1),
        Step(0, "r2", 1, 2, 1, "p", 2.0, 2.1),
        Step(0, "r1", 2, 3, 0, "o", 5.0, 5.1),
        Step(0, "r2", 2, 4, 1, "p", 12.0, 12.1),
        Step(0, "r2", 3, 5, 1, "o", 15.0, 15.1),
        Step(0, "r1", 2, 6, 0, "o", 25.0, 25.1, is_delete=True),
        Step(1, "r1", 1, 7, 1, "p", 32.0, 32.1),
    ]
    history.runs = [
        Run(
            "bob", "bob", 0, 0, 0.5,
            told=[
                whole(0.6),
                Told(2.2, [Seen("added", "r1", 1, 1)]),
                whole(2.3, Seen("added", "r2", 1, 2)),
                whole(5.2, Seen("changed", "r1", 2, 3)),
                whole(10.1, Seen("removed", "r1")),
            ],
        ),
        Run(
            "bob", "bob", 0, 0, 13.0, is_resumed=True,
            told=[
                whole(13.1, Seen("changed", "r2", 2, 4)),
                whole(15.2, Seen("removed", "r2")),
                whole(20.2, Seen("added", "r1", 2, 3), Seen("added", "r2", 3, 5)),
                whole(25.2, Seen("removed", "r1", 2, 3, is_deleted=True)),
            ],
        ),
        Run(
            "carol", "carol", 3, 0, 2.5,
            told=[whole(2.6), whole(5.2, Seen("added", "r1", 2, 3)), whole(26.0, Seen("removed", "r1"))],
        ),
        Run("bob", "bob", 0, 1, 31.0, is_resumed=True,
            told=[whole(31.1, reset="epoch"), whole(32.2, Seen("added", "r1", 1, 7), mark="end")]),
        Run("carol", "carol", 3, 1, 31.0, is_resumed=True,
            told=[whole(31.1, reset="epoch"), whole(33.0, mark="end")]),
    ]  # fmt: skip
    history.left = {"r1": 1}
    history.stayed = {"bob": "end", "carol": "end"}
    return history


def test_an_honest_history_breaks_no_promise() -> None:
    assert {name: found for name, found in judge(honest()).items() if found} == {}


Forge = Callable[[RecordHistory], object]

forged = Forgeries()


@forged("Ordered")
def an_older_version_comes_after_a_newer_one(history: RecordHistory) -> None:
    history.runs[0].told.insert(4, Told(5.3, [Seen("changed", "r1", 1, 1)]))


@forged("Ordered")
def after_a_resume_comes_what_is_older_than_the_bookmark(history: RecordHistory) -> None:
    history.runs[1].told[:1] = [whole(13.1, Seen("changed", "r2", 2, 4)), Told(13.2, [Seen("changed", "r2", 1, 2)])]


@forged("Unique")
def a_version_is_told_twice(history: RecordHistory) -> None:
    history.runs[0].told.insert(4, Told(5.3, [Seen("changed", "r1", 2, 3)]))


@forged("Unique")
def what_is_there_is_added(history: RecordHistory) -> None:
    history.runs[1].told[0].changes[0].change = "added"


@forged("Unique")
def what_is_not_there_is_removed(history: RecordHistory) -> None:
    history.runs[0].told.append(Told(10.2, [Seen("removed", "r1")]))


@forged("Unique")
def what_is_not_there_is_changed(history: RecordHistory) -> None:
    history.runs[0].told[1].changes[0].change = "changed"


@forged("Unique")
def a_record_is_twice_in_one_dict(history: RecordHistory) -> None:
    history.runs[0].told[3].changes.append(Seen("changed", "r1", 2, 3))


@forged("Resumable")
def what_was_missed_is_not_told(history: RecordHistory) -> None:
    history.runs[1].told[0].changes.clear()


@forged("Resumable")
def a_resume_with_another_store_goes_on(history: RecordHistory) -> None:
    history.runs[3].told[0].reset = None


@forged("Resumable")
def a_resume_is_reset_as_if_the_store_were_another(history: RecordHistory) -> None:
    history.runs[1].told.insert(0, Told(13.05, reset="epoch"))


@forged("Resumable")
def a_resume_is_reset_although_no_right_has_moved(history: RecordHistory) -> None:
    history.runs.insert(2, Run("bob", "bob", 0, 0, 26.0, is_resumed=True, told=[Told(26.1, reset="permissions")]))
    history.runs.insert(2, Run("bob", "bob", 0, 0, 25.5, is_resumed=True, told=[whole(25.6)]))


@forged("Bookmarkable")
def a_bookmark_comes_before_the_picture_is_whole(history: RecordHistory) -> None:
    history.runs[0].told[2].changes.clear()


@forged("Bookmarkable")
def two_records_are_seen_that_were_never_so_together(history: RecordHistory) -> None:
    history.runs[2].told[1:1] = [whole(5.15, Seen("added", "r2", 1, 2))]


@forged("Bookmarkable")
def what_does_not_match_any_more_stays(history: RecordHistory) -> None:
    history.steps.append(Step(0, "r3", 1, 9, 3, "p", 26.5, 26.6))
    history.runs[2].told[2] = whole(26.7, Seen("added", "r3", 1, 9))


@forged("Bookmarkable")
def what_may_not_be_read_any_more_stays(history: RecordHistory) -> None:
    history.runs[0].told[4] = whole(12.2, Seen("changed", "r2", 2, 4))


@forged("Authorised")
def something_of_an_object_comes_after_the_right_had_gone(history: RecordHistory) -> None:
    history.runs[1].told.insert(2, Told(15.3, [Seen("added", "r2", 3, 5)]))


@forged("Authorised")
def what_is_removed_for_want_of_a_right_is_shown(history: RecordHistory) -> None:
    history.runs[0].told[4].changes[0].n = 3


@forged("Authorised")
def a_version_is_told_that_never_was(history: RecordHistory) -> None:
    history.runs[0].told[3].changes[0].version = 9


@forged("Authorised")
def a_version_has_the_content_of_another(history: RecordHistory) -> None:
    history.runs[0].told[3].changes[0].n = 1


@forged("Authorised")
def a_version_is_told_that_was_gone_when_it_was_asked_for(history: RecordHistory) -> None:
    history.runs[1].told[0].changes[0] = Seen("changed", "r1", 1, 1)


@forged("Authorised")
def a_deletion_is_told_of_what_is_there(history: RecordHistory) -> None:
    history.runs[0].told[4].changes[0] = Seen("removed", "r1", 2, 3, is_deleted=True)


@forged("Authorised")
def more_than_the_residue_comes_after_a_revocation(history: RecordHistory) -> None:
    history.steps[2].sent_s = 9.0
    history.runs[0].told[3].at_s = history.runs[0].told[4].at_s = 10.1
    history.runs[0].told[3].size_bytes = 1 << 20


@forged("Converged")
def the_last_change_does_not_come(history: RecordHistory) -> None:
    history.runs[3].told[1].changes.clear()


@forged("Converged")
def what_is_gone_is_still_seen(history: RecordHistory) -> None:
    history.left.clear()


@forged("Converged")
def somebody_stays_with_the_old_store(history: RecordHistory) -> None:
    del history.runs[4]


@forged("Live")
def the_mark_does_not_come(history: RecordHistory) -> None:
    history.runs[4].told[1].mark = None


@forged("Live")
def a_watch_fails(history: RecordHistory) -> None:
    history.runs[4].error = "wamp.error.not_authorized"


@forged("Durable")
def what_was_acknowledged_is_gone(history: RecordHistory) -> None:
    history.left.clear()


@forged("Durable")
def an_older_version_is_left(history: RecordHistory) -> None:
    history.steps.append(Step(1, "r1", 2, 8, 1, "p", 33.0, 33.1))


@pytest.mark.parametrize(("validator", "forge"), forged.params)
def test_a_validator_finds_what_it_is_for(validator: str, forge: Forge) -> None:
    history = honest()
    forge(history)
    assert judge(history)[validator] != []


def test_what_was_under_way_is_not_held_against_the_server() -> None:
    history = honest()
    history.steps.append(Step(1, "r1", 2, 8, 0, "p", 33.0))
    assert not any(judge(history).values())


def test_rights_of_a_server_that_was_started_again_may_count_as_moved() -> None:
    history = honest()
    a_resume_is_reset_although_no_right_has_moved(history)
    history.starts.append(25.9)
    assert judge(history)["Resumable"] == []
