"""Containers in bad hands and on bad days: nothing that one may ask for keeps others, or an end, from going through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_records import MemoryRecordStore, Permissions
from fairlead_records.dispatch.arguments import OUTPUT_LIMIT_BYTES, SPEC_LIMIT_BYTES, STATUS_LIMIT_BYTES
from fairlead_router import CallError
from fairlead_store import StoreError
from support.waiting import eventually
from unit.records.dispatch.steps import Trash, create, is_in, refused, request, run, state_of, take
from unit.records.fakes import Peer, ServiceHarness


@pytest.mark.parametrize("state", ["Queued", "Locked", "Running"])
async def test_what_is_as_large_as_may_be_can_be_locked_ended_and_cancelled(alice: Peer, state: str) -> None:
    await create(alice, "other")
    await alice.call("container.create", ["x" * (SPEC_LIMIT_BYTES - 100)], id="c", name="n", priority=9)
    if state != "Queued":
        term = (await take(alice, 2, "d" * 128))[0][1]
        await alice.call("container.progress", "c", term, runtime_status={"x": "y" * (STATUS_LIMIT_BYTES - 9)})
    if state == "Running":
        await alice.call("container.start", "c", term, log="l" * 128)
    await alice.call("container.cancel", "c", reason="\x01" * 1_000)
    if state != "Queued":
        output = "z" * (OUTPUT_LIMIT_BYTES - 2)
        end = {"output": output, "reason": "\x01" * 1_000, "exit_code": 1}
        await alice.call("container.finish", "c", term, cancelled=True, **end)
    assert (await state_of(alice, "c"))["state"] == "Cancelled"


@pytest.mark.parametrize(
    ("name", "args", "options", "text"),
    [
        ("create", [["x" * SPEC_LIMIT_BYTES]], {}, "what is to be run .* has"),
        ("progress", ["c", 1], {"runtime_status": {"x": "y" * STATUS_LIMIT_BYTES}}, "runtime_status has"),
        ("finish", ["c", 1], {"exit_code": 0, "output": "z" * OUTPUT_LIMIT_BYTES}, "output has"),
    ],
    ids=["create", "progress", "finish"],
)
async def test_a_part_that_would_leave_no_room_is_refused(
    alice: Peer, name: str, args: list[Any], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(CallError, match=text):
        await alice.call(f"container.{name}", *args, **options)


async def test_one_take_answers_with_no_more_than_a_message_holds(alice: Peer) -> None:
    for number in range(10):
        await alice.call("container.create", ["x" * 30_000], id=f"c{number}")
    answers = [await alice.call("container.take", 10, "d1") for _ in range(2)]
    assert [(len(each["containers"]), each["more"]) for each in answers] == [(7, True), (3, False)]


async def test_who_asked_for_no_more_is_not_told_of_more(alice: Peer) -> None:
    for id_ in ("a", "b"):
        await create(alice, id_)
    answers = [await alice.call("container.take", 1, "d1") for _ in range(3)]
    assert [(len(each["containers"]), each["more"]) for each in answers] == [(1, False), (1, False), (0, False)]


async def test_a_priority_that_comes_from_requests_is_set_by_them_alone(alice: Peer) -> None:
    await request(alice, "r", priority=3)
    assert await refused(alice, "set_priority", "r-1", 9) == "wrong_state"
    await alice.call("container.set_priority", "r", 9)
    assert (await state_of(alice, "r-1"))["priority"] == 9


async def test_a_container_that_nobody_requested_is_not_shared_while_it_waits(alice: Peer) -> None:
    """Else whoever may read it could end it: by a request for the same, and its cancelling."""
    await create(alice, "mine", priority=9)
    assert (await request(alice, "r", reuse=True))["container"] == "r-1"
    term = await run(alice, "mine")
    await alice.call("container.finish", "mine", term, exit_code=0)
    assert (await request(alice, "s", reuse=True))["container"] == "mine"


async def test_requests_of_the_same_group_share_a_container(alice: Peer) -> None:
    answers = await asyncio.gather(*(request(alice, f"r{number}", reuse=True) for number in range(20)))
    assert {answer["container"] for answer in answers} == {"r0-1"}


@pytest.mark.parametrize("gives_up", ["unlock", "lapse"])
async def test_a_locked_container_that_nobody_wants_any_more_ends_when_it_is_given_back(
    alice: Peer, gives_up: str
) -> None:
    await request(alice, "r")
    ((_, term),) = await take(alice, lease_s=1)
    await alice.call("container.cancel", "r")
    assert (await state_of(alice, "r-1"))["state"] == "Locked"
    if gives_up == "unlock":
        await alice.call("container.unlock", "r-1", term)
    await eventually(lambda: is_in(alice, "r-1", "Cancelled"))
    assert (await state_of(alice, "r"))["state"] == "Final"


async def test_an_id_that_somebody_has_taken_does_not_keep_a_request_from_its_next_attempt(alice: Peer) -> None:
    await request(alice, "r", attempts=2)
    await alice.put("r-2")
    term = await run(alice, "r-1")
    await alice.call("container.finish", "r-1", term, cancelled=True)
    ((next_one, _),) = await take(alice)
    assert (await state_of(alice, "r"))["container"] == next_one != "r-2"


async def test_where_there_is_no_room_for_another_attempt_the_end_is_the_end(
    alice: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await request(alice, "r", attempts=2)
    term = await run(alice, "r-1")
    monkeypatch.setattr("fairlead_records.model.draft.RECORDS_LIMIT", 2)
    await alice.call("container.finish", "r-1", term, cancelled=True, reason="gone")
    assert (await state_of(alice, "r"))["state"] == "Final"


async def test_an_id_that_leaves_no_room_for_its_containers_is_refused(alice: Peer) -> None:
    assert await refused(alice, "request", ["true"], id="r" * 127) == "invalid_argument"


async def test_a_cancel_goes_through_however_deep_itis_in(alice: Peer) -> None:
    await request(alice, "r0", priority=5)
    for number in range(1, 400):
        await request(alice, f"r{number}", parent=f"r{number - 1}-1")
    await alice.call("container.cancel", "r0")
    assert (await state_of(alice, "r399-1"))["state"] == "Cancelled"
    assert (await state_of(alice, "r399"))["state"] == "Final"


async def test_a_container_asks_for_a_bounded_number(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead_records.dispatch.requests.REQUESTS_LIMIT", 2)
    await request(alice, "r")
    for id_ in ("a", "b"):
        await request(alice, id_, parent="r-1")
    assert await refused(alice, "request", ["true"], parent="r-1") == "limit_exceeded"
    await alice.call("container.cancel", "a")
    await request(alice, "c", parent="r-1")


# ---- the trash


async def test_what_a_container_in_the_trash_has_asked_for_ends_too(trashing: ServiceHarness, trash: Trash) -> None:
    alice = trashing.peer()
    await create(alice, "parent", object="p")
    await run(alice, "parent")
    await request(alice, "child", parent="parent", object="elsewhere")
    trash.objects.add("p")
    trashing.realm.gate.revoke(objects=["p"])
    await eventually(lambda: is_in(alice, "child-1", "Cancelled"))


async def test_a_request_that_leaves_the_trash_gives_its_priority_again(trashing: ServiceHarness, trash: Trash) -> None:
    alice = trashing.peer()
    await request(alice, "low", priority=1)
    await request(alice, "high", priority=9, reuse=True, object="p")

    trash.objects.add("p")
    trashing.realm.gate.revoke(objects=["p"])
    await eventually(lambda: _has_priority(alice, "low-1", 1))
    trash.objects.discard("p")
    trashing.realm.gate.revoke(objects=["p"])
    await eventually(lambda: _has_priority(alice, "low-1", 9))


async def _has_priority(peer: Peer, id_: str, priority: int) -> bool:
    return bool((await state_of(peer, id_))["priority"] == priority)


async def test_what_went_into_the_trash_while_it_was_written_ends(trashing: ServiceHarness, trash: Trash) -> None:
    alice = trashing.peer()
    creating = asyncio.ensure_future(create(alice, "c"))
    await asyncio.sleep(0)
    trash.objects.add("c")
    trashing.realm.gate.revoke(objects=["c"])
    await creating
    await eventually(lambda: is_in(alice, "c", "Cancelled"))


async def test_an_end_by_the_trash_that_the_store_does_not_take_is_tried_again(trash: Trash) -> None:
    store, harness = MemoryRecordStore(), ServiceHarness()
    await harness.start(store, Permissions(is_hidden=trash.is_hidden))
    await create(harness.peer(), "c")
    store.fail_next = StoreError("the disk is full")
    trash.objects.add("c")
    harness.realm.gate.revoke(objects=["c"])
    await eventually(lambda: is_in(harness.peer(), "c", "Cancelled"))
    await harness.close()


# ---- room


async def test_what_has_ended_may_be_deleted_and_nothing_else(alice: Peer) -> None:
    await request(alice, "r")
    term = await run(alice, "r-1")
    for id_ in ("r", "r-1"):
        with pytest.raises(CallError, match="are changed by"):
            await alice.call("record.delete", id_)
    await alice.call("container.finish", "r-1", term, exit_code=0)
    for id_ in ("r-1", "r"):
        await alice.call("record.delete", id_)
    assert (await request(alice, "r", reuse=True))["container"] == "r-1"
    [(id_, later)] = await take(alice)
    assert (id_, later > term) == ("r-1", True)  # so that nobody who had the first one can speak of this
