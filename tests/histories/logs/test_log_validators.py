"""The validators of logs themselves: an honest history passes, and of each forged one the right validator says so.

p writes ten records into s, of which it gives up two; bob reads it from the start in two runs, carol by a filter, dave
with a cursor in the service. bob has no right from 10 s to 20 s.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from histories.forging import Forgeries
from histories.logs.record import Item, LogHistory, Run, Seen, Sent, Stored
from histories.logs.validators import judge
from histories.record import Change
from histories.validators import RESIDUE_BYTES

EPOCH, OTHER_EPOCH = 7, 8
RIGHT = {"user": "bob", "level": "read", "object": "s"}
MADE = [
    *({"op": "put", "kind": "user", "id": id_} for id_ in ("bob", "carol")),
    {"op": "put", "kind": "object", "id": "s", "owner": "carol"},
    {"op": "grant", **RIGHT},
]

RECORDS = [
    *(Seen(number, "p.0", number) for number in range(4)),
    Seen(4, "!lost", 2, "p"),
    *(Seen(number - 1, "p.0", number) for number in range(6, 11)),
]


def got(at_s: float, first: int, following: int) -> Item:
    """These positions."""
    return Item(at_s, "records", EPOCH, first, following, RECORDS[first:following], 100)


def honest() -> LogHistory:
    """See the module."""
    history = LogHistory(["s"], ["bob", "carol"])
    history.changes = [
        Change(MADE, 0.1, 0.2, 2),
        Change([{"op": "revoke", **RIGHT}], 9.9, 10.0, 3),
        Change([{"op": "grant", **RIGHT}], 20.0, 20.1, 4),
    ]
    history.sent = [
        Sent("s", "p.0", 0, 4, 1.0, 1.1, EPOCH, 0, 4),
        Sent("s", "p.0", 6, 3, 2.0, 2.1, EPOCH, 4, 8),
        Sent("s", "p.0", 9, 2, 12.0, 12.1, EPOCH, 8, 10),
        Sent("s", "p.0", 11, 2, 12.5),
    ]
    evens = [each for each in RECORDS if each.is_of("even")]
    history.runs = [
        Run("bob", "bob", "s", 0.5, items=[got(1.2, 0, 4), got(2.2, 4, 8)], refused_s=10.1),
        Run("bob", "bob", "s", 21.0, EPOCH, 8, items=[got(21.1, 8, 10), Item(25.0, "head", EPOCH, 10, 10)]),
        Run("carol", "carol", "s", 0.5, source="even", items=[Item(13.0, "records", EPOCH, 0, 10, evens, 100)]),
        Run("dave", "carol", "s", 0.5, items=[got(1.2, 0, 4)], committed=4),
        Run("dave", "carol", "s", 1.5, EPOCH, 4, items=[got(2.2, 4, 8)]),
        Run("dave", "carol", "s", 3.5, EPOCH, 4, items=[got(13.0, 4, 10)]),
    ]
    history.stored = [Stored("s", EPOCH, 0, 10, list(RECORDS))]
    history.stayed = {"bob": "s", "carol": "s", "dave": "s"}
    return history


def test_an_honest_history_breaks_no_promise() -> None:
    assert not any(judge(honest()).values())


Forge = Callable[[LogHistory], object]

forged = Forgeries()


@forged("Ordered")
def another_record_at_a_position(history: LogHistory) -> None:
    history.runs[0].items[0].records[1:3] = [Seen(1, "p.0", 2), Seen(2, "p.0", 1)]


@forged("Ordered")
def a_reader_that_goes_back(history: LogHistory) -> None:
    history.runs[0].items.append(got(2.3, 2, 8))


@forged("Ordered")
def a_producers_records_in_another_order(history: LogHistory) -> None:
    history.stored[0].records[5:7] = [Seen(5, "p.0", 7), Seen(6, "p.0", 6)]


@forged("Unique")
def a_record_that_is_stored_twice(history: LogHistory) -> None:
    history.stored[0].records.append(Seen(10, "p.0", 10))


@forged("Unique")
def a_record_that_came_twice(history: LogHistory) -> None:
    history.runs[0].items.append(got(2.3, 7, 8))


@forged("Complete")
def a_record_that_was_left_out_of_a_batch(history: LogHistory) -> None:
    del history.runs[0].items[0].records[2]


@forged("Complete")
def a_record_that_a_filter_takes_for_another(history: LogHistory) -> None:
    history.runs[2].items[0].records.pop()


@forged("Complete")
def a_reader_that_waits_before_the_head(history: LogHistory) -> None:
    history.runs[1].items.clear()


@forged("Complete")
def a_reader_that_never_got_anything(history: LogHistory) -> None:
    history.stayed["erin"] = "s"


@forged("Resumable")
def a_hole_after_a_resume(history: LogHistory) -> None:
    history.runs[1].items[0] = got(21.1, 9, 10)


@forged("Resumable")
def a_repetition_after_a_resume(history: LogHistory) -> None:
    history.runs[1].items[0] = got(21.1, 7, 10)


@forged("Resumable")
def a_reset_without_a_reason(history: LogHistory) -> None:
    history.runs[1].items.insert(0, Item(21.05, "reset", EPOCH, 0, 0))


@forged("Resumable")
def another_epoch_without_a_reset(history: LogHistory) -> None:
    history.runs[1].epoch = OTHER_EPOCH


@forged("Resumable")
def a_commit_that_was_forgotten(history: LogHistory) -> None:
    history.runs[4] = Run("dave", "carol", "s", 1.5, EPOCH, 0, items=[got(2.2, 0, 8)])


@forged("GapMarked")
def a_hole_between_two_batches(history: LogHistory) -> None:
    history.runs[0].items[1] = got(2.2, 5, 8)


@forged("GapMarked")
def a_head_that_overtakes_records(history: LogHistory) -> None:
    history.runs[0].items.append(Item(2.3, "head", EPOCH, 9, 9))


@forged("GapMarked")
def a_gap_that_is_none(history: LogHistory) -> None:
    history.runs[0].items[1] = Item(2.2, "lagged", EPOCH, 4, 8)


@forged("GapMarked")
def a_producers_hole_without_a_marker(history: LogHistory) -> None:
    history.stored[0].records[4] = Seen(4, "!attempt", -1)


@forged("GapMarked")
def a_producers_hole_with_the_marker_of_another(history: LogHistory) -> None:
    history.stored[0].records[4] = Seen(4, "!lost", 2, "q")


@forged("Authorised")
def a_record_of_after_the_revocation(history: LogHistory) -> None:
    history.runs[0].items.append(got(12.2, 8, 10))


@forged("Authorised")
def a_queue_that_was_flushed(history: LogHistory) -> None:
    history.runs[0].items[1].at_s = 10.2
    history.runs[0].items[1].size_bytes = RESIDUE_BYTES + 1


@forged("Authorised")
def a_run_without_the_right(history: LogHistory) -> None:
    history.runs.insert(1, Run("bob", "bob", "s", 11.0, EPOCH, 8, items=[Item(11.1, "head", EPOCH, 8, 8)]))


@forged("Authorised")
def a_refusal_of_what_was_allowed(history: LogHistory) -> None:
    history.runs[1].refused_s = 26.0


@forged("Converged")
def a_view_that_differs(history: LogHistory) -> None:
    history.runs[0].items[0].records[1] = Seen(1, "p.0", 99)


@forged("Converged")
def a_view_with_a_hole(history: LogHistory) -> None:
    del history.runs[0].items[1]


@forged("Durable")
def an_acknowledged_record_that_is_not_there(history: LogHistory) -> None:
    history.sent[3].acknowledged_s, history.sent[3].epoch = 12.6, EPOCH


@forged("Durable")
def a_record_that_was_seen_and_is_not_there(history: LogHistory) -> None:
    history.stored[0].records.pop()


@forged("Durable")
def a_record_of_a_store_that_nobody_has(history: LogHistory) -> None:
    history.runs.append(Run("erin", "carol", "s", 0.5, items=[Item(1.0, "records", OTHER_EPOCH, 0, 1, RECORDS[:1])]))


@pytest.mark.parametrize(("validator", "forge"), forged.params)
def test_it_is_found(validator: str, forge: Forge) -> None:
    history = honest()
    forge(history)
    assert judge(history)[validator]


def test_what_retention_took_is_not_held_against_the_server() -> None:
    """Of the store, and of who was told that it lags."""
    history = honest()
    history.stored[0].oldest = 6
    del history.stored[0].records[:6]
    history.runs[2].items = [
        Item(13.0, "lagged", EPOCH, 0, 6),
        Item(13.0, "records", EPOCH, 6, 10, [each for each in RECORDS[6:] if each.is_of("even")], 100),
    ]
    assert not any(judge(history).values())


def test_what_only_a_filtered_reader_came_past_before_it_was_trimmed_is_not_held_against_the_server() -> None:
    """Nobody knows of which source it was."""
    history = honest()
    history.stored[0].oldest = 6
    del history.stored[0].records[:6]
    history.runs = [history.runs[2]]
    history.stayed = {"carol": "s"}
    assert judge(history)["Complete"] == []


def test_what_a_budget_left_out_is_not_held_against_the_server() -> None:
    """It was acknowledged, and the marker stands for it."""
    history = honest()
    marker = Seen(4, "!truncated", 2, "p")
    history.stored[0].records[4] = history.runs[0].items[1].records[0] = marker
    history.runs[4].items[0].records[0] = history.runs[5].items[0].records[0] = marker
    history.sent.append(Sent("s", "p.0", 4, 2, 1.5, 1.6, EPOCH, 4, 4))
    assert not any(judge(history).values())


def test_a_store_that_was_replaced_is_no_fault() -> None:
    """Its reader is reset, its records are in the old one."""
    history = honest()
    again = [Seen(0, "p.0", 11)]
    history.stored.append(Stored("s", OTHER_EPOCH, 0, 1, again))
    for name in history.stayed:
        items = [Item(30.0, "reset", OTHER_EPOCH, 0, 0), Item(30.1, "records", OTHER_EPOCH, 0, 1, again, 10)]
        history.runs.append(Run(name, "carol", "s", 29.0, EPOCH, 10, items=items))
    history.runs.append(Run("bob", "bob", "s", 28.0, EPOCH, 10, refused_s=28.1))
    history.absent = [(27.5, 28.5)]
    assert not any(judge(history).values())
