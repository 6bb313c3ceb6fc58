"""Registrations: procedures or patterns of them, and the callees who share each.

A registration begins with its first callee and ends with its last. Each session's part in it is a `Callee`:
a hold of the gate (gate.py), so that losing the right to register takes away this callee and no other.
"""

from collections.abc import Awaitable, Container
from typing import TYPE_CHECKING

from fairlead_router.gate import Hold
from fairlead_router.limits import Limits
from fairlead_router.messages import RegisterOptions
from fairlead_router.questions import Question
from fairlead_router.rpc.call_queue import CallQueue
from fairlead_router.rpc.invocation_policy import POLICIES
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.session import Session


class Callee(Hold):
    """One session's part in a registration: rests on the right to register the procedure (G12)."""

    __slots__ = ("concurrency", "discloses_caller", "forwards_timeout", "in_progress", "registration", "session")

    def __init__(
        self, session: "Session", registration: "Registration", options: RegisterOptions, object_id: str | None
    ) -> None:
        super().__init__(session.principal_cell, session.realm.gate.object_cell(object_id), session.outbox)
        self.session = session
        self.registration = registration
        self.concurrency = options.concurrency
        self.discloses_caller = options.disclose_caller
        self.forwards_timeout = options.forward_timeout
        self.in_progress = 0

    @property
    def has_room(self) -> bool:
        """Whether it may get another call now, by its option `concurrency`."""
        return self.concurrency is None or self.in_progress < self.concurrency

    def judge(self) -> bool | Awaitable[bool]:
        """Ask as at REGISTER."""
        procedure, match = self.registration.procedure, self.registration.match
        return self.session.may(Question("register", procedure, match, self.find_object()))

    def find_object(self) -> str | None:
        """That of its procedure."""
        return self.session.realm.registering.object_of(self.registration.procedure, self.registration.match)

    def revoke(self, reason: str) -> None:
        """The realm takes the procedure away from this callee, and with it the calls not written to it yet."""
        realm = self.session.realm
        realm.registering.revoke(self, reason)
        realm.rpc.callee_revoked(self)


class Registration:
    """A procedure, or a pattern of procedures, as one or more callees offer it."""

    __slots__ = ("callees", "created_us", "id", "invoke", "match", "procedure", "queue", "turn")

    def __init__(self, id_: int, procedure: str, options: RegisterOptions, created_us: int, limits: Limits) -> None:
        self.id = id_
        self.procedure = procedure
        self.match: Match = options.match
        self.invoke = options.invoke
        self.created_us = created_us
        self.callees: list[Callee] = []
        """In the order in which they registered."""
        self.turn = 0
        """Which of the callees is next, for policies that take turns."""
        self.queue = CallQueue("queued_calls_per_registration", limits.queued_calls_per_registration)
        """The calls that wait until a callee has room."""

    def add(self, callee: Callee) -> None:
        """One more callee."""
        self.callees.append(callee)

    def remove(self, callee: Callee) -> None:
        """The callee is none any more. The others keep their turns."""
        index = self.callees.index(callee)
        del self.callees[index]
        if index < self.turn:
            self.turn -= 1

    def pick(self, refused: Container[Callee] = ()) -> Callee | None:
        """The callee that gets the next call, by the invocation policy; None if none can take it now.

        Callees in `refused` are treated as if they were not there (spec: Advanced Profile, Call Re-Routing).
        """
        callees = self.callees
        if len(callees) == 1:
            callee = callees[0]
            has_room = callee.concurrency is None or callee.has_room
            return callee if has_room and callee not in refused else None
        policy = POLICIES[self.invoke]
        able = (callee for callee in policy.in_order(self) if callee.has_room and callee not in refused)
        chosen = policy.choose(able)
        if chosen is not None:
            self.turn = (callees.index(chosen) + 1) % len(callees)
        return chosen
