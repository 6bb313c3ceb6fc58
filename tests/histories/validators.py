"""What is promised, as questions to a history. Each validator returns the sentences that say what was broken.

Whatever is not certain, because it was under way when something else was, is not held against the server. So that a
history has something to say, look at how much of it was certain: figures.py counts it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property

from fairlead_router import Limits
from histories.record import NEVER_S, Arrival, History, Interest, Publication, Session, has_ended, may_have_ended
from histories.timeline import Timeline

KERNEL_BYTES = 192 << 10
"""What the kernel holds for a reader that has stopped, on both sides, and what our client has read and not looked at:
its receive buffer is RECEIVE_BUFFER_BYTES, and the server's socket takes `unsent_bytes` more than it can send."""

RESIDUE_BYTES = Limits().write_bytes + Limits().transport_bytes + KERNEL_BYTES
"""What may still arrive of what was accepted before a revocation: one write, the transport's buffer, the kernel's."""

TOLD_WITHIN_S = 1.0
"""How long after the acknowledgement the notice may be queued: large revocations tell in slices."""


class Case:
    """A history with what the validators share."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.timeline = Timeline(history)
        self.published = {(each.publisher, each.number): each for each in history.publications}

    @cached_property
    def by_object(self) -> dict[str, list[Publication]]:
        """The accepted events about each object, in the order in which they were sent."""
        found: dict[str, list[Publication]] = defaultdict(list)
        for each in sorted(self.history.publications, key=lambda each: each.sent_s):
            if each.accepted_s != NEVER_S:
                found[each.object].append(each)
        return found

    def ended_by(self, session: Session) -> float:
        """When its token, or all of its user's, had certainly ended."""
        ends = (each.acknowledged_s for each in self.history.ends if has_ended(session, each))
        return min(ends, default=NEVER_S)

    def may_end_at(self, session: Session) -> float:
        """From when on the session may have been ended by the server."""
        ends = (each.sent_s for each in self.history.ends if may_have_ended(session, each))
        return min(ends, default=NEVER_S)


def no_later_event(case: Case) -> Iterator[str]:
    """Nothing is delivered that was published after its reader had lost the right, or its session (G1)."""
    timeline = case.timeline
    for session in case.history.sessions:
        ended_s = case.ended_by(session)
        for interest in session.interests:
            about, begun = interest.object, interest.begun_s != NEVER_S
            if begun and about and not timeline.ever(session.user, about, interest.asked_s, interest.begun_s):
                yield f"{session.name}: {interest.match} on {about} was accepted without the right"
        for arrival in session.arrivals:
            event = case.published.get((arrival.publisher, arrival.number))
            if event is None:
                yield f"{_name(session, arrival)} was never published"
                continue
            from_s, to_s = event.sent_s, min(event.accepted_s, arrival.at_s)
            if event.is_record:  # delivered when it was read for this `follow`
                from_s, to_s = max(event.sent_s, session.interests[arrival.interest].asked_s), arrival.at_s
            if from_s > ended_s or not timeline.ever(session.user, event.object, from_s, to_s):
                yield f"{_name(session, arrival)} about {event.object} was published without the right"


def purged(case: Case) -> Iterator[str]:
    """Of what was queued when a right went, no more arrives than was out of our hands: RESIDUE_BYTES (G2, G3)."""
    for session in case.history.sessions:
        for what, size in residues(case, session).items():
            if size > RESIDUE_BYTES:
                yield f"{session.name}: {size} bytes arrived after the loss of {what} was acknowledged"


def residues(case: Case, session: Session) -> Counter[str]:
    """How many bytes came after each loss, by the state that it brought, and after the end of the session's token."""
    found: Counter[str] = Counter()
    ended_s = case.ended_by(session)
    for arrival in session.arrivals:
        event = case.published.get((arrival.publisher, arrival.number))
        if event is None:
            continue
        state = case.timeline.lost_with(session.user, event.object, arrival.at_s)
        if arrival.at_s > ended_s:
            found["the session"] += arrival.size_bytes
        elif state is not None:
            found[f"state {state}"] += arrival.size_bytes
    return found


def complete(case: Case) -> Iterator[str]:
    """What may be had is had: every event that its reader might see from before it was sent until it must be here."""
    for session in case.history.sessions:
        arrived = {(each.interest, each.publisher, each.number) for each in session.arrivals}
        for index, interest in enumerate(session.interests):
            yield from _refused_though_allowed(case, session, interest)
            for event, by_s in _must_have_arrived(case, session, interest):
                if (index, event.publisher, event.number) not in arrived:
                    where = f"{session.name}: {interest.match} on {interest.object}"
                    yield f"{where}: {event.publisher} {event.number} about {event.object} is not here by {by_s}"


def told_once(case: Case) -> Iterator[str]:
    """Whose subscription or `follow` has ended is told that once, after the last event; nobody else is told (G4)."""
    for session in case.history.sessions:
        for interest in session.interests:
            where = f"{session.name}: {interest.match} on {interest.object}"
            if len(interest.notices) > 1:
                yield f"{where} was told {len(interest.notices)} times"
            if interest.notices and interest.last_arrival_s > interest.notices[0]:
                yield f"{where} got something after it was told that it had ended"
            if interest.notices and not _may_have_ended(case, session, interest):
                yield f"{where} was told that it had ended, which it had not"
            if not interest.notices and _must_have_been_told(case, session, interest):
                yield f"{where} has ended, and was not told"
        if len(session.goodbyes) > 1:
            yield f"{session.name}: GOODBYE came {len(session.goodbyes)} times"


def ordered(case: Case) -> Iterator[str]:
    """What one publisher sends arrives in its order: once on each subscription, and across those of a session (R1)."""
    for session in case.history.sessions:
        last: dict[str, int] = {}
        last_of: dict[tuple[int, str], int] = {}
        for arrival in session.arrivals:
            if arrival.position is not None:
                continue  # no_hole looks at these
            if arrival.number < last.get(arrival.publisher, -1):
                yield f"{_name(session, arrival)} came after {last[arrival.publisher]}"
            last[arrival.publisher] = arrival.number
            own = (arrival.interest, arrival.publisher)
            if arrival.number <= last_of.get(own, -1):
                yield f"{_name(session, arrival)} came again, or after a later one"
            last_of[own] = arrival.number


def no_hole(case: Case) -> Iterator[str]:
    """Who follows a stream has it whole: through lost and regained rights, broken connections and restarts (G11)."""
    next_of: dict[str, int] = {}
    for session in case.history.sessions:
        for arrival in session.arrivals:
            follower = session.interests[arrival.interest].follower
            if follower is None or arrival.position is None:
                continue
            expected = next_of.get(follower, 0)
            if arrival.position != expected:
                yield f"{_name(session, arrival)}: {follower} got position {arrival.position} instead of {expected}"
            next_of[follower] = arrival.position + 1


def truthful(case: Case) -> Iterator[str]:
    """What is answered to questions was so while they were asked."""
    for asked in case.history.questions:
        among = set(case.history.users if asked.user is None else [asked.user])
        states = case.timeline.readers(asked.object, asked.sent_s, asked.heard_s)
        if not any(set(asked.readers) == state & among for state in states):
            yield f"{asked.readers} of {sorted(among)} read {asked.object}, it was said at {asked.heard_s}"


def stays_dead(case: Case) -> Iterator[str]:
    """Nobody comes in with a token that had ended, whatever became of the server since."""
    for user in case.history.revived:
        yield f"a token of {user} was taken that had ended"


VALIDATORS: dict[str, Callable[[Case], Iterator[str]]] = {
    "NoLaterEvent": no_later_event,
    "Purged": purged,
    "Complete": complete,
    "ToldOnce": told_once,
    "Ordered": ordered,
    "NoHole": no_hole,
    "Truthful": truthful,
    "StaysDead": stays_dead,
}


def judge(history: History) -> dict[str, list[str]]:
    """What each validator has found."""
    case = Case(history)
    return {name: list(validate(case)) for name, validate in VALIDATORS.items()}


# ---------------------------------------------------------------- what has to be


def _must_have_arrived(case: Case, session: Session, interest: Interest) -> Iterator[tuple[Publication, float]]:
    """Events, each with the time by which it is here, because a request that was sent later has been answered."""
    if interest.begun_s == NEVER_S:
        return
    end_s = min(session.closed_s, interest.left_s, case.may_end_at(session))
    objects = [interest.object] if interest.object else case.history.objects
    for object_id in objects:
        events = case.by_object[object_id]
        for event in events[bisect_left(events, interest.begun_s, key=lambda each: each.sent_s) :]:
            if event.sent_s > end_s:
                break
            by_s = _here_by(session, event)
            is_wanted = event.is_record == (interest.match == "follow")
            since_s = interest.begun_s if interest.object else event.sent_s
            if is_wanted and by_s < end_s and case.timeline.throughout(session.user, object_id, since_s, by_s):
                yield event, by_s


def _here_by(session: Session, event: Publication) -> float:
    """When an event must be here. Records are read from the store, at the pace of who follows, so in the end."""
    if event.is_record:
        return session.caught_up_s
    index = bisect_right(session.marks, event.accepted_s, key=lambda each: each.sent_s)
    return session.marks[index].answered_s if index < len(session.marks) else NEVER_S


def _refused_though_allowed(case: Case, session: Session, interest: Interest) -> Iterator[str]:
    if interest.refused_s == NEVER_S:
        return
    if interest.object is None or case.timeline.throughout(
        session.user, interest.object, interest.asked_s, interest.refused_s
    ):
        yield f"{session.name}: {interest.match} on {interest.object} was refused, though it was allowed"


def _may_have_ended(case: Case, session: Session, interest: Interest) -> bool:
    return interest.object is not None and not case.timeline.throughout(
        session.user, interest.object, interest.asked_s, interest.notices[0]
    )


def _must_have_been_told(case: Case, session: Session, interest: Interest) -> bool:
    """The right has certainly gone, and a request that was sent long enough after that has been answered."""
    if interest.object is None or interest.begun_s == NEVER_S or not session.marks:
        return False
    end_s = min(session.closed_s, interest.left_s, case.may_end_at(session))
    last = next((each for each in reversed(session.marks) if each.answered_s < end_s), None)
    return last is not None and any(
        lost_s > interest.begun_s and lost_s + TOLD_WITHIN_S < last.sent_s
        for lost_s in case.timeline.losses(session.user, interest.object)
    )


def _name(session: Session, arrival: Arrival) -> str:
    return f"{session.name}: {arrival.publisher} {arrival.number}"
