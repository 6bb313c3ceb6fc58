"""The dispatcher's mind: the rows of its table, what comes late, and what is never to happen whatever the order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fairlead_client import Entry, Exit
from fairlead_client.dispatching import MARGIN, RESYNC_S, RETRY_S, TAKE_LIMIT, Mind
from fairlead_client.jobs import Action, Finish, Kill, Launch, Refresh, Renew, Start, Take, Unlock

LEASE_S = 30.0


def entry(id_: str = "c", version: int = 1, **state: Any) -> Entry:
    about = {"state": "Queued", "priority": 1, "term": 0, "locked_by": None, "constraints": {}, "command": ["true"]}
    return Entry(id_, "container", "alice", id_, version, 1, version, {**about, **state})


def locked(id_: str = "c", version: int = 2, term: int = 1, **state: Any) -> Entry:
    return entry(id_, version, **{"state": "Locked", "term": term, "locked_by": {"dispatcher": "d"}, **state})


def mind_with_a_lock(**state: Any) -> Mind:
    """It has taken `c` at 0 s."""
    mind = Mind("d", 1, lease_s=LEASE_S)
    mind.seen(entry())
    assert mind.actions(0.0) == [Take(1, None)]
    mind.taken([locked(**state)], 0.0)
    return mind


def mind_that_runs() -> Mind:
    mind = mind_with_a_lock()
    mind.actions(0.0)
    mind.started("c", 1, 3)
    mind.actions(0.0)
    mind.launched("c")
    mind.renewed([], {"c": 1}, 0.0)
    return mind


def of(mind: Mind, now_s: float, *kinds: type) -> list[Action]:
    return [action for action in mind.actions(now_s) if isinstance(action, kinds)]


# ---- the table


def test_what_was_taken_is_recorded_as_running_before_its_process_runs() -> None:
    mind = mind_with_a_lock()
    assert of(mind, 0.0, Start, Launch) == [Start("c", 1)]
    assert of(mind, 0.0, Start, Launch) == []
    mind.started("c", 1, 3)
    [launch] = of(mind, 0.0, Start, Launch)
    assert isinstance(launch, Launch)
    assert (launch.entry.id, launch.term) == ("c", 1)


def test_what_is_cancelled_before_it_begins_is_given_back() -> None:
    mind = mind_with_a_lock()
    mind.seen(locked(version=3, priority=0))
    assert of(mind, 0.0, Start, Unlock) == [Unlock("c", 1)]


def test_a_cancel_that_is_told_before_the_answer_that_it_is_ours_is_heard() -> None:
    mind = Mind("d", 1, lease_s=LEASE_S)
    mind.seen(entry())
    mind.actions(0.0)
    mind.seen(locked(version=3, priority=0))
    mind.taken([locked(version=2)], 0.0)
    assert of(mind, 0.0, Start, Unlock) == [Unlock("c", 1)]


def test_what_is_cancelled_while_it_runs_is_killed_once() -> None:
    mind = mind_that_runs()
    mind.seen(locked(version=4, state="Running", priority=0))
    assert of(mind, 1.0, Kill) == [Kill("c", is_urgent=False)]
    assert of(mind, 1.0, Kill) == []


def test_news_that_are_older_than_what_we_did_are_none() -> None:
    mind = mind_that_runs()
    mind.seen(entry(version=1, priority=0))
    assert of(mind, 1.0, Kill) == []


def test_what_is_not_in_the_queue_any_more_is_killed() -> None:
    mind = mind_that_runs()
    mind.gone("c")
    assert of(mind, 1.0, Kill) == [Kill("c", is_urgent=False)]


def test_a_process_that_has_ended_is_reported_until_that_is_heard() -> None:
    mind = mind_that_runs()
    mind.ended("c", Exit(3))
    assert of(mind, 1.0, Finish) == [Finish("c", 1, Exit(3), is_cancelled=False)]
    mind.again("c", 1, 1.0)
    assert of(mind, 1.0, Finish) == []
    assert mind.next_s(1.0) == RETRY_S
    assert of(mind, 1.0 + RETRY_S, Finish) == [Finish("c", 1, Exit(3), is_cancelled=False)]


def test_what_is_reported_is_ours_no_more_though_old_news_say_so() -> None:
    mind = mind_that_runs()
    mind.ended("c", Exit(0))
    mind.actions(1.0)
    mind.given_back("c", 1, 4)
    mind.seen(locked(version=3, state="Running"))
    assert mind.actions(1.0) == []


def test_what_was_refused_is_looked_at_again_at_the_next_news_of_it() -> None:
    mind = mind_with_a_lock()
    mind.actions(0.0)
    mind.again("c", 1, 0.0)
    assert of(mind, 0.0, Start, Unlock) == []
    mind.seen(locked(version=3, priority=0))
    assert of(mind, 0.0, Start, Unlock) == [Unlock("c", 1)]


def test_a_process_is_killed_before_its_lease_ends() -> None:
    mind = mind_that_runs()
    end_s = LEASE_S * (1 - MARGIN)
    assert of(mind, 10.0, Renew), "which nobody answers"
    assert mind.next_s(10.0) == end_s - 10.0
    assert of(mind, end_s - 0.01, Kill) == []
    assert of(mind, end_s, Kill) == [Kill("c", is_urgent=True)]


def test_a_lease_is_renewed_three_times_before_it_ends() -> None:
    mind = mind_that_runs()
    assert of(mind, 10.0, Renew) == [Renew({"c": 1})]
    mind.renewed([], {"c": 1}, 10.0)
    assert of(mind, 39.9 * (1 - MARGIN), Kill) == []


def test_what_the_service_calls_lost_is_killed_at_once() -> None:
    mind = mind_that_runs()
    mind.renewed(["c"], {"c": 1}, 1.0)
    assert of(mind, 1.0, Kill) == [Kill("c", is_urgent=True)]


# ---- a predecessor's


def with_a_predecessors(*entries: Entry, slots: int = 1) -> Mind:
    mind = Mind("d", slots, lease_s=LEASE_S)
    for each in entries:
        mind.seen(each)
    assert mind.actions(0.0) == [Refresh()], "nothing is judged or taken before the picture is fresh"
    mind.refreshed()
    return mind


def test_what_a_predecessor_had_locked_goes_on_when_its_lease_is_renewed() -> None:
    mind = with_a_predecessors(locked())
    assert of(mind, 0.0, Renew, Start) == [Renew({"c": 1})]
    mind.renewed([], {"c": 1}, 0.0)
    assert of(mind, 0.0, Renew, Start) == [Start("c", 1)]


def test_what_a_predecessor_ran_is_reported_as_lost() -> None:
    mind = with_a_predecessors(locked(state="Running"))
    mind.actions(0.0)
    [finish] = of(mind, 0.0, Finish)
    assert isinstance(finish, Finish)
    assert finish.is_cancelled


def test_locks_for_which_there_is_no_room_are_given_back() -> None:
    mind = with_a_predecessors(locked("a"), locked("b"))
    mind.actions(0.0)
    mind.renewed([], {"a": 1, "b": 1}, 0.0)
    assert of(mind, 0.0, Start, Unlock) == [Start("a", 1), Unlock("b", 1)]


# ---- time, room, and what comes late


def test_nobody_is_woken_for_what_is_under_way_while_the_server_is_away() -> None:
    mind = mind_that_runs()
    mind.ended("c", Exit(0))
    mind.actions(20.0)
    assert mind.next_s(100.0) == 0.0, "a look at everything"
    mind.actions(100.0)
    assert mind.next_s(100.0) == RESYNC_S


def test_an_answer_to_what_was_asked_for_an_earlier_lock_changes_nothing() -> None:
    mind = mind_with_a_lock()
    mind.actions(0.0)
    mind.renewed(["c"], {"c": 1}, 1.0)
    mind.seen(entry(version=3, term=1))
    mind.actions(1.0)
    mind.taken([locked(version=4, term=2)], 1.0)
    mind.not_ours("c", 1)
    mind.given_back("c", 1, 3)
    assert of(mind, 1.0, Start) == [Start("c", 2)]


def test_as_much_is_taken_as_there_is_room_for() -> None:
    mind = Mind("d", 5 * TAKE_LIMIT, {"vcpus": 4.0})
    mind.seen(entry())
    assert mind.actions(0.0) == [Take(TAKE_LIMIT, {"vcpus": 4.0})]
    mind.taken([locked(constraints={"vcpus": 3})], 0.0)
    mind.seen(entry("d"))
    assert of(mind, 0.0, Take) == [Take(TAKE_LIMIT, {"vcpus": 1.0})]


def test_what_could_not_be_had_is_asked_for_again_in_a_while() -> None:
    mind = Mind("d", 1)
    mind.seen(entry())
    mind.actions(0.0)
    mind.taken([], 0.0)
    assert mind.actions(RESYNC_S - 1) == []
    assert mind.actions(RESYNC_S) == [Take(1, None)]


# ---- whatever the order


@dataclass
class Call:
    """One under way; `answer` tells the mind, once the service has performed it."""

    action: Action
    asked_s: float
    answer: Any = None


@dataclass
class Lock:
    """What the service knows of a container."""

    id: str
    priority: int = 1
    state: str = "Queued"
    holder: str | None = None
    term: int = 0
    version: int = 1
    lease_end_s: float = 0.0
    reported: set[int] = field(default_factory=set)

    def entry(self) -> Entry:
        holder = None if self.holder is None else {"dispatcher": self.holder}
        return entry(self.id, self.version, state=self.state, priority=self.priority, term=self.term, locked_by=holder)

    def put(self, state: str, holder: str | None = None) -> None:
        self.state, self.holder, self.version = state, holder, self.version + 1

    def let_go(self) -> None:
        self.put("Queued" if self.priority > 0 else "Cancelled")


class Interleavings(RuleBasedStateMachine):
    """A queue, a dispatcher and its processes; what is said between them is late, lost or repeated."""

    SLOTS = 2

    @initialize()
    def begin(self) -> None:
        self.now_s = 0.0
        self.locks: dict[str, Lock] = {}
        self.told: dict[str, int] = {}
        self.mind = Mind("d", self.SLOTS, lease_s=LEASE_S)
        self.calls: list[Call] = []
        self.processes: dict[str, int] = {}
        self.killed: set[str] = set()
        self.exits: list[tuple[str, int]] = []

    # ---- the queue

    @rule()
    def create(self) -> None:
        id_ = f"c{len(self.locks)}"
        self.locks[id_] = Lock(id_)

    @precondition(lambda self: self.locks)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        lock = self.locks[data.draw(st.sampled_from(sorted(self.locks)))]
        if lock.state == "Queued":
            lock.priority = 0
            lock.put("Cancelled")
        elif lock.state in ("Locked", "Running"):
            lock.priority = 0
            lock.put(lock.state, lock.holder)

    @precondition(lambda self: self.news())
    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        self.tell_of(data.draw(st.sampled_from(self.news())))
        self.act()

    def news(self) -> list[str]:
        return [id_ for id_, lock in self.locks.items() if self.told.get(id_) != lock.version]

    def tell_of(self, id_: str) -> None:
        lock = self.locks[id_]
        if (lock.state == "Queued" and lock.priority > 0) or lock.holder == "d":
            self.mind.seen(lock.entry())
        elif id_ in self.told:
            self.mind.gone(id_)
        self.told[id_] = lock.version

    # ---- calls

    @precondition(lambda self: any(call.answer is None for call in self.calls))
    @rule(data=st.data())
    def perform(self, data: st.DataObject) -> None:
        self.perform_one(data.draw(st.sampled_from([call for call in self.calls if call.answer is None])))

    @precondition(lambda self: any(call.answer is not None for call in self.calls))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.answer_one(data.draw(st.sampled_from([call for call in self.calls if call.answer is not None])))

    @rule()
    def lose_session(self) -> None:
        """What was performed and not heard is asked again."""
        for call in self.calls:
            call.answer = None

    def perform_one(self, call: Call) -> None:
        action, mind = call.action, self.mind
        if isinstance(action, Take):
            entries = [self.lock(lock) for lock in self.waiting()[: action.number]]
            call.answer = lambda: mind.taken(entries, call.asked_s)
        elif isinstance(action, Renew):
            lost = [id_ for id_, term in action.terms.items() if not self.renew(id_, term)]
            call.answer = lambda: mind.renewed(lost, action.terms, call.asked_s)
        elif isinstance(action, Refresh):
            for id_ in self.news():
                self.tell_of(id_)
            call.answer = mind.refreshed
        else:
            assert isinstance(action, Start | Unlock | Finish)
            call.answer = self.of_lock(action)

    def answer_one(self, call: Call) -> None:
        self.calls.remove(call)
        call.answer()
        self.act()

    def waiting(self) -> list[Lock]:
        return [lock for lock in self.locks.values() if lock.state == "Queued" and lock.priority > 0]

    def lock(self, lock: Lock) -> Entry:
        lock.term += 1
        lock.lease_end_s = self.now_s + LEASE_S
        lock.put("Locked", "d")
        return lock.entry()

    def renew(self, id_: str, term: int) -> bool:
        lock = self.locks[id_]
        if lock.holder == "d" and lock.term == term:
            lock.lease_end_s = self.now_s + LEASE_S
            return True
        return False

    def of_lock(self, action: Start | Unlock | Finish) -> Any:
        lock, mind, id_, term = self.locks[action.id], self.mind, action.id, action.term
        if isinstance(action, Finish):
            lock.reported.add(term)
        if lock.term != term or lock.holder != "d":
            return lambda: mind.not_ours(id_, term)
        if isinstance(action, Start):
            if lock.state == "Locked":
                if lock.priority <= 0:
                    return lambda: mind.again(id_, term, self.now_s)
                lock.put("Running", "d")
            version = lock.version
            return lambda: mind.started(id_, term, version)
        if isinstance(action, Unlock):
            if lock.state != "Locked":
                return lambda: mind.again(id_, term, self.now_s)
            lock.let_go()
        else:
            lock.put("Cancelled" if action.is_cancelled else "Complete")
        version = lock.version
        return lambda: mind.given_back(id_, term, version)

    # ---- processes and time

    @precondition(lambda self: self.processes)
    @rule(data=st.data())
    def exit(self, data: st.DataObject) -> None:
        self.exit_one(data.draw(st.sampled_from(sorted(self.processes))))

    def exit_one(self, id_: str) -> None:
        self.exits.append((id_, self.processes.pop(id_)))
        self.killed.discard(id_)
        self.mind.ended(id_, Exit(0))
        self.act()

    @rule(seconds=st.sampled_from([0.5, 5.0, 11.0, 29.0, 70.0]))
    def wait(self, seconds: float) -> None:
        """The mind is woken whenever it wants to be."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + self.mind.next_s(self.now_s) + 0.001)
            self.act()
            for lock in self.locks.values():
                if lock.holder is not None and lock.lease_end_s <= self.now_s:
                    assert self.processes.get(lock.id) != lock.term, "it outlives its lease"
                    if lock.state == "Running":
                        lock.put("Cancelled")
                    else:
                        lock.let_go()

    @rule()
    def restart(self) -> None:
        """Another process of that name, which knows nothing; what the old one ran died with it."""
        self.mind = Mind("d", self.SLOTS, lease_s=LEASE_S)
        self.calls, self.told = [], {}
        self.processes, self.killed, self.exits = {}, set(), []
        for id_ in self.news():
            self.tell_of(id_)
        self.act()

    def act(self) -> None:
        for action in self.mind.actions(self.now_s):
            if isinstance(action, Launch):
                self.launch(action)
            elif isinstance(action, Kill):
                self.killed.add(action.id)
                if action.is_urgent:
                    self.exit_one(action.id)
            else:
                self.calls.append(Call(action, self.now_s))

    def launch(self, action: Launch) -> None:
        id_, lock = action.entry.id, self.locks[action.entry.id]
        assert id_ not in self.processes, "two processes of one container"
        assert (lock.state, lock.holder, lock.term) == ("Running", "d", action.term), "it is not ours"
        self.mind.launched(id_)
        self.processes[id_] = action.term

    # ---- what is always so

    @invariant()
    def no_more_run_than_there_are_slots(self) -> None:
        assert len(self.processes) <= self.SLOTS

    def teardown(self) -> None:
        """When all is said, what is cancelled is killed, every exit is reported, and everything ends."""
        if not hasattr(self, "mind"):
            return
        for _ in range(4 * len(self.locks) + 8):
            self.say_all()
            cancelled = {id_ for id_ in self.processes if self.locks[id_].priority == 0}
            assert cancelled <= self.killed, "a cancelled one runs on"
            for id_ in sorted(self.processes):
                self.exit_one(id_)
            self.wait(1.0)
        assert self.mind.jobs == {}
        assert {lock.state for lock in self.locks.values()} <= {"Complete", "Cancelled"}
        assert all(term in self.locks[id_].reported for id_, term in self.exits), "an exit was not reported"

    def say_all(self) -> None:
        while self.calls or self.news():
            for id_ in self.news():
                self.tell_of(id_)
            self.act()
            for call in [*self.calls]:
                if call.answer is None:
                    self.perform_one(call)
                self.answer_one(call)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
