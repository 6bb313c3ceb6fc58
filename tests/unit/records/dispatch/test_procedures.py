"""`fairlead.container.*` as callers see them: one holder at a time, nothing lost, everything ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_records import MemoryRecordStore, Permissions
from fairlead_router import CallError
from support.waiting import eventually
from unit.records.dispatch.steps import Trash, create, is_in, refused, request, run, state_of, take
from unit.records.fakes import Peer, ServiceHarness

# ---- the ordinary life


async def test_a_container_waits_is_taken_runs_and_completes(alice: Peer) -> None:
    answer = await alice.call("container.create", ["echo", "x"], id="c", name="n", environment={"A": "1"})
    assert answer == {"id": "c", "version": 1, "state": "Queued"}
    ((id_, term),) = await take(alice)
    assert (id_, (await state_of(alice, "c"))["locked_by"]) == ("c", {"dispatcher": "d1", "authid": "alice"})
    assert (await alice.call("container.start", "c", term, log="c"))["state"] == "Running"
    await alice.call("container.progress", "c", term, progress=0.5, runtime_status={"text": "half"})
    ended = await alice.call("container.finish", "c", term, exit_code=3, output={"files": 2}, reason="it failed")
    assert ended["state"] == "Complete"
    state = await state_of(alice, "c")
    kept = {
        name: state[name] for name in ("exit_code", "output", "reason", "progress", "log", "locked_by", "environment")
    }
    assert kept == {
        "exit_code": 3,
        "output": {"files": 2},
        "reason": "it failed",
        "progress": 0.5,
        "log": "c",
        "locked_by": None,
        "environment": {"A": "1"},
    }
    assert state["started_us"] <= state["finished_us"]


async def test_a_container_without_an_id_gets_one(alice: Peer) -> None:
    first, second = [await alice.call("container.create", ["true"]) for _ in range(2)]
    assert first["id"] != second["id"]


async def test_an_id_is_used_once(alice: Peer) -> None:
    await create(alice, "c")
    assert await refused(alice, "create", ["true"], id="c") == "version_conflict"


async def test_the_best_are_taken_first(alice: Peer) -> None:
    for id_, priority in (("low", 1), ("old", 5), ("young", 5), ("high", 9), ("held", 0)):
        await create(alice, id_, priority=priority)
    assert [id_ for id_, _ in await take(alice, 3)] == ["high", "old", "young"]
    assert [id_ for id_, _ in await take(alice, 3)] == ["low"]


async def test_only_what_fits_together_is_taken(alice: Peer) -> None:
    for id_, cpus in (("a", 4), ("b", 8), ("c", 4), ("d", 1)):
        await create(alice, id_, constraints={"vcpus": cpus})
    await create(alice, "gpu", constraints={"gpus": 1})
    await create(alice, "any")
    assert [id_ for id_, _ in await take(alice, 9, constraints={"vcpus": 8})] == ["a", "c", "any"]


async def test_two_dispatchers_get_different_ones(service: ServiceHarness, alice: Peer) -> None:
    for number in range(6):
        await create(alice, f"c{number}")
    bob = service.peer("bob")
    first, second = await asyncio.gather(take(alice, 4, "d1"), take(bob, 4, "d2"))
    assert len(first) == 4
    assert len(second) == 2
    assert {id_ for id_, _ in first + second} == {f"c{number}" for number in range(6)}


async def test_one_lock_wins(service: ServiceHarness, alice: Peer) -> None:
    await create(alice, "c")
    peers = [service.peer(f"user{number}") for number in range(5)]
    outcomes = await asyncio.gather(
        *[peer.call("container.lock", "c", f"d{number}") for number, peer in enumerate(peers)], return_exceptions=True
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, CallError)]
    assert len(errors) == 4
    assert {error.uri for error in errors} == {"fairlead.error.locked"}
    assert errors[0].error_kwargs["term"] == 1


async def test_unlocking_gives_it_back_with_a_higher_term_next_time(alice: Peer) -> None:
    await create(alice, "c")
    ((_, term),) = await take(alice)
    assert (await alice.call("container.unlock", "c", term))["state"] == "Queued"
    assert await refused(alice, "start", "c", term) == "fenced"
    assert await take(alice) == [("c", term + 1)]


async def test_a_container_that_is_locked_ten_times_is_cancelled(alice: Peer) -> None:
    await create(alice, "c")
    for number in range(1, 11):
        assert await take(alice) == [("c", number)]
        await alice.call("container.unlock", "c", number)
    state = await state_of(alice, "c")
    assert (state["state"], state["reason"]) == ("Cancelled", "it was locked 10 times and never started")


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [("start", {}), ("unlock", {}), ("progress", {"progress": 1}), ("finish", {"exit_code": 0})],
    ids=["start", "unlock", "progress", "finish"],
)
async def test_only_the_holder_of_the_term_goes_on(
    service: ServiceHarness, alice: Peer, name: str, kwargs: dict[str, Any]
) -> None:
    await create(alice, "c")
    ((_, term),) = await take(alice)
    if name == "finish":
        await alice.call("container.start", "c", term)
    assert await refused(alice, name, "c", term + 1, **kwargs) == "fenced"
    assert await refused(service.peer("bob"), name, "c", term, **kwargs) == "fenced"
    await alice.call(f"container.{name}", "c", term, **kwargs)


async def test_finishing_twice_with_the_same_end_is_finishing_once(alice: Peer) -> None:
    await create(alice, "c")
    term = await run(alice, "c")
    first = await alice.call("container.finish", "c", term, exit_code=0)
    assert await alice.call("container.finish", "c", term, exit_code=0) == first
    assert await refused(alice, "finish", "c", term, exit_code=1) == "fenced"


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "text"),
    [
        ("create", [[]], {}, "Expected `array` of length >= 1"),
        ("create", [["true"]], {"priority": -1}, "Expected `int` >= 0"),
        ("create", [["true"]], {"id": "a.b"}, "id is 'a.b'"),
        ("create", [["true"]], {"constraints": {"vcpus": "4"}}, "Expected `float`, got `str`"),
        ("take", [0, "d1"], {}, "Expected `int` >= 1"),
        ("take", [1, "d 1"], {}, "dispatcher is 'd 1'"),
        ("lock", ["c", "d1"], {"lease_s": 0.5}, "Expected `float` >= 1.0"),
        ("lock", ["other", "d1"], {}, "record 'other' is of kind 'job', not a container"),
        ("progress", ["c", 1], {}, "give `progress` or `runtime_status`"),
        ("progress", ["c", 1], {"progress": 2}, "Expected `float` <= 1.0"),
        ("finish", ["c", 1], {}, "give `exit_code`, or `cancelled`"),
        ("cancel", ["other"], {}, "not a container or a request for one"),
    ],
)
async def test_bad_input_is_refused_with_the_rule(
    alice: Peer, name: str, args: list[Any], kwargs: dict[str, Any], text: str
) -> None:
    await create(alice, "c")
    await alice.put("other")
    with pytest.raises(CallError) as caught:
        await alice.call(f"container.{name}", *args, **kwargs)
    assert (caught.value.uri, text in str(caught.value)) == ("wamp.error.invalid_argument", True), str(caught.value)


# ---- cancelling


async def test_cancelled_while_queued_it_ends_at_once(alice: Peer) -> None:
    await create(alice, "c")
    assert (await alice.call("container.cancel", "c", reason="a mistake"))["state"] == "Cancelled"
    assert await take(alice) == []
    assert await refused(alice, "lock", "c", "d1") == "wrong_state"
    assert (await state_of(alice, "c"))["reason"] == "a mistake"


async def test_cancelled_while_locked_it_is_not_started_and_ends_when_given_back(alice: Peer) -> None:
    await create(alice, "c")
    ((_, term),) = await take(alice)
    assert await alice.call("container.cancel", "c") == {"id": "c", "version": 3, "state": "Locked", "priority": 0}
    assert await refused(alice, "start", "c", term) == "wrong_state"
    assert (await alice.call("container.unlock", "c", term))["state"] == "Cancelled"


async def test_cancelled_while_running_its_holder_ends_it(alice: Peer) -> None:
    await create(alice, "c")
    term = await run(alice, "c")
    await alice.call("container.cancel", "c", reason="enough")
    state = await state_of(alice, "c")
    assert (state["state"], state["priority"], state["cancel"]["reason"]) == ("Running", 0, "enough")
    assert (await alice.call("container.finish", "c", term, exit_code=143, cancelled=True))["state"] == "Cancelled"
    assert (await state_of(alice, "c"))["exit_code"] == 143


async def test_cancelling_what_has_ended_changes_nothing(alice: Peer) -> None:
    await create(alice, "c")
    term = await run(alice, "c")
    await alice.call("container.finish", "c", term, exit_code=0)
    assert (await alice.call("container.cancel", "c"))["state"] == "Complete"


async def test_a_cancelled_container_gets_no_other_priority(alice: Peer) -> None:
    await create(alice, "c")
    await run(alice, "c")
    await alice.call("container.cancel", "c")
    assert await refused(alice, "set_priority", "c", 5) == "wrong_state"


async def test_a_higher_priority_reorders_what_waits_and_displaces_nothing(alice: Peer) -> None:
    for id_ in ("a", "b", "c"):
        await create(alice, id_, priority=5)
    await take(alice)
    await alice.call("container.set_priority", "c", 9)
    assert (await state_of(alice, "a"))["state"] == "Locked"
    assert [id_ for id_, _ in await take(alice, 2)] == ["c", "b"]


async def test_priority_0_holds_what_waits(alice: Peer) -> None:
    await create(alice, "c")
    await alice.call("container.set_priority", "c", 0)
    assert await take(alice) == []
    assert await refused(alice, "lock", "c", "d1") == "wrong_state"
    await alice.call("container.set_priority", "c", 1)
    assert await take(alice) == [("c", 1)]


# ---- leases


async def test_a_lock_lapses_when_its_dispatcher_is_not_heard(alice: Peer) -> None:
    await create(alice, "c")
    ((_, term),) = await take(alice, lease_s=1)
    await eventually(lambda: is_in(alice, "c", "Queued"))
    assert await refused(alice, "start", "c", term) == "fenced"
    assert await take(alice, dispatcher="d2") == [("c", term + 1)]


async def test_what_runs_is_cancelled_when_its_lease_ends(alice: Peer) -> None:
    await create(alice, "c")
    ((_, term),) = await take(alice, lease_s=1)
    await alice.call("container.start", "c", term)
    await eventually(lambda: is_in(alice, "c", "Cancelled"))
    assert (await state_of(alice, "c"))["reason"] == "its lease has ended"


async def test_who_reports_too_late_is_fenced_and_remembered(alice: Peer) -> None:
    await create(alice, "c")
    ((_, term),) = await take(alice, lease_s=1)
    await alice.call("container.start", "c", term)
    await eventually(lambda: is_in(alice, "c", "Cancelled"))
    assert await refused(alice, "finish", "c", term, exit_code=0) == "fenced"
    (late,) = (await state_of(alice, "c"))["late"]
    assert (late["dispatcher"], late["term"], late["exit_code"]) == ("d1", term, 0)


async def test_renewing_keeps_the_lock_and_says_what_is_lost(alice: Peer) -> None:
    for id_ in ("a", "b"):
        await create(alice, id_)
    await take(alice, 2, lease_s=1)
    await alice.call("container.unlock", "b", 1)
    for _ in range(3):
        await asyncio.sleep(0.5)
        assert await alice.call("container.renew", "d1", {"a": 1, "b": 1, "x": 1}) == {"lost": ["b", "x"]}
    assert (await state_of(alice, "a"))["state"] == "Locked"
    assert await alice.call("container.renew", "d2", {"a": 1}) == {"lost": ["a"]}
    assert await alice.call("container.renew", "d1", {"a": 2}) == {"lost": ["a"]}


async def test_after_a_restart_leases_begin_anew() -> None:
    store = MemoryRecordStore()
    first, second = ServiceHarness(), ServiceHarness()
    await first.start(store)
    await create(first.peer(), "c")
    await take(first.peer(), lease_s=1)
    await first.close()
    await second.start(store)
    assert await second.peer().call("container.renew", "d1", {"c": 1}) == {"lost": []}
    assert (await state_of(second.peer(), "c"))["state"] == "Locked"
    await eventually(lambda: is_in(second.peer(), "c", "Queued"))
    await second.close()


# ---- requests


async def test_a_request_gets_a_container(alice: Peer) -> None:
    assert await request(alice, "r", priority=7) == {"request": "r", "container": "r-1", "state": "Queued"}
    state = await state_of(alice, "r-1")
    assert (state["priority"], state["request"], state["attempt"]) == (7, "r", 1)


async def test_the_end_of_its_container_is_the_end_of_a_request(alice: Peer) -> None:
    await request(alice, "r")
    term = await run(alice, "r-1")
    await alice.call("container.finish", "r-1", term, exit_code=2)
    state = await state_of(alice, "r")
    assert (state["state"], state["exit_code"]) == ("Final", 2)


async def test_two_requests_share_a_container_and_cancelling_one_does_not_end_it(alice: Peer) -> None:
    await request(alice, "a", priority=3)
    shared = await request(alice, "b", priority=9, reuse=True)
    assert shared["container"] == "a-1"
    assert (await state_of(alice, "a-1"))["priority"] == 9
    await run(alice, "a-1")
    await alice.call("container.cancel", "b")
    state = await state_of(alice, "a-1")
    assert (state["state"], state["priority"], state["cancel"]) == ("Running", 3, None)
    await alice.call("container.cancel", "a")
    assert (await state_of(alice, "a-1"))["priority"] == 0


async def test_only_the_same_is_reused(alice: Peer) -> None:
    await request(alice, "a", command=["x"])
    assert (await request(alice, "b", command=["y"], reuse=True))["container"] == "b-1"
    assert (await request(alice, "c", command=["x"], environment={"A": "1"}, reuse=True))["container"] == "c-1"
    assert (await request(alice, "d", command=["x"]))["container"] == "d-1"
    term = await run(alice, "a-1")
    await alice.call("container.finish", "a-1", term, exit_code=0)
    reused = await request(alice, "e", command=["x"], reuse=True)
    assert reused["container"] in {"a-1", "d-1"}
    assert (await state_of(alice, "e"))["state"] == ("Final" if reused["container"] == "a-1" else "Committed")


async def test_what_failed_is_not_reused(alice: Peer) -> None:
    await request(alice, "a")
    term = await run(alice, "a-1")
    await alice.call("container.finish", "a-1", term, exit_code=1)
    assert (await request(alice, "b", reuse=True))["container"] == "b-1"


async def test_a_request_with_attempts_left_gets_another_container(alice: Peer) -> None:
    await request(alice, "r", attempts=2)
    for container in ("r-1", "r-2"):
        term = await run(alice, container)
        await alice.call("container.finish", container, term, cancelled=True, reason="the node is gone")
    state = await state_of(alice, "r")
    assert (state["state"], state["container"], state["container_count"]) == ("Final", "r-2", 2)
    assert (await state_of(alice, "r-2"))["attempt"] == 2


async def test_a_cancelled_request_is_not_tried_again(alice: Peer) -> None:
    await request(alice, "r", attempts=5)
    term = await run(alice, "r-1")
    await alice.call("container.cancel", "r")
    await alice.call("container.finish", "r-1", term, cancelled=True)
    assert (await state_of(alice, "r"))["state"] == "Final"


async def test_the_end_of_a_parent_ends_what_it_has_asked_for(alice: Peer) -> None:
    await request(alice, "r", priority=5)
    term = await run(alice, "r-1")
    await request(alice, "queued", parent="r-1")
    await request(alice, "running", parent="r-1", command=["x"])
    await run(alice, "running-1")
    await request(alice, "deep", parent="running-1", command=["y"])
    assert (await state_of(alice, "deep-1"))["priority"] == 5
    await alice.call("container.set_priority", "r", 8)
    assert (await state_of(alice, "deep-1"))["priority"] == 8
    await alice.call("container.finish", "r-1", term, exit_code=0)
    assert (await state_of(alice, "queued-1"))["state"] == "Cancelled"
    assert (await state_of(alice, "queued"))["state"] == "Final"
    running = await state_of(alice, "running-1")
    assert (running["state"], running["priority"]) == ("Running", 0)
    assert (await state_of(alice, "deep-1"))["priority"] == 0


async def test_nothing_waits_for_itself(alice: Peer) -> None:
    await request(alice, "r")
    await run(alice, "r-1")
    assert (await request(alice, "child", parent="r-1", reuse=True))["container"] == "child-1"


async def test_a_parent_that_has_ended_asks_for_nothing(alice: Peer) -> None:
    await create(alice, "c")
    await alice.call("container.cancel", "c")
    assert await refused(alice, "request", ["true"], parent="c") == "wrong_state"
    assert await refused(alice, "request", ["true"], parent="nothing") == "no_such_record"


# ---- the trash


async def test_what_goes_into_the_trash_ends(trashing: ServiceHarness, trash: Trash) -> None:
    alice = trashing.peer()
    for id_ in ("queued", "running", "elsewhere"):
        await create(alice, id_, object="elsewhere" if id_ == "elsewhere" else "p")
    term = await run(alice, "running")
    trash.objects.add("p")
    trashing.realm.gate.revoke(objects=["p"])
    await eventually(lambda: is_in(alice, "queued", "Cancelled"))
    assert (await state_of(alice, "running"))["priority"] == 0
    assert (await state_of(alice, "elsewhere"))["priority"] == 1
    await alice.call("container.finish", "running", term, exit_code=143, cancelled=True)


async def test_what_went_into_the_trash_while_the_service_was_away_ends_at_its_start() -> None:
    store, trash = MemoryRecordStore(), Trash()
    first, second = ServiceHarness(), ServiceHarness()
    await first.start(store)
    await create(first.peer(), "c")
    await first.close()
    trash.objects.add("c")
    await second.start(store, Permissions(is_hidden=trash.is_hidden))
    await eventually(lambda: is_in(second.peer(), "c", "Cancelled"))
    await second.close()


# ---- rights


async def test_who_may_do_what(guarded: ServiceHarness) -> None:
    rights = guarded.rights
    writer, dispatcher = guarded.peer("writer"), guarded.peer("dispatcher")
    assert await refused(writer, "create", ["true"], id="c") == "not_authorized"
    rights.grant("writer", "write", "c")
    await create(writer, "c")
    assert await take(writer) == []
    assert await refused(writer, "lock", "c", "d1") == "not_authorized"
    rights.grant("dispatcher", "manage", "c")
    ((_, term),) = await take(dispatcher)
    assert await refused(dispatcher, "cancel", "c") == "not_authorized"
    await writer.call("container.cancel", "c")
    guarded.revoke("dispatcher", "manage", "c")
    assert (await dispatcher.call("container.unlock", "c", term))["state"] == "Cancelled"


async def test_a_hidden_container_is_as_one_that_is_not_there(guarded: ServiceHarness) -> None:
    guarded.rights.grant("writer", "write", "c")
    await create(guarded.peer("writer"), "c")
    stranger = guarded.peer("stranger")
    calls: list[tuple[str, list[Any]]] = [("lock", ["d1"]), ("start", [1]), ("cancel", []), ("set_priority", [1])]
    for name, args in calls:
        errors = []
        for id_ in ("c", "nothing"):
            with pytest.raises(CallError) as caught:
                await stranger.call(f"container.{name}", id_, *args)
            errors.append((caught.value.uri, str(caught.value).replace(f"'{id_}'", "ID")))
        assert errors[0] == errors[1]


async def test_what_is_behind_many_that_may_not_be_had_is_found(
    guarded: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_records.dispatch.taking.LOOKED_AT_ONCE", 3)
    guarded.rights.grant("writer", "write", "hidden")
    guarded.rights.grant("writer", "write", "mine")
    guarded.rights.grant("dispatcher", "manage", "mine")
    for number in range(10):
        await create(guarded.peer("writer"), f"hidden-{number}", object="hidden", priority=9)
    for number in range(5):
        await create(guarded.peer("writer"), f"mine-{number}", object="mine", constraints={"vcpus": 1})
    dispatcher = guarded.peer("dispatcher")
    assert [id_ for id_, _ in await take(dispatcher, 9, constraints={"vcpus": 2})] == ["mine-0", "mine-1"]
    assert [id_ for id_, _ in await take(dispatcher, 2)] == ["mine-2", "mine-3"]
    assert [id_ for id_, _ in await take(dispatcher, 9)] == ["mine-4"]
