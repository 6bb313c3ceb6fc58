"""Invocation policies: which of the callees that share a registration gets a call (spec: Shared Registration).

`roundrobin` goes through the callees in the order in which they registered; who is busy loses its turn.
`_fairlead_least_busy` is ours: the callee with the fewest calls in progress, in turn where several have as few.
"""

import random
from collections.abc import Callable, Iterator
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from fairlead_router.rpc.registration import Callee, Registration


class Policy(msgspec.Struct, frozen=True):
    """In which order the callees are looked at, and how one is chosen of those that can take the call."""

    in_order: "Callable[[Registration], Iterator[Callee]]"
    choose: "Callable[[Iterator[Callee]], Callee | None]"


def _as_registered(registration: "Registration") -> "Iterator[Callee]":
    return iter(registration.callees)


def _latest_first(registration: "Registration") -> "Iterator[Callee]":
    return reversed(registration.callees)


def _in_turn(registration: "Registration") -> "Iterator[Callee]":
    callees, turn = registration.callees, registration.turn
    return (callees[index] for index in chain(range(turn, len(callees)), range(turn)))


def _first(callees: "Iterator[Callee]") -> "Callee | None":
    return next(callees, None)


def _any(callees: "Iterator[Callee]") -> "Callee | None":
    candidates = list(callees)
    return random.choice(candidates) if candidates else None


def _least_busy(callees: "Iterator[Callee]") -> "Callee | None":
    return min(callees, key=attrgetter("in_progress"), default=None)


POLICIES: dict[str, Policy] = {
    "single": Policy(_as_registered, _first),
    "first": Policy(_as_registered, _first),
    "last": Policy(_latest_first, _first),
    "roundrobin": Policy(_in_turn, _first),
    "random": Policy(_as_registered, _any),
    "_fairlead_least_busy": Policy(_in_turn, _least_busy),
}
"""By the value of REGISTER.Options.invoke."""
