"""The life of a container, as a table: from which state to which, by which procedure, by whom, and when.

It is Arvados' (its wiki, and services/api: container.rb), with fencing in place of the token that locks. What is not in
the table is refused.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from fairlead_records.dispatch.errors import WrongState

StateName = Literal["Queued", "Locked", "Running", "Complete", "Cancelled"]
Who = Literal["writer", "dispatcher", "holder", "service"]
"""`writer`: write on its object (a new one: on the project); `dispatcher`: manage on its object; `holder`: the
dispatcher that has locked it, with the term of its lock; `service`: happens by itself."""

FINAL: Final = frozenset({"Complete", "Cancelled"})
HELD: Final = frozenset({"Locked", "Running"})

LOCK_LIMIT: Final = 10
"""So often a container may be locked: what no dispatcher can run must not go round for ever (Arvados:
MaxDispatchAttempts)."""


class Transition(NamedTuple):
    """A row of the table."""

    source: StateName | None
    target: StateName
    by: str
    """The procedure `fairlead.container.<by>`, or what happens."""
    who: Who
    when: str


TRANSITIONS: Final = (
    Transition(None, "Queued", "create", "writer", "always"),
    Transition("Queued", "Locked", "take", "dispatcher", "priority above 0"),
    Transition("Queued", "Locked", "lock", "dispatcher", "priority above 0"),
    Transition("Queued", "Cancelled", "cancel", "writer", "always"),
    Transition("Queued", "Cancelled", "trash", "service", "its object is in the trash"),
    Transition("Locked", "Queued", "unlock", "holder", "not cancelled, locked fewer than 10 times"),
    Transition("Locked", "Cancelled", "unlock", "holder", "cancelled, or locked 10 times"),
    Transition("Locked", "Running", "start", "holder", "priority above 0"),
    Transition("Locked", "Cancelled", "finish", "holder", "cancelled=true"),
    Transition(
        "Locked", "Queued", "lapse", "service", "its lease has ended; not cancelled, locked fewer than 10 times"
    ),
    Transition("Locked", "Cancelled", "lapse", "service", "its lease has ended; cancelled, or locked 10 times"),
    Transition("Running", "Complete", "finish", "holder", "exit_code"),
    Transition("Running", "Cancelled", "finish", "holder", "cancelled=true"),
    Transition("Running", "Cancelled", "lapse", "service", "its lease has ended"),
)

_SOURCES: Final[dict[str, frozenset[str | None]]] = {
    by: frozenset(row.source for row in TRANSITIONS if row.by == by) for by in {row.by for row in TRANSITIONS}
}
_ALLOWED: Final = frozenset((row.source, row.target, row.by) for row in TRANSITIONS)


def check_source(id_: str, state: StateName, by: str) -> None:
    """Raises WrongState unless this may be asked of a container in this state."""
    if state not in _SOURCES[by]:
        wanted = " or ".join(sorted(str(source) for source in _SOURCES[by]))
        raise WrongState(f"container '{id_}' is {state}: {by} takes one that is {wanted}", id=id_, state=state)


def check(state: StateName | None, target: StateName, by: str) -> StateName:
    """The target, if this leads there. Anything else is a mistake of ours."""
    assert (state, target, by) in _ALLOWED, f"{by} does not lead from {state} to {target}"
    return target
