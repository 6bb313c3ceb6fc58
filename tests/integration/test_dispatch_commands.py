"""`fairlead dispatch`, `submit`, `ps`, `cancel`, `watch`, `record`: a real server, real dispatchers, real commands."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_client import Entry, Exit
from fairlead_client.calling import ask
from fairlead_server.commands._processes import Processes
from support.dispatching import asking, dispatching, is_, is_gone, pid_in, pids_in, state_of, stays, submit
from support.serving import Serving, line_with
from support.waiting import eventually


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Serving]:
    async with Serving(tmp_path) as serving:
        yield serving


async def test_a_container_runs_with_a_live_log_and_its_status_is_recorded(server: Serving) -> None:
    async with dispatching(server, "--slots", "2", "--name", "d1"):
        waited = await server.fairlead(
            "submit", "--wait", "--env", "A=1", "--", "sh", "-c", "echo out $A; echo err >&2; exit 7"
        )
        (id_,) = waited.lines
        assert waited.status == 7
        logs = await server.fairlead("logs", "-f", id_)
    assert (logs.status, logs.stdout) == (7, b"out 1\n")
    assert "err" in logs.stderr
    state = await state_of(server, id_)
    assert (state["state"], state["exit_code"], state["locked_by"]) == ("Complete", 7, None)


async def test_a_command_that_is_not_there_says_so(server: Serving) -> None:
    async with dispatching(server):
        waited = await server.fairlead("submit", "--wait", "--", "no-such-command")
        logs = await server.fairlead("logs", waited.lines[0])
    assert waited.status == 127
    assert "no-such-command: No such file or directory" in logs.stderr


@pytest.mark.parametrize(
    "spec",
    [
        {"command": ["a\0b"]},
        {"command": ["true"], "environment": {"A=B": "x"}},
        {"command": ["true"], "cwd": "/" + "d" * 20_000},
    ],
)
async def test_what_no_system_can_start_ends_and_the_dispatcher_goes_on(server: Serving, spec: dict[str, Any]) -> None:
    id_ = await submit(server, *spec.pop("command"), priority=9, **spec)
    after = await submit(server, "true")
    async with dispatching(server):
        await eventually(lambda: is_(server, after, "Complete"))
    state = await state_of(server, id_)
    assert (state["state"], state["exit_code"]) == ("Complete", 127)
    assert state["reason"].startswith("it cannot be started: ")


async def test_a_cancel_ends_the_process_within_a_second(server: Serving, tmp_path: Path) -> None:
    async with dispatching(server):
        id_ = await submit(server, *stays(tmp_path / "pid"))
        pid = await pid_in(tmp_path / "pid")
        loop = asyncio.get_running_loop()
        done = await server.fairlead("cancel", id_, "--reason", "enough")
        begun_s = loop.time()
        await is_gone(pid)
        assert loop.time() - begun_s < 1.0
        assert done.lines == [f"{id_}: Running, its dispatcher ends it"]
        await eventually(lambda: is_(server, id_, "Cancelled"))
    state = await state_of(server, id_)
    assert (state["exit_code"], state["cancel"]["reason"]) == (143, "enough")


async def test_what_is_ended_before_it_began_never_begins(server: Serving, tmp_path: Path) -> None:
    id_ = await submit(server, "touch", str(tmp_path / "begun"))
    exits: list[Exit] = []
    async with asking(server) as connection:
        record = (await ask(connection, "fairlead.record.get", id_))["record"]
        processes = Processes(connection, [], 1.0)
        processes.start(Entry(*(record[name] for name in Entry._fields)), exits.append).kill()
        await eventually(lambda: exits)
        await processes.close()
    assert exits == [Exit(None, "it was ended before it began")]
    assert not (tmp_path / "begun").exists()


async def test_what_waits_is_cancelled_at_once(server: Serving) -> None:
    id_ = await submit(server, "true")
    assert (await server.fairlead("cancel", id_)).lines == [f"{id_}: Cancelled"]
    assert (await server.fairlead("cancel", "nothing")).status == 125


async def test_a_killed_dispatcher_takes_its_process_along_and_comes_back_to_report_it(
    server: Serving, tmp_path: Path
) -> None:
    async with dispatching(server, "--name", "d1") as dispatcher:
        id_ = await submit(server, *stays(tmp_path / "pid"))
        pid = await pid_in(tmp_path / "pid")
        dispatcher.send_signal(signal.SIGKILL)
        await is_gone(pid)
    assert await is_(server, id_, "Running")
    async with dispatching(server, "--name", "d1"):
        await eventually(lambda: is_(server, id_, "Cancelled"), timeout_s=10)


async def test_a_lost_dispatchers_lease_ends_and_a_request_is_tried_again_by_another(
    server: Serving, tmp_path: Path
) -> None:
    async with dispatching(server, "--name", "d1", "--lease", "2") as first:
        done = await server.fairlead(
            "submit",
            "--json",
            "--id",
            "r",
            "--attempts",
            "2",
            "--",
            "sh",
            "-c",
            f"echo $$ >> {tmp_path / 'pids'}; exec sleep 600",
        )
        assert json.loads(done.stdout) == {"request": "r", "container": "r-1", "state": "Queued"}
        await eventually((tmp_path / "pids").exists)
        first.send_signal(signal.SIGKILL)
    async with dispatching(server, "--name", "d2"):
        await eventually(lambda: len(pids_in(tmp_path / "pids")) == 2, timeout_s=15)
        await is_gone(pids_in(tmp_path / "pids")[0])
        assert (await state_of(server, "r-1"))["reason"] == "its lease has ended"
        assert await is_(server, "r-2", "Running")


async def test_what_a_stopped_dispatcher_runs_ends_with_its_lease(server: Serving, tmp_path: Path) -> None:
    async with dispatching(server, "--name", "d1", "--lease", "2") as dispatcher:
        id_ = await submit(server, *stays(tmp_path / "pid"))
        pid = await pid_in(tmp_path / "pid")
        dispatcher.send_signal(signal.SIGSTOP)
        await is_gone(pid)
        await eventually(lambda: is_(server, id_, "Cancelled"), timeout_s=10)
        dispatcher.send_signal(signal.SIGCONT)
        await line_with(dispatcher.stderr, "not ours any more")
    (late,) = (await state_of(server, id_))["late"]
    assert late["dispatcher"] == "d1"


async def test_a_killed_server_ends_nothing(server: Serving, tmp_path: Path) -> None:
    async with dispatching(server):
        id_ = await submit(server, "sh", "-c", f"echo $$ > {tmp_path / 'pid'}; echo one; sleep 2; echo two; exit 4")
        await pid_in(tmp_path / "pid")
        await server.kill()
        await server.start()
        await eventually(lambda: is_(server, id_, "Complete"), timeout_s=15)
        assert (await state_of(server, id_))["exit_code"] == 4
        assert (await server.fairlead("logs", "-f", id_)).stdout == b"one\ntwo\n"


async def test_ctrl_c_ends_what_runs_and_reports_it(server: Serving, tmp_path: Path) -> None:
    async with dispatching(server) as dispatcher:
        id_ = await submit(server, *stays(tmp_path / "pid"))
        pid = await pid_in(tmp_path / "pid")
        dispatcher.send_signal(signal.SIGINT)
        await asyncio.wait_for(dispatcher.wait(), 15)
        assert dispatcher.returncode == 130
        await is_gone(pid)
    assert await is_(server, id_, "Cancelled")


async def test_draining_lets_it_end(server: Serving) -> None:
    async with dispatching(server, "--drain") as dispatcher:
        id_ = await submit(server, "sh", "-c", "sleep 1; exit 6")
        await line_with(dispatcher.stderr, "running")
        dispatcher.send_signal(signal.SIGTERM)
        await asyncio.wait_for(dispatcher.wait(), 15)
        assert dispatcher.returncode == 0
    assert (await state_of(server, id_))["exit_code"] == 6


async def test_a_wrapper_is_put_before_each_command_and_resources_bound_what_is_taken(server: Serving) -> None:
    big = await submit(server, "true", constraints={"vcpus": 8})
    small = await submit(server, "echo", "x", constraints={"vcpus": 2, "ram": 1e9})
    async with dispatching(server, "--slots", "4", "--vcpus", "4", "--ram", "2GB", "--", "echo", "wrapped"):
        await eventually(lambda: is_(server, small, "Complete"))
        assert (await server.fairlead("logs", small)).stdout == b"wrapped echo x\n"
        assert await is_(server, big, "Queued")


async def test_ps_shows_what_runs_and_waits(server: Serving) -> None:
    ids = [await submit(server, "true", priority=number) for number in (1, 5)]
    held = await submit(server, "true", priority=0, name="later")
    lines = (await server.fairlead("ps")).lines
    assert [line.split()[0] for line in lines] == ["CONTAINER", ids[1], ids[0], held]
    assert re.search(r"Queued, held +0 .* later$", lines[3])
    await server.fairlead("cancel", *ids)
    assert len((await server.fairlead("ps")).lines) == 2
    assert len((await server.fairlead("ps", "--all")).lines) == 4
    found = json.loads((await server.fairlead("ps", "--state", "Cancelled", "--json")).stdout)["containers"]
    assert sorted(each["id"] for each in found) == sorted(ids)
    unknown = await server.fairlead("ps", "--state", "cancelled")
    assert unknown.status == 2
    assert "'cancelled' is not one of 'Queued'," in unknown.stderr


async def test_a_request_that_wants_nothing_is_refused(server: Serving) -> None:
    done = await server.fairlead("submit", "--priority", "0", "--attempts", "2", "--", "true")
    assert done.status == 125
    assert "--priority 0 holds a container, and with --attempts, --reuse or --parent nobody wants one" in done.stderr


async def test_ps_says_where_to_look_when_nothing_waits_or_runs(server: Serving) -> None:
    await server.fairlead("cancel", await submit(server, "true"))
    assert "nothing that you may see waits or runs; --all shows what has ended" in (await server.fairlead("ps")).stderr


async def test_ps_watch_says_each_change_in_a_line(server: Serving) -> None:
    async with server.running("ps", "--watch", "--json") as watching, dispatching(server, "--name", "d1"):
        id_ = await submit(server, "sh", "-c", "exit 3")
        states: list[str] = []
        while not states or states[-1] != "removed":
            change = json.loads(await line_with(watching.stdout, id_))
            states.append("removed" if change.get("removed") else change["state"]["state"])
    assert states[0] == "Queued"
    assert states == sorted(set(states), key=["Queued", "Locked", "Running", "removed"].index)


async def test_watch_shows_records_of_any_kind(server: Serving) -> None:
    await server.fairlead("record", "put", "disk-1", '{"free": 5}', "--kind", "disk")
    async with server.running("watch", "--kind", "disk", "--where", "free<10", "--json") as watching:
        assert json.loads(await line_with(watching.stdout, "disk-1"))["change"] == "added"
        await server.fairlead("record", "patch", "disk-1", '{"free": 4}')
        assert json.loads(await line_with(watching.stdout, "disk-1"))["state"] == {"free": 4}
        await server.fairlead("record", "put", "disk-1", '{"free": 50}')
        assert json.loads(await line_with(watching.stdout, "disk-1"))["change"] == "removed"


async def test_records_are_put_patched_listed_and_deleted(server: Serving) -> None:
    put = await server.fairlead("record", "put", "r", "-", "--kind", "job", stdin=b'{"a": 1}')
    assert put.lines == ["r is at version 1"]
    assert (await server.fairlead("record", "put", "r", "{}", "--expected", "9")).status == 125
    listed = await server.fairlead("record", "list", "--kind", "job", "--where", "a=1")
    assert listed.lines == ['r  job  v1  {"a": 1}']
    assert (await server.fairlead("record", "delete", "r")).lines == ["r is gone"]
    assert (await server.fairlead("record", "get", "r")).status == 125


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["watch", "--where", "x ~ 3"], "--where 'x ~ 3' is no condition"),
        (["record", "put", "r", "[1]", "--kind", "job"], "is no JSON object"),
        (["record", "put", "r", "{", "--kind", "job"], "is no JSON"),
        (["record", "put", "r.s", "{}", "--kind", "job"], "id is 'r.s': an id has"),
        (["submit", "--ram", "much", "--", "true"], "--ram 'much' is no size"),
        (["submit", "--parent", "nothing", "--", "true"], "there is no record 'nothing'"),
        (["dispatch", "--name", "a b"], "--name is 'a b': an id has"),
    ],
)
async def test_a_mistake_is_a_line_that_names_it(server: Serving, arguments: list[str], text: str) -> None:
    done = await server.fairlead(*arguments)
    assert done.status == 125
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
