"""Whatever is asked of containers in whatever order: what the users' page promises holds after each step.

The steps are applied to drafts as the ledger does it, several to one; a draft may be lost, as by a failing store, and
the service may begin anew over the same records, as after a kill. After each step that is durable:

- Lifecycle: each change of a state is one of the table; what has ended stays as it is.
- One holder: a lock's term is higher than all before it, and whoever gives another one changes nothing.
- Formula: what is requested has the priority of its requests, computed here from nothing.
- Cancelled stays so: what has `cancel` waits and starts no more.
- Wanted: what is requested and waits is wanted by somebody; who is committed has a container that has not ended.
- Queue: what waits, the most urgent first.

And in the end, when requests end and leases lapse, everything has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fairlead_common.errors import Busy
from fairlead_records.dispatch.containers import Lock
from fairlead_records.dispatch.errors import Fenced
from fairlead_records.dispatch.lifecycle import TRANSITIONS
from fairlead_records.dispatch.links import Links
from fairlead_records.dispatch.queue import BEFORE_ALL, Queue
from fairlead_records.dispatch.requests import Requests, new_container
from fairlead_records.dispatch.state import (
    CONTAINER,
    REQUEST,
    Container,
    ContainerRequest,
    Holder,
    Spec,
    container_of,
    is_ended,
    request_of,
)
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Change, Record
from fairlead_router import RequestError
from unit.records.fakes import new_table

OBJECTS = ("p", "q")
NUMBERS = st.integers(0, 5)
PRIORITIES = st.sampled_from((0, 1, 2, 3))
AUTHIDS = st.sampled_from(("ann", "ben"))
MOVES = {(row.source, row.target) for row in TRANSITIONS}

Step = Callable[[Draft], Any]


class Walk(RuleBasedStateMachine):
    """The records of one realm, changed by steps."""

    def __init__(self) -> None:
        super().__init__()
        self.table = new_table()
        self.hidden: set[str] = set()
        self.terms: dict[str, int] = {}
        self.waiting: list[Step] = []
        self.made = 0
        self._begin()

    def _begin(self) -> None:
        self.links, self.queue = Links(), Queue()
        self.requests = Requests(self.links, self.hidden.__contains__)
        containers = list(self.table.of_kind(CONTAINER).values())
        self.links.fill([*containers, *self.table.of_kind(REQUEST).values()])
        self.queue.fill(containers)

    def _ask(self, step: Step) -> None:
        """Up to three go into one draft."""
        self.waiting.append(step)
        if len(self.waiting) == 3:
            self.commit()

    def _applied(self) -> Draft:
        draft = Draft(self.table, 1_000_000 + self.table.revision)
        for step in self.waiting:
            mark = draft.mark()
            try:
                step(draft)
            except RequestError:
                draft.rollback(mark)
        self.waiting.clear()
        return draft

    @rule()
    def commit(self) -> None:
        """What waits is durable."""
        changes = self._applied().changes
        for change in changes:
            self._check(change)
        self.table.adopt(changes)
        for change in changes:
            self._check_attempt(change)
        self.links.changed(changes)
        self.queue.changed(changes)

    @rule()
    def lose(self) -> None:
        """The store does not take it."""
        self._applied()

    @rule()
    def restart(self) -> None:
        self.waiting.clear()
        self._begin()

    # ---- what is asked

    @rule(priority=PRIORITIES, command=st.sampled_from("xy"), object_id=st.sampled_from(OBJECTS))
    def create(self, priority: int, command: str, object_id: str) -> None:
        self.made += 1
        id_ = f"c{self.made}"
        fresh = new_container(Spec([command]), priority)
        self._ask(lambda draft: self.requests.containers.create(draft, id_, "ann", object_id, fresh))

    @rule(
        priority=PRIORITIES,
        command=st.sampled_from("xy"),
        object_id=st.sampled_from(OBJECTS),
        parent=st.none() | NUMBERS,
        attempts=st.integers(1, 3),
        reuse=st.booleans(),
        fails=st.sampled_from((False, False, True)),
    )
    def request(
        self,
        priority: int,
        command: str,
        object_id: str,
        parent: int | None,
        attempts: int,
        reuse: bool,
        fails: bool,
    ) -> None:
        self.made += 1
        id_, first = f"r{self.made}", f"r{self.made}-1"

        def step(draft: Draft) -> None:
            above = None if parent is None else self._some(parent, CONTAINER, draft)
            parent_id = None if above is None or is_ended(above) else above.id
            fresh = new_container(Spec([command]), priority, id_)
            found = self.requests.reusable(draft, fresh, parent_id, lambda _record: True) if reuse else None
            if found is None:
                found = self.requests.containers.create(draft, first, "ann", object_id, fresh)
            asked = ContainerRequest(priority=priority, container=found.id, attempts=attempts, parent=parent_id)
            self.requests.create(draft, id_, "ann", object_id, asked)
            if fails:
                raise Busy("taken back, after all was done")

        self._ask(step)

    @rule(number=NUMBERS)
    def cancel(self, number: int) -> None:
        self._ask(lambda draft: self._each(number, CONTAINER, draft, self._cancel))

    def _cancel(self, draft: Draft, record: Record) -> None:
        self.requests.containers.cancel(draft, record, "ann", None)

    @rule(number=NUMBERS, priority=PRIORITIES)
    def set_priority(self, number: int, priority: int) -> None:
        def step(draft: Draft, record: Record) -> None:
            self.requests.set_priority(draft, record, priority)

        self._ask(lambda draft: self._each(number, REQUEST, draft, step))

    @rule(number=NUMBERS, priority=PRIORITIES)
    def hold(self, number: int, priority: int) -> None:
        def step(draft: Draft, record: Record) -> None:
            if not self.requests.are_for(draft, record):
                self.requests.containers.set_priority(draft, record, priority)

        self._ask(lambda draft: self._each(number, CONTAINER, draft, step))

    # ---- what dispatchers do

    @rule(number=NUMBERS, authid=AUTHIDS)
    def lock(self, number: int, authid: str) -> None:
        def step(draft: Draft, record: Record) -> None:
            self.requests.containers.lock(draft, record, Lock(Holder("d", authid), 30.0))

        self._ask(lambda draft: self._each(number, CONTAINER, draft, step))

    @rule(
        number=NUMBERS,
        behind=st.sampled_from((0, 0, 0, 1, -1)),
        authid=AUTHIDS,
        what=st.sampled_from(("unlock", "start", "complete", "cancelled", "progress")),
    )
    def report(self, number: int, behind: int, authid: str, what: str) -> None:
        """By the term that there is, or by another; by the holder, or somebody else."""

        def step(draft: Draft, record: Record) -> None:
            container = container_of(record)
            holder, term = container.locked_by, container.term - behind
            is_holder = holder is not None and holder.authid == authid and behind == 0
            before = draft.mark()
            try:
                self._report(draft, record, term, authid, what)
            except Fenced:
                assert not is_holder
                raise
            assert is_holder or draft.mark() == before, f"{what} by {authid}, term {term}, of {container}"

        self._ask(lambda draft: self._each(number, CONTAINER, draft, step))

    def _report(self, draft: Draft, record: Record, term: int, authid: str, what: str) -> None:
        containers = self.requests.containers
        if what == "unlock":
            containers.unlock(draft, record, term, authid)
        elif what == "start":
            containers.start(draft, record, term, authid, None)
        elif what == "progress":
            containers.progress(draft, record, term, authid, {"progress": 0.5})
        else:
            end = {"exit_code": 0 if what == "complete" else None, "output": None, "reason": None}
            containers.finish(draft, record, term, authid, end, cancelled=what == "cancelled")

    # ---- what happens by itself

    @rule(number=NUMBERS)
    def lapse(self, number: int) -> None:
        self._ask(lambda draft: self._each(number, CONTAINER, draft, self.requests.containers.lapse))

    @rule(object_id=st.sampled_from(OBJECTS))
    def trash(self, object_id: str) -> None:
        """Into it, or out of it: all that is of the object is looked at, in a draft of its own."""
        self.commit()
        self.hidden ^= {object_id}

        def step(draft: Draft) -> None:
            for id_ in list(self.table.of_object(object_id)):
                record = draft.get(id_)
                if record is None or is_ended(record):
                    continue
                if record.kind == REQUEST:
                    self.requests.moved(draft, record)
                elif object_id in self.hidden:
                    self.requests.containers.hide(draft, record)

        self.waiting.append(step)
        self.commit()

    # ---- what must be true

    def _check(self, change: Change) -> None:
        assert change.after is not None
        if change.after.kind == REQUEST:
            assert change.before is None or not is_ended(change.before)
            return
        before = None if change.before is None else container_of(change.before)
        after = container_of(change.after)
        self._check_move(before, after)
        if after.state == "Locked" and (before is None or before.state == "Queued"):
            assert after.term > self.terms.get(change.id, 0)
            self.terms[change.id] = after.term
        else:
            assert after.term == self.terms.get(change.id, 0)

    def _check_attempt(self, change: Change) -> None:
        """Another attempt follows one that was lost, not one that somebody cancelled."""
        if change.before is None and change.after is not None and change.after.kind == CONTAINER:
            fresh = container_of(change.after)
            if fresh.attempt > 1:
                last = self.table.get(f"{fresh.request}-{fresh.attempt - 1}")
                assert last is None or container_of(last).cancel is None

    def _check_move(self, before: Container | None, after: Container) -> None:
        source = None if before is None else before.state
        assert source == after.state or (source, after.state) in MOVES
        assert before is None or not before.is_final
        if before is not None and before.cancel is not None:
            assert after.cancel == before.cancel
            assert after.priority == 0
            assert after.state != "Queued"
            assert (before.state, after.state) != ("Locked", "Running")

    @invariant()
    def priorities_are_those_of_requests(self) -> None:
        for record in self.table.of_kind(CONTAINER).values():
            container = container_of(record)
            wanting = [request for request in self._committed() if request_of(request).container == record.id]
            if container.is_final or container.request is None:
                assert not wanting
            elif wanting and container.cancel is None:
                assert container.priority == max(self._formula(request) for request in wanting)
                assert container.priority > 0 or container.state != "Queued"
            elif container.request is not None:
                assert container.cancel is not None

    @invariant()
    def nothing_waits_for_itself(self) -> None:
        for record in self._committed():
            above, waiting = set[str](), [request_of(record)]
            while waiting:
                parent = waiting.pop().parent
                assert parent != request_of(record).container
                if parent is not None and parent not in above:
                    above.add(parent)
                    waiting += [each for each in map(request_of, self._committed()) if each.container == parent]

    @invariant()
    def each_committed_request_has_a_container(self) -> None:
        for record in self._committed():
            found = self.table.get(request_of(record).container)
            assert found is not None
            assert not is_ended(found)
            assert request_of(record).container_count <= request_of(record).attempts

    @invariant()
    def queue_has_what_waits_in_order(self) -> None:
        waiting = [
            (-container_of(record).priority, record.created_us, record.id)
            for record in self.table.of_kind(CONTAINER).values()
            if container_of(record).state == "Queued" and container_of(record).priority > 0
        ]
        assert [place[:3] for place in self.queue.behind(BEFORE_ALL)] == sorted(waiting)

    def teardown(self) -> None:
        """Requests end, what was created is cancelled, no dispatcher is heard any more: everything ends."""
        self.commit()
        containers = list(self.table.of_kind(CONTAINER).values())
        self._all([request.id for request in self._committed()], self._unwant)
        self._all([record.id for record in containers if container_of(record).request is None], self._cancel)
        self._all([record.id for record in containers], self.requests.containers.lapse)
        for kind in (CONTAINER, REQUEST):
            assert all(is_ended(record) for record in self.table.of_kind(kind).values())

    def _unwant(self, draft: Draft, record: Record) -> None:
        self.requests.set_priority(draft, record, 0)

    # ---- looking

    def _formula(self, record: Record) -> int:
        request = request_of(record)
        if request.priority == 0 or record.object_id in self.hidden:
            return 0
        if request.parent is None:
            return request.priority
        parent = self.table.get(request.parent)
        assert parent is not None
        return 0 if is_ended(parent) else container_of(parent).priority

    def _committed(self) -> list[Record]:
        return [record for record in self.table.of_kind(REQUEST).values() if not is_ended(record)]

    def _some(self, number: int, kind: str, draft: Draft) -> Record | None:
        """One of what has not ended, of the latest."""
        ids = dict.fromkeys((*self.table.of_kind(kind), *(change.id for change in draft.changes)))
        there = [record for id_ in ids if (record := draft.get(id_)) is not None and record.kind == kind]
        live = [record for record in there if not is_ended(record)] or there
        return live[-1 - number % len(live)] if live else None

    def _each(self, number: int, kind: str, draft: Draft, step: Callable[[Draft, Record], Any]) -> None:
        record = self._some(number, kind, draft)
        if record is not None:
            step(draft, record)

    def _all(self, ids: list[str], step: Callable[[Draft, Record], Any]) -> None:
        def steps(draft: Draft) -> None:
            for id_ in ids:
                record = draft.get(id_)
                assert record is not None
                step(draft, record)

        self.waiting.append(steps)
        self.commit()


TestWalks = Walk.TestCase
TestWalks.settings = settings(max_examples=200, stateful_step_count=80, deadline=None)
