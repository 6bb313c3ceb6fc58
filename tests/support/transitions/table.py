"""The transitions that must end what is live (T1 to T19, T22), and those that must not (T20, T21), as data.

In the world before (stage.py) alice owns the projects `p` with `x`, and `q` with `y`. bob has write on y, carol
on the target by the role `keepers`, dave on y. What a transition grants bob it grants carol too, and what it takes from
bob's links it takes from carol's: she has another path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fairlead_authz import Delete, Grant, Put, Revoke
from fairlead_authz.changes import Activate, Change, Deactivate, Freeze, Merge, Trash, Unfreeze, Untrash
from fairlead_router.authorization import Level
from support.core import HAND_HOST_START_US


class Pass(NamedTuple):
    """Time goes by, and the timers are late."""

    seconds: float


class EndToken(NamedTuple):
    """The token of bob is deleted."""


class Rescope(NamedTuple):
    """The token of bob is good for something else."""

    scopes: tuple[str, ...] | None


class Switch(NamedTuple):
    """The policy is another."""

    roles_visible: bool = True
    users_visible: bool = True


class Reword(NamedTuple):
    """The URI rules are others: by the strict ones everything takes manage."""

    is_strict: bool


Step = list[Change] | Pass | EndToken | Rescope | Switch | Reword


@dataclass(frozen=True)
class Transition:
    """One way to lose a right, or not to."""

    name: str
    before: list[Change]
    """How bob comes by it; alice's projects p and q, x in p and y in q are there."""

    change: tuple[Step, ...]
    """Begun in this order, none waits for the one before."""

    again: tuple[Step, ...] = ()
    """What gives it back."""

    target: str = "x"
    gives: Level = "write"
    """The highest level that bob has on the target before."""

    takes: Level | None = "read"
    """The lowest level that bob loses."""

    kept: bool = True
    """Whether carol keeps the target; else there is nobody who does, and she has y."""

    way: str | None = None
    """What carol has write on to keep it, if that is not the target."""

    spares: tuple[str, ...] = ()
    """Surfaces that bob keeps all the same."""

    goodbye: str | None = None
    """Why bob's sessions end with it."""

    takes_all: bool = False
    """Whether bob loses y, and patterns as a whole, too. With his session he does."""

    token: dict[str, Any] = field(default_factory=dict)
    """Terms of bob's first token."""

    @property
    def keeps_by(self) -> str:
        """What carol has write on."""
        return (self.way or self.target) if self.kept else "y"


def in_s(seconds: float) -> int:
    """So long after the start."""
    return HAND_HOST_START_US + round(seconds * 1_000_000)


def bob(level: Any, object_id: str) -> Grant:
    return Grant("bob", level, object_id)


STAFF: list[Change] = [Put("role", "staff"), bob("write", "staff"), Grant("staff", "write", "x")]
DIRECT: list[Change] = [bob("write", "x")]
INNER: list[Change] = [
    Put("project", "p1", owner="p"),
    Put("project", "p2", owner="p1"),
    Put("object", "x", owner="p2"),
    bob("write", "p"),
]
REQUEST: list[Change] = [
    Put("container", "c", state="Running"),
    Put("container_request", "cr", owner="p", about="c"),
    Put("container_request", "cr2", owner="q", about="c"),
    bob("read", "cr"),
]
WRITING = ("publish", "registration", "call in progress, for writers")
"""What is in the trash is hidden from everybody, and who may write to it may do so still."""

USER_ENDED, TOKEN_ENDED = "fairlead.close.user_ended", "fairlead.close.token_ended"

TRANSITIONS = (
    Transition("T1 link deleted", DIRECT, ([Revoke("bob", "read", "x")],), (DIRECT,)),
    Transition(
        "T1 login deleted", [bob("login", "x")], ([Revoke("bob", "login", "x")],), ([bob("login", "x")],), gives="read"
    ),
    Transition("T2 link lowered", DIRECT, ([Revoke("bob", "write", "x")],), (DIRECT,), takes="write"),
    Transition("T3 removed from a role", STAFF, ([Revoke("bob", "read", "staff")],), ([bob("write", "staff")],)),
    Transition(
        "T3 removed from a role in a role",
        [*STAFF[:1], Put("role", "team"), Grant("team", "write", "staff"), bob("write", "team"), STAFF[2]],
        ([Revoke("bob", "read", "team")],),
        ([bob("write", "team")],),
    ),
    Transition(
        "T3 a role removed from a role",
        [*STAFF[:1], Put("role", "team"), Grant("team", "write", "staff"), bob("write", "team"), STAFF[2]],
        ([Revoke("team", "read", "staff")],),
        ([Grant("team", "write", "staff")],),
    ),
    Transition("T3 the role's link deleted", STAFF, ([Revoke("staff", "read", "x")],), (STAFF[2:],)),
    Transition("T4 role trashed", STAFF, ([Trash("staff")],), ([Untrash("staff"), STAFF[2]],)),
    Transition("T5 role deleted", STAFF, ([Delete("staff")],), (STAFF,)),
    Transition(
        "T5 user deleted",
        DIRECT,
        ([Delete("bob")],),
        ([Put("user", "bob"), bob("write", "y"), *DIRECT],),
        goodbye=USER_ENDED,
    ),
    Transition("T6 project moved", INNER, ([Put("project", "p2", owner="q")],), ([Put("project", "p2", owner="p1")],)),
    Transition("T6 ancestor moved", INNER, ([Put("project", "p1", owner="q")],), ([Put("project", "p1", owner="p")],)),
    Transition(
        "T7 object moved", [bob("write", "p")], ([Put("object", "x", owner="q")],), ([Put("object", "x", owner="p")],)
    ),
    Transition("T8 object trashed", DIRECT, ([Trash("x")],), ([Untrash("x")],), kept=False, spares=WRITING),
    Transition("T8 project trashed", DIRECT, ([Trash("p")],), ([Untrash("p")],), kept=False, spares=WRITING),
    Transition("T8 ancestor trashed", INNER, ([Trash("p1")],), ([Untrash("p1")],), kept=False, spares=WRITING),
    Transition(
        "T9 trash_at passes",
        [*DIRECT, Trash("x", in_s(10))],
        (Pass(10),),
        ([Untrash("x")],),
        kept=False,
        spares=WRITING,
    ),
    Transition(
        "T9 trash_at of an ancestor passes",
        [*INNER, Trash("p1", in_s(10))],
        (Pass(10),),
        ([Untrash("p1")],),
        kept=False,
        spares=WRITING,
    ),
    Transition(
        "T10 user deactivated",
        DIRECT,
        ([Deactivate("bob")],),
        ([Activate("bob"), bob("write", "y"), *DIRECT],),
        goodbye=USER_ENDED,
    ),
    Transition(
        "T11 administrator no more",
        [Put("user", "bob", is_admin=True)],
        ([Put("user", "bob", is_admin=False)],),
        ([Put("user", "bob", is_admin=True)],),
    ),
    Transition("T12 token deleted", DIRECT, (EndToken(),), goodbye=TOKEN_ENDED),
    Transition("T12 token expired", DIRECT, (Pass(10),), goodbye=TOKEN_ENDED, token={"expires_us": in_s(10)}),
    Transition("T12 scopes changed", DIRECT, (Rescope(()),), (Rescope(None),), takes_all=True),
    Transition(
        "T13 container ends",
        [*DIRECT, Put("container", "c", state="Running")],
        ([Put("container", "c", state="Complete")],),
        goodbye=TOKEN_ENDED,
        token={"container": "c"},
    ),
    Transition("T14 request deleted", REQUEST, ([Delete("cr")],), (REQUEST[1:],), "c", "read", way="cr2"),
    Transition(
        "T14 request moved",
        [*REQUEST[:3], bob("read", "p")],
        ([Put("container_request", "cr", owner="q")],),
        ([Put("container_request", "cr", owner="p")],),
        "c",
        "read",
        way="cr2",
    ),
    Transition("T14 request trashed", REQUEST, ([Trash("cr")],), ([Untrash("cr")],), "c", "read", way="cr2"),
    Transition(
        "T14 request re-pointed at a retry",
        [*REQUEST, Put("container", "c2", state="Queued")],
        ([Put("container_request", "cr", about="c2")],),
        ([Put("container_request", "cr", about="c")],),
        "c",
        "read",
        way="cr2",
    ),
    Transition(
        "T15 acts as alice no more",
        [bob("manage", "alice")],
        ([Revoke("bob", "read", "alice")],),
        ([bob("manage", "alice")],),
    ),
    Transition(
        "T16 users merged",
        [*DIRECT, Put("user", "robert")],
        ([Merge("bob", "robert")],),
        ([Activate("bob"), bob("write", "y"), *DIRECT],),
        goodbye=USER_ENDED,
    ),
    Transition(
        "T17 roles visible no more", [Put("role", "r")], (Switch(roles_visible=False),), (Switch(),), "r", "read"
    ),
    Transition(
        "T17 users visible no more", [Put("user", "erin")], (Switch(users_visible=False),), (Switch(),), "erin", "read"
    ),
    Transition(
        "T17 the rules ask for more",
        [*DIRECT, Grant("carol", "manage", "x"), Grant("dave", "manage", "y"), bob("manage", "y")],
        (Reword(is_strict=True),),
        (Reword(is_strict=False),),
        spares=(
            "stream",
            "record topic",
            "watch",
            "record",
            "records",
            "follow",
            "follow of a source",
            "waiting read",
            "waiting read of a source",
            "read",
            "search",
            "history of a stream",
            "directory of a stream",
            "directory",
            "list",
        ),
    ),
    Transition("T18 object deleted", DIRECT, ([Delete("x")],), ([Put("object", "x", owner="p"), *DIRECT],), kept=False),
    Transition("T19 project frozen", DIRECT, ([Freeze("p")],), ([Unfreeze("p")],), takes="write", kept=False),
    Transition("T20 one of two paths", [*DIRECT, *STAFF], ([Revoke("bob", "read", "staff")],), takes=None),
    Transition("T20 the other of two paths", [*DIRECT, *STAFF], ([Revoke("bob", "read", "x")],), takes=None),
    Transition("T21 revoked and granted at once", DIRECT, ([Revoke("bob", "read", "x"), *DIRECT],), takes=None),
    Transition(
        "T22 revoked, granted and revoked in flight",
        DIRECT,
        ([Revoke("bob", "read", "x")], DIRECT, [Revoke("bob", "read", "x")]),
        (DIRECT,),
    ),
)
DECISIONS = (
    Transition(
        "two weak paths: read by a role that manages alice, write on alice's record",
        [Put("role", "deputies"), bob("read", "deputies"), Grant("deputies", "manage", "alice"), bob("write", "alice")],
        ([Revoke("bob", "read", "deputies")],),
        ([bob("read", "deputies")],),
        gives="read",
    ),
    Transition(
        "log row of one's own about what one may not read any more",
        [Put("log", "row", owner="bob", about="x"), bob("read", "x")],
        ([Revoke("bob", "read", "x")],),
        ([bob("read", "x")],),
        "row",
        "read",
        way="x",
    ),
    Transition(
        "log of a request whose container is retried",
        [*REQUEST, Put("container", "c2")],
        ([Put("container_request", "cr", about="c2"), Put("container", "c", state="Cancelled")],),
        target="cr",
        gives="read",
        takes=None,
    ),
    Transition(
        "reused container of a request that goes",
        [*REQUEST[:3], Put("container_request", "wish", owner="bob", about="c")],
        ([Delete("wish")],),
        ([Put("container_request", "wish", owner="bob", about="c")],),
        "c",
        "read",
        way="cr",
    ),
)
"""Where the model differs from Arvados, or says what Arvados leaves open."""

BY_NAME = {transition.name: transition for transition in TRANSITIONS}
