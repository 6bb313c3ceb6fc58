"""A queue: containers are created at a steady rate, dispatchers hear of them, take and end them; some are cancelled."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from typing import Any

import msgspec

from bench import procfs
from bench.records.times import Times
from bench.records.watching import Page, watch
from bench.suite.pace import at_pace
from bench.suite.wire import Caller, caller

SHARED_OBJECT = "bench"
CREATORS = 4
INTERVAL_S = 0.005
TAKEN_AT_ONCE = 50
STALL_S = 20.0
POLL_S = 0.02


class Job(msgspec.Struct, frozen=True):
    """One measurement."""

    url: str
    pid: int
    created_per_s: int = 1_000
    cancelled_per_s: int = 20
    dispatchers: int = 10
    run_s: float = 0.5
    """How long a container runs, if it is not cancelled."""
    has_own_objects: bool = False
    """Whether each container is an object of permissions, or all are one."""
    warmup_s: float = 2.0
    measured_s: float = 10.0


class Result(msgspec.Struct, frozen=True):
    """Times are of the measured part: to the first dispatcher that was told."""

    created: int
    ended: int
    cancelled: int
    heard_of_cancel: int
    seconds: float
    cpu_s: float
    load_share: float
    told: int
    """Changes, over all dispatchers."""
    queued: Times
    cancel: Times
    acknowledged: Times

    @property
    def is_exact(self) -> bool:
        return self.created == self.ended and self.cancelled == self.heard_of_cancel


class Queue:
    """What all connections count into."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.created = self.ended = self.told = 0
        self.created_s: dict[str, float] = {}
        """When its creation was sent, until a dispatcher is told."""
        self.cancelled_s: dict[str, float] = {}
        self.running: deque[str] = deque()
        self.cancelled = self.heard_of_cancel = 0
        self.queued_s: list[float] = []
        self.cancel_s: list[float] = []
        self.acknowledged_s: list[float] = []

    def create(self, creator: Caller) -> None:
        """Another one."""
        id_, now_s = f"c{self.created:06d}", time.perf_counter()
        self.created += 1
        self.created_s[id_] = now_s
        options: dict[str, Any] = {"id": id_, "priority": 1 + self.created % 100}
        if not self.job.has_own_objects:
            options["object"] = SHARED_OBJECT

        def acknowledged(_: bytes) -> None:
            self.acknowledged_s.append(time.perf_counter() - now_s)

        creator.call(b"fairlead.container.create", b'[["true"]],' + msgspec.json.encode(options), acknowledged)

    def cancel(self, caller: Caller) -> None:
        """One of those that run."""
        if self.running:
            id_ = self.running.popleft()
            self.cancelled += 1
            self.cancelled_s[id_] = time.perf_counter()
            caller.call(b"fairlead.container.cancel", b'["%b"],{}' % id_.encode(), lambda _: None)


class Dispatcher:
    """Takes what is queued, runs it for a while, and reports."""

    def __init__(self, queue: Queue, name: str, caller: Caller) -> None:
        self._queue = queue
        self._caller = caller
        self._name = name
        self._terms: dict[str, int] = {}
        self._is_taking = False
        self._queued: set[str] = set()
        where = [[["state", "=", "Queued"], ["priority", ">", 0]], [["locked_by.dispatcher", "=", name]]]
        watch(caller, {"kind": "container", "any": where}, self._told)

    def _told(self, page: Page) -> None:
        now_s, queue = time.perf_counter(), self._queue
        queue.told += len(page.changes)
        for told in page.changes:
            if told.change == "removed":
                self._queued.discard(told.id)
            elif told.state.state == "Queued":
                self._queued.add(told.id)
                sent_s = queue.created_s.pop(told.id, None)
                if sent_s is not None:
                    queue.queued_s.append(now_s - sent_s)
            else:
                self._queued.discard(told.id)
                if told.state.priority == 0:
                    self._cancelled(told.id, now_s)
        self._take()

    def _cancelled(self, id_: str, now_s: float) -> None:
        sent_s = self._queue.cancelled_s.pop(id_, None)
        if sent_s is not None:
            self._queue.heard_of_cancel += 1
            self._queue.cancel_s.append(now_s - sent_s)
            self._finish(id_, is_cancelled=True)

    def _take(self) -> None:
        if self._queued and not self._is_taking:
            self._is_taking = True
            arguments = b'[%d,"%b"],{}' % (TAKEN_AT_ONCE, self._name.encode())
            self._caller.call(b"fairlead.container.take", arguments, self._taken)

    def _taken(self, message: bytes) -> None:
        self._is_taking = False
        containers = msgspec.json.decode(message)[3][0]["containers"]
        for container in containers:
            id_, term = container["id"], container["state"]["term"]
            self._queued.discard(id_)
            self._queue.created_s.pop(id_, None)
            self._terms[id_] = term
            self._caller.call(b"fairlead.container.start", b'["%b",%d],{}' % (id_.encode(), term), lambda _: None)
            self._queue.running.append(id_)
            asyncio.get_running_loop().call_later(self._queue.job.run_s, self._run_out, id_)
        if len(containers) == TAKEN_AT_ONCE:
            self._take()

    def _run_out(self, id_: str) -> None:
        if id_ not in self._queue.cancelled_s and id_ in self._terms:
            if id_ in self._queue.running:
                self._queue.running.remove(id_)
            self._finish(id_, is_cancelled=False)

    def _finish(self, id_: str, *, is_cancelled: bool) -> None:
        term = self._terms.pop(id_)
        result = b'{"cancelled":true}' if is_cancelled else b'{"exit_code":0}'
        arguments = b'["%b",%d],%b' % (id_.encode(), term, result)
        self._caller.call(b"fairlead.container.finish", arguments, self._finished)

    def _finished(self, _: bytes) -> None:
        self._queue.ended += 1


async def run(job: Job) -> Result:
    queue = Queue(job)
    creators = [await caller(job.url) for _ in range(CREATORS)]
    for number in range(job.dispatchers):
        Dispatcher(queue, f"d{number}", await caller(job.url))
    following = itertools.cycle(creators)
    each_time = round(job.created_per_s * INTERVAL_S)
    ticks_a_cancel = max(1, round(1 / (job.cancelled_per_s * INTERVAL_S)))
    numbers = itertools.count(1)

    def tick() -> None:
        for creator in itertools.islice(following, each_time):
            queue.create(creator)
        if next(numbers) % ticks_a_cancel == 0:
            queue.cancel(creators[0])

    await at_pace(INTERVAL_S, job.warmup_s, tick)
    for samples in (queue.queued_s, queue.cancel_s, queue.acknowledged_s):
        samples.clear()
    told, begun_s, cpu_s, load_s = queue.told, time.perf_counter(), procfs.cpu_s(job.pid), time.process_time()
    await at_pace(INTERVAL_S, job.measured_s, tick)
    seconds = time.perf_counter() - begun_s
    cpu_s, load_s, told = procfs.cpu_s(job.pid) - cpu_s, time.process_time() - load_s, queue.told - told
    await _settled(queue, [*creators])
    return Result(
        created=queue.created,
        ended=queue.ended,
        cancelled=queue.cancelled,
        heard_of_cancel=queue.heard_of_cancel,
        seconds=seconds,
        cpu_s=cpu_s,
        load_share=load_s / seconds,
        told=told,
        queued=Times.of(queue.queued_s),
        cancel=Times.of(queue.cancel_s),
        acknowledged=Times.of(queue.acknowledged_s),
    )


async def _settled(queue: Queue, callers: list[Caller]) -> None:
    deadline_s = time.monotonic() + STALL_S
    while queue.ended < queue.created and time.monotonic() < deadline_s:
        for each in callers:
            if each.failure.done():
                each.failure.result()
        await asyncio.sleep(POLL_S)
