"""Whatever callers, callees and the clock do: each call ends exactly once, no callee is overloaded, nothing is left."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_router.limits import Limits
from support.core import EVERY_FEATURE, Core, Peer

CALLERS, CALLEES = 2, 3
PROCEDURES = ["com.p", "com.q"]

ONE_CALL = st.tuples(
    st.just("call"),
    st.integers(0, CALLERS - 1),
    st.sampled_from(PROCEDURES),
    st.fixed_dictionaries(
        {},
        optional={
            "timeout": st.sampled_from([100, 1000]),
            "_fairlead_wait_ms": st.just(300),
            "receive_progress": st.just(True),
            "progress": st.just(True),
        },
    ),
)
REGISTER = st.tuples(
    st.just("register"),
    st.integers(0, CALLEES - 1),
    st.sampled_from([*PROCEDURES, "com."]),
    st.sampled_from(["single", "first", "roundrobin", "_fairlead_least_busy"]),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
)
ANSWERS = ["result", "progress", "refuse", "error"]
STEPS = st.lists(
    ONE_CALL
    | REGISTER
    | st.tuples(
        st.just("answer"), st.integers(0, CALLEES - 1), st.sampled_from(["result", "progress", "refuse", "error"])
    )
    | st.tuples(st.just("go_on"), st.integers(0, CALLERS - 1), st.booleans())
    | st.tuples(st.just("cancel"), st.integers(0, CALLERS - 1), st.sampled_from(["skip", "kill", "killnowait"]))
    | st.tuples(st.just("unregister"), st.integers(0, CALLEES - 1))
    | st.tuples(st.just("vanish"), st.integers(0, CALLEES - 1))
    | st.tuples(st.just("pass"), st.sampled_from([0.05, 0.5, 2.0])),
    max_size=40,
)


class World:
    """The peers, and what they know of each other."""

    def __init__(self) -> None:
        limits = Limits(queued_calls_per_registration=3, calls_without_callee=2, waiting_calls_per_session=4)
        self.core = Core(limits)
        self.callers = [self.core.join(roles=EVERY_FEATURE) for _ in range(CALLERS)]
        self.callees = [self.core.join(roles=EVERY_FEATURE) for _ in range(CALLEES)]
        self.asked: list[dict[int, str]] = [{} for _ in range(CALLERS)]
        self.unfinished: list[set[int]] = [set() for _ in range(CALLERS)]
        self.ends: list[list[int]] = [[] for _ in range(CALLERS)]
        self.invoked: list[dict[int, None]] = [{} for _ in range(CALLEES)]
        self.registrations: list[list[int]] = [[] for _ in range(CALLEES)]

    def do(self, step: tuple[Any, ...]) -> None:
        kind, *rest = step
        getattr(self, kind if kind != "pass" else "wait")(*rest)
        self.listen()
        for registration in self.core.realm1.dealer.registrations():
            for callee in registration.callees:
                assert callee.concurrency is None or callee.in_progress <= callee.concurrency

    def call(self, who: int, procedure: str, options: dict[str, Any]) -> None:
        request = len(self.asked[who]) + 1
        self.asked[who][request] = procedure
        if options.get("progress"):
            self.unfinished[who].add(request)
        self.callers[who].send([48, request, options, procedure, [who, request]])

    def go_on(self, who: int, is_final: bool) -> None:
        for request in sorted(self.unfinished[who])[:1]:
            self.callers[who].send([48, request, {"progress": not is_final}, self.asked[who][request], [who, request]])
            if is_final:
                self.unfinished[who].remove(request)

    def cancel(self, who: int, mode: str) -> None:
        waiting = [request for request in self.asked[who] if request not in self.ends[who]]
        for request in waiting[:1]:
            self.callers[who].send([49, request, {"mode": mode}])

    def register(self, who: int, procedure: str, invoke: str, concurrency: int | None, force: bool) -> None:
        options: dict[str, Any] = {"invoke": invoke, "force_reregister": force}
        options["match"] = "prefix" if procedure.endswith(".") else "exact"
        if concurrency is not None:
            options["concurrency"] = concurrency
        self.callees[who].send([64, 1, options, procedure])

    def unregister(self, who: int) -> None:
        if self.registrations[who]:
            self.callees[who].send([66, 2, self.registrations[who].pop(0)])

    def answer(self, who: int, how: str) -> None:
        for invocation in list(self.invoked[who])[:1]:
            if how != "progress":
                del self.invoked[who][invocation]
            self.callees[who].send(
                {
                    "result": [70, invocation, {}],
                    "progress": [70, invocation, {"progress": True}],
                    "refuse": [8, 68, invocation, {}, "wamp.error.unavailable"],
                    "error": [8, 68, invocation, {}, "com.error"],
                }[how]
            )

    def vanish(self, who: int) -> None:
        self.callees[who].vanish()
        self.callees[who] = self.core.join(roles=EVERY_FEATURE)
        self.invoked[who], self.registrations[who] = {}, []

    def wait(self, seconds: float) -> None:
        self.core.host.advance(seconds)

    def listen(self) -> None:
        for who, callee in enumerate(self.callees):
            self._listen_to_dealer(who, callee)
        for who, caller in enumerate(self.callers):
            for message in caller.take():
                is_end = message[0] == 8 or "progress" not in message[2]
                self.ends[who] += [message[2] if message[0] == 8 else message[1]] if is_end else []

    def _listen_to_dealer(self, who: int, callee: Peer) -> None:
        for message in callee.take():
            if message[0] == 65:
                self.registrations[who].append(message[2])
            elif message[0] == 68:
                self.invoked[who][message[1]] = None
            elif message[0] == 69:
                self.invoked[who].pop(message[1], None)
            elif message[0] == 67 and message[1] == 0:
                self.registrations[who].remove(message[2]["registration"])


@given(STEPS)
@settings(max_examples=200)
def test_every_call_ends_exactly_once_and_nothing_is_left(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step in steps:
        world.do(step)
    for who in range(CALLEES):
        world.do(("vanish", who))
    world.do(("pass", 100.0))
    for who, caller in enumerate(world.callers):
        assert sorted(world.ends[who]) == sorted(world.asked[who])
        session = world.core.realm1.session(caller.session_id)
        assert session is not None
        assert (session.calls, session.waiting_calls, session.kept_call_bytes) == ({}, 0, 0)
    assert list(world.core.realm1.dealer.registrations()) == []
    assert world.core.host.pending_timers == 0
