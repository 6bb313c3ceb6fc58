"""What is recorded of a play: who asked for what, when that was sent, when its answer came, and all that arrived.

All times are those of one clock, the monotonic one of the process that all clients are in. What was sent at a time
reached the server later, what was heard at a time had happened before: so the interval from sent to heard holds the
moment at which the server did it, and what is concluded from such intervals is certain.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

Match = Literal["exact", "prefix", "wildcard", "follow"]

NEVER_S = math.inf

RECEIVE_BUFFER_BYTES = 16 << 10
"""SO_RCVBUF of all clients: little, so that who does not read is felt at once."""


class Publication(msgspec.Struct):
    """One event on an object's topic, or one record of its stream. Publishers number what they send."""

    publisher: str
    number: int
    object: str
    sent_s: float
    accepted_s: float = NEVER_S
    is_record: bool = False


class Change(msgspec.Struct):
    """A list of changes of permissions. Those that were refused are not recorded; `revision` is 0 until it is known."""

    changes: list[dict[str, Any]]
    sent_s: float
    acknowledged_s: float = NEVER_S
    revision: int = 0


class End(msgspec.Struct):
    """A token was deleted, or all of a user's, with the sessions that came in with them."""

    user: str
    token: str | None
    sent_s: float
    acknowledged_s: float = NEVER_S


class Question(msgspec.Struct):
    """Who may read an object: whether this user, or which ones."""

    object: str
    user: str | None
    readers: list[str]
    sent_s: float
    heard_s: float


class Mark(msgspec.Struct):
    """A request that the server answers in order: when the answer is here, all that was queued before it is."""

    sent_s: float
    answered_s: float


class Arrival(msgspec.Struct):
    """An event, or a record of a stream at this position."""

    at_s: float
    interest: int
    publisher: str
    number: int
    size_bytes: int
    position: int | None = None


class Interest(msgspec.Struct):
    """A subscription, or a `follow` of an object's stream. A pattern is about all objects, so its `object` is None."""

    match: Match
    object: str | None
    asked_s: float
    begun_s: float = NEVER_S
    refused_s: float = NEVER_S
    left_s: float = NEVER_S
    """When we asked for its end."""
    notices: list[float] = msgspec.field(default_factory=list)
    last_arrival_s: float = 0.0
    follower: str | None = None
    """Who goes on with its cursor from one `follow` to the next."""


class Session(msgspec.Struct):
    """All that one session heard, in order. `interest` of an arrival is an index."""

    name: str
    user: str
    token: str
    opened_s: float
    closed_s: float = NEVER_S
    caught_up_s: float = NEVER_S
    """When all was quiet and it had waited for what it follows."""
    goodbyes: list[str] = msgspec.field(default_factory=list)
    interests: list[Interest] = msgspec.field(default_factory=list)
    arrivals: list[Arrival] = msgspec.field(default_factory=list)
    marks: list[Mark] = msgspec.field(default_factory=list)


class History(msgspec.Struct):
    """One play."""

    objects: list[str]
    users: list[str]
    publications: list[Publication] = msgspec.field(default_factory=list)
    changes: list[Change] = msgspec.field(default_factory=list)
    ends: list[End] = msgspec.field(default_factory=list)
    sessions: list[Session] = msgspec.field(default_factory=list)
    questions: list[Question] = msgspec.field(default_factory=list)
    revived: list[str] = msgspec.field(default_factory=list)
    """Users who came in with a token that had ended."""


def has_ended(session: Session, end: End) -> bool:
    """Whether the end was acknowledged, and is one of this session too."""
    return end.acknowledged_s != NEVER_S and end.sent_s >= session.opened_s and _is_of(session, end)


def may_have_ended(session: Session, end: End) -> bool:
    """Whether the end may be one of this session too."""
    return end.acknowledged_s >= session.opened_s and _is_of(session, end)


def _is_of(session: Session, end: End) -> bool:
    return end.user == session.user and end.token in (None, session.token)
