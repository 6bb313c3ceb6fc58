"""The client's watch, View and Dispatcher against the real service, over sockets, through restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import islice
from typing import Any

import pytest

from fairlead_client import Added, Anew, CallFailed, Changed, Entry, Exit, Removed, Whole
from fairlead_client.asyncio import Connection, Dispatcher, View, watch
from fairlead_client.calling import ask
from fairlead_client.sync import Connection as SyncConnection
from support.record_server import RecordServer
from support.waiting import eventually


@pytest.fixture
async def server() -> AsyncIterator[RecordServer]:
    running = RecordServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def connection(server: RecordServer) -> AsyncIterator[Connection]:
    async with Connection(server.url) as opened:
        yield opened


async def put(connection: Connection, id_: str, **state: Any) -> None:
    await ask(connection, "fairlead.record.put", id_, state, kind="job")


async def state_of(connection: Connection, id_: str) -> Any:
    return (await ask(connection, "fairlead.record.get", id_))["record"]["state"]


async def test_watch_gives_what_there_is_and_then_every_change(connection: Connection) -> None:
    await put(connection, "a", n=1)
    async with aclosing(watch(connection, kind="job")) as items:
        first, whole = await anext(items), await anext(items)
        assert isinstance(first, Added)
        assert (first.entry.id, first.entry.state) == ("a", {"n": 1})
        assert isinstance(whole, Whole)
        await put(connection, "a", n=2)
        changed = await anext(items)
        assert isinstance(changed, Changed)
        assert changed.entry.version == 2


async def test_a_loop_without_an_event_loop_hears_the_same(server: RecordServer, connection: Connection) -> None:
    await put(connection, "a", n=1)

    def heard() -> list[Any]:
        with SyncConnection(server.url) as own:
            return [*islice(own.watch(kind="job"), 2)]

    added, whole = await asyncio.to_thread(heard)
    assert isinstance(added, Added)
    assert isinstance(whole, Whole)


async def test_a_query_that_is_none_is_an_error(connection: Connection) -> None:
    with pytest.raises(CallFailed, match="the op 'like'"):
        await anext(watch(connection, where=[["n", "like", 1]]))


@pytest.mark.parametrize("is_wiped", [False, True])
async def test_a_view_is_current_again_after_a_restart(
    server: RecordServer, connection: Connection, is_wiped: bool
) -> None:
    items: list[Any] = []
    for id_ in ("a", "b"):
        await put(connection, id_, n=1)
    async with View(connection, items.append, kind="job") as view:
        assert sorted(view.entries) == ["a", "b"]
        await server.stop()
        if is_wiped:
            server.wipe()
        await server.start()
        await put(connection, "c", n=1)
        await view.wait_fresh()
        assert sorted(view.entries) == (["c"] if is_wiped else ["a", "b", "c"])
    assert any(isinstance(item, Anew) for item in items) is is_wiped
    assert [item.id for item in items if isinstance(item, Removed)] == (["a", "b"] if is_wiped else [])


async def test_a_fresh_view_has_what_was_acknowledged_elsewhere(server: RecordServer, connection: Connection) -> None:
    async with Connection(server.url) as other, View(connection, kind="job") as view:
        for number in range(20):
            await put(other, f"r{number}", n=number)
        await view.wait_fresh()
        assert len(view.entries) == 20


# ---- the dispatcher


class FakeProcess:
    """Runs until the test ends it, or it is killed."""

    def __init__(self, runner: FakeRunner, entry: Entry, on_exit: Callable[[Exit], None]) -> None:
        self._runner = runner
        self.entry = entry
        self._on_exit = on_exit
        self.killed = 0

    def kill(self) -> None:
        self.killed += 1
        asyncio.get_running_loop().call_soon(self.end, 143)

    def kill_now(self) -> None:
        self.kill()

    def lease(self, remaining_s: float) -> None:
        assert remaining_s >= 0

    def end(self, exit_code: int = 0) -> None:
        if self._runner.running.pop(self.entry.id, None) is not None:
            self._on_exit(Exit(exit_code))


class FakeRunner:
    """Sees that a container never runs twice at once."""

    def __init__(self) -> None:
        self.running: dict[str, FakeProcess] = {}
        self.started: list[str] = []
        self.breaks_at = ""

    def start(self, container: Entry, on_exit: Callable[[Exit], None]) -> FakeProcess:
        if container.id == self.breaks_at:
            raise ZeroDivisionError("a mistake in it")
        assert container.id not in self.running, f"{container.id} runs already"
        self.started.append(container.id)
        process = self.running[container.id] = FakeProcess(self, container, on_exit)
        return process


class Worker:
    """A dispatcher that runs."""

    def __init__(self, url: str, name: str = "d1", slots: int = 2, lease_s: float = 30.0) -> None:
        self.connection = Connection(url)
        self.runner = FakeRunner()
        self.events: list[tuple[str, str]] = []
        self.dispatcher = Dispatcher(
            self.connection,
            name,
            self.runner,
            slots=slots,
            lease_s=lease_s,
            on_event=lambda what, id_, about: self.events.append((what, id_)),
        )
        self.task = asyncio.ensure_future(self.dispatcher.run())

    async def close(self) -> None:
        self.dispatcher.stop()
        await asyncio.wait_for(self.task, 10)
        await self.connection.close()

    async def vanish(self) -> None:
        """As if the process had been killed."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.connection.close()


@pytest.fixture
async def worker(server: RecordServer) -> AsyncIterator[Worker]:
    made = Worker(server.url)
    yield made
    if not made.task.done():
        await made.close()


async def create(connection: Connection, id_: str, **options: Any) -> None:
    await ask(connection, "fairlead.container.create", ["true"], id=id_, **options)


async def is_(connection: Connection, id_: str, state: str) -> bool:
    return bool((await state_of(connection, id_))["state"] == state)


async def test_what_is_queued_is_run_and_reported(connection: Connection, worker: Worker) -> None:
    for number in range(3):
        await create(connection, f"c{number}")
    await eventually(lambda: len(worker.runner.running) == 2)
    assert await is_(connection, "c0", "Running")
    worker.runner.running["c0"].end(3)
    await eventually(lambda: "c2" in worker.runner.running)
    state = await state_of(connection, "c0")
    assert (state["state"], state["exit_code"], state["log"]) == ("Complete", 3, "c0")


async def test_a_cancel_ends_the_process(connection: Connection, worker: Worker) -> None:
    await create(connection, "c")
    await eventually(lambda: "c" in worker.runner.running)
    await ask(connection, "fairlead.container.cancel", "c")
    await eventually(lambda: is_(connection, "c", "Cancelled"))
    assert (await state_of(connection, "c"))["exit_code"] == 143


async def test_a_higher_priority_displaces_nothing(connection: Connection, worker: Worker) -> None:
    for id_ in ("a", "b", "c"):
        await create(connection, id_, priority=5)
    await eventually(lambda: len(worker.runner.running) == 2)
    await ask(connection, "fairlead.container.set_priority", "c", 9)
    await asyncio.sleep(0.1)
    assert sorted(worker.runner.running) == ["a", "b"]


async def test_what_one_answer_has_no_room_for_is_taken_by_the_next(
    server: RecordServer, connection: Connection
) -> None:
    for number in range(12):
        await ask(connection, "fairlead.container.create", ["job", "x" * 30_000], id=f"c{number}")
    worker = Worker(server.url, slots=12)
    await eventually(lambda: len(worker.runner.running) == 12)
    await worker.close()


async def test_a_runner_that_raises_ends_one_container(
    connection: Connection, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.runner.breaks_at = "a"
    await create(connection, "a", priority=9)
    await create(connection, "b")
    await eventually(lambda: ("ended", "a") in worker.events and "b" in worker.runner.running)
    worker.runner.running["b"].end()
    await eventually(lambda: all_ended(connection, 2))
    ended = (await ask(connection, "fairlead.record.get", "a"))["record"]["state"]
    assert (ended["state"], ended["exit_code"]) == ("Cancelled", None)
    assert ended["reason"] == "it could not be started: ZeroDivisionError('a mistake in it')"
    assert "the runner failed to start container a" in caplog.text


async def test_two_dispatchers_share_a_queue(server: RecordServer, connection: Connection, worker: Worker) -> None:
    other = Worker(server.url, "d2")
    for number in range(20):
        await create(connection, f"c{number}")
    done: set[str] = set()
    while len(done) < 20:
        for each in (worker, other):
            for process in list(each.runner.running.values()):
                process.end()
                done.add(process.entry.id)
        await asyncio.sleep(0.01)
    await eventually(lambda: all_are(connection, "Complete", 20))
    assert sorted(worker.runner.started + other.runner.started) == sorted(done)
    await other.close()


async def all_ended(connection: Connection, count: int) -> bool:
    records = (await ask(connection, "fairlead.record.list", kind="container"))["records"]
    return sum(record["state"]["state"] in ("Complete", "Cancelled") for record in records) == count


async def all_are(connection: Connection, state: str, count: int) -> bool:
    records = (await ask(connection, "fairlead.record.list", kind="container"))["records"]
    return [record["state"]["state"] for record in records] == [state] * count


async def test_stopping_ends_what_runs_and_reports_it(connection: Connection, worker: Worker) -> None:
    await create(connection, "c")
    await eventually(lambda: "c" in worker.runner.running)
    await worker.close()
    assert await is_(connection, "c", "Cancelled")


async def test_draining_lets_what_runs_end(connection: Connection, worker: Worker) -> None:
    await create(connection, "a")
    await eventually(lambda: "a" in worker.runner.running)
    worker.dispatcher.drain()
    await create(connection, "b")
    await asyncio.sleep(0.1)
    worker.runner.running["a"].end()
    await asyncio.wait_for(worker.task, 5)
    assert await is_(connection, "a", "Complete")
    assert await is_(connection, "b", "Queued")


async def test_a_restart_of_the_server_ends_nothing(
    server: RecordServer, connection: Connection, worker: Worker
) -> None:
    await create(connection, "c")
    await eventually(lambda: "c" in worker.runner.running)
    await server.stop()
    worker.runner.running["c"].end(5)
    await server.start()
    await eventually(lambda: is_(connection, "c", "Complete"))
    assert worker.runner.started == ["c"]


async def test_a_dispatcher_that_comes_back_reports_what_it_has_lost(
    server: RecordServer, connection: Connection, worker: Worker
) -> None:
    await create(connection, "c")
    await eventually(lambda: "c" in worker.runner.running)
    await worker.vanish()
    again = Worker(server.url)
    await eventually(lambda: is_(connection, "c", "Cancelled"))
    assert (await state_of(connection, "c"))["reason"] == "its dispatcher has lost it"
    await again.close()


async def test_a_dispatcher_that_comes_back_goes_on_with_what_it_had_locked(
    server: RecordServer, connection: Connection
) -> None:
    await create(connection, "c")
    await ask(connection, "fairlead.container.lock", "c", "d1")
    worker = Worker(server.url)
    await eventually(lambda: "c" in worker.runner.running)
    assert (await state_of(connection, "c"))["term"] == 1
    await worker.close()


async def test_what_runs_is_killed_before_its_lease_ends_when_the_server_is_away(
    server: RecordServer, connection: Connection
) -> None:
    worker = Worker(server.url, lease_s=1.0)
    await create(connection, "c")
    await eventually(lambda: "c" in worker.runner.running)
    process, begun_s = worker.runner.running["c"], asyncio.get_running_loop().time()
    await server.stop()
    await eventually(lambda: process.killed > 0)
    assert asyncio.get_running_loop().time() - begun_s < 1.0
    await server.start()
    await eventually(lambda: is_(connection, "c", "Cancelled"))
    await worker.close()


async def test_what_another_has_by_now_is_killed(server: RecordServer, connection: Connection, worker: Worker) -> None:
    await create(connection, "c")
    await eventually(lambda: "c" in worker.runner.running)
    term = (await state_of(connection, "c"))["term"]
    process = worker.runner.running["c"]
    await ask(connection, "fairlead.container.finish", "c", term, exit_code=0)
    await eventually(lambda: process.killed > 0)
    await eventually(lambda: not worker.dispatcher.mind.jobs)
