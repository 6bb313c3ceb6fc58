"""The validators themselves: an honest history passes, and of each forged one the right validator says so.

bob may read x from 1 s on, loses that between 10 s and 11 s, and has it again from 21 s on.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from histories.forging import Forgeries
from histories.record import Arrival, Change, End, History, Interest, Mark, Publication, Question, Session
from histories.validators import RESIDUE_BYTES, judge

REVOKE, GRANT = ({"op": op, "user": "bob", "level": "read", "object": "x"} for op in ("revoke", "grant"))
USERS = [{"op": "put", "kind": "user", "id": id_} for id_ in ("alice", "bob")]


def honest() -> History:
    """An event before, one in between, and one after; a record of the stream likewise."""
    made = [
        ([*USERS, {"op": "put", "kind": "object", "id": "x", "owner": "alice"}, GRANT], 0.1, 1.0),
        ([REVOKE], 10.0, 11.0),
        ([GRANT], 20.0, 21.0),
    ]
    changes = [Change(changes, sent, heard, number) for number, (changes, sent, heard) in enumerate(made, 2)]
    publications = [Publication("p", number, "x", at, at + 0.1) for number, at in enumerate((4, 12, 24))]
    publications += [Publication("p", number, "x", at, at + 0.1, True) for number, at in enumerate((5, 13, 25), 3)]
    session = Session("bob-1", "bob", "t", 1.5)
    session.interests = [
        Interest("exact", "x", 2.0, 2.1, notices=[11.5], last_arrival_s=4.2),
        Interest("prefix", None, 2.2, 2.3, last_arrival_s=24.3),
        Interest("follow", "x", 2.4, 2.5, notices=[11.6], last_arrival_s=5.2, follower="f"),
        Interest("exact", "x", 22.0, 22.1, last_arrival_s=24.2),
        Interest("follow", "x", 22.2, 22.3, last_arrival_s=25.2, follower="f"),
    ]
    session.arrivals = [
        Arrival(4.2, 0, "p", 0, 100),
        Arrival(4.3, 1, "p", 0, 100),
        Arrival(5.2, 2, "p", 3, 100, position=0),
        Arrival(22.3, 4, "p", 4, 100, position=1),
        Arrival(24.2, 3, "p", 2, 100),
        Arrival(24.3, 1, "p", 2, 100),
        Arrival(25.2, 4, "p", 5, 100, position=2),
    ]
    session.marks = [Mark(6.0, 6.1), Mark(13.5, 13.6), Mark(26.0, 26.1), Mark(30.5, 30.6)]
    session.caught_up_s, session.closed_s = 30.8, 31.0
    questions = [Question("x", "bob", [], 12.0, 12.1), Question("x", None, ["alice", "bob"], 5.0, 5.1)]
    return History(["x"], ["alice", "bob"], publications, changes, [], [session], questions)


def test_an_honest_history_breaks_no_promise() -> None:
    assert not any(judge(honest()).values())


Forge = Callable[[History, Session], object]

forged = Forgeries()


@forged("NoLaterEvent")
def an_event_of_after_the_revocation_on_a_pattern(history: History, session: Session) -> None:
    session.arrivals.insert(3, Arrival(12.2, 1, "p", 1, 100))


@forged("NoLaterEvent")
def a_record_of_after_the_revocation(history: History, session: Session) -> None:
    session.arrivals.insert(3, Arrival(13.2, 2, "p", 4, 100, position=1))


@forged("NoLaterEvent")
def an_event_of_after_the_end_of_the_token(history: History, session: Session) -> None:
    history.ends.append(End("bob", "t", 22.5, 23.0))


@forged("NoLaterEvent")
def an_event_of_after_the_end_of_the_users_sessions(history: History, session: Session) -> None:
    history.ends.append(End("bob", None, 22.5, 23.0))


@forged("NoLaterEvent")
def an_event_that_nobody_published(history: History, session: Session) -> None:
    session.arrivals.append(Arrival(26.0, 3, "p", 99, 100))


@forged("NoLaterEvent")
def a_subscription_without_the_right(history: History, session: Session) -> None:
    session.interests.append(Interest("exact", "x", 14.0, 14.1, left_s=14.2))


@forged("Purged")
def a_queue_that_was_flushed(history: History, session: Session) -> None:
    session.arrivals[1] = Arrival(12.0, 1, "p", 0, RESIDUE_BYTES + 1)


@forged("Purged")
def a_queue_that_was_flushed_in_small_parts(history: History, session: Session) -> None:
    for number in (6, 7):
        history.publications.append(Publication("p", number, "x", 6.0, 6.1))
        session.arrivals.insert(number - 3, Arrival(12.0, 1, "p", number, RESIDUE_BYTES // 2 + 1))


@forged("Purged")
def a_queue_that_was_flushed_although_the_token_had_ended(history: History, session: Session) -> None:
    history.ends.append(End("bob", "t", 24.0, 24.05))
    session.arrivals[5] = Arrival(24.3, 1, "p", 2, RESIDUE_BYTES + 1)


@forged("Complete")
def an_event_that_was_lost(history: History, session: Session) -> None:
    del session.arrivals[1]


@forged("Complete")
def an_event_that_was_lost_after_the_right_was_given_again(history: History, session: Session) -> None:
    del session.arrivals[4]


@forged("Complete")
def a_record_that_was_lost_at_the_end(history: History, session: Session) -> None:
    del session.arrivals[-1]


@forged("Complete")
def a_refusal_of_what_was_allowed(history: History, session: Session) -> None:
    session.interests.append(Interest("exact", "x", 23.0, refused_s=23.1))


@forged("ToldOnce")
def an_end_of_which_nobody_was_told(history: History, session: Session) -> None:
    session.interests[0].notices.clear()


@forged("ToldOnce")
def an_end_that_was_told_twice(history: History, session: Session) -> None:
    session.interests[0].notices.append(11.7)


@forged("ToldOnce")
def an_event_behind_the_notice(history: History, session: Session) -> None:
    session.interests[0].last_arrival_s = 11.8


@forged("ToldOnce")
def a_notice_of_an_end_that_was_none(history: History, session: Session) -> None:
    session.interests[3].notices.append(26.0)


@forged("ToldOnce")
def a_pattern_that_was_ended(history: History, session: Session) -> None:
    session.interests[1].notices.append(12.0)


@forged("ToldOnce")
def two_farewells(history: History, session: Session) -> None:
    session.goodbyes.extend(["a", "b"])


@forged("Ordered")
def an_event_that_came_again(history: History, session: Session) -> None:
    session.arrivals.append(Arrival(24.4, 3, "p", 2, 100))


@forged("Ordered")
def an_older_event_behind_a_newer_one_on_another_subscription(history: History, session: Session) -> None:
    session.arrivals.append(Arrival(24.4, 1, "p", 0, 100))


@forged("NoHole")
def a_record_that_was_left_out(history: History, session: Session) -> None:
    del session.arrivals[3]


@forged("NoHole")
def a_record_that_came_again(history: History, session: Session) -> None:
    session.arrivals.insert(4, Arrival(22.4, 4, "p", 4, 100, position=1))


@forged("Truthful")
def an_answer_of_before(history: History, session: Session) -> None:
    history.questions.append(Question("x", "bob", ["bob"], 12.0, 12.1))


@forged("Truthful")
def a_list_that_misses_somebody(history: History, session: Session) -> None:
    history.questions.append(Question("x", None, ["alice"], 5.0, 5.1))


@forged("StaysDead")
def a_login_with_a_token_that_had_ended(history: History, session: Session) -> None:
    history.revived.append("bob")


@pytest.mark.parametrize(("validator", "forge"), forged.params)
def test_it_is_found(validator: str, forge: Forge) -> None:
    history = honest()
    forge(history, history.sessions[0])
    assert judge(history)[validator]


def test_what_is_not_certain_is_not_held_against_the_server() -> None:
    """The event was sent while the revocation was under way, and acknowledged after it."""
    history = honest()
    history.publications.append(Publication("p", 6, "x", 10.5, 11.2))
    assert not any(judge(history).values()), "it need not arrive"
    session = history.sessions[0]
    session.arrivals.insert(3, Arrival(11.3, 0, "p", 6, 100))
    session.interests[0].last_arrival_s = 11.3
    assert judge(history)["NoLaterEvent"] == [], "and it may"
