"""`put`, `patch`, `delete`, `batch`: results, rights, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_records import MemoryRecordStore, Permissions
from fairlead_records.model import draft as draft_module
from fairlead_router import CallError, NotAuthorized, Principal
from support.rights import Rights
from unit.records.fakes import Peer, ServiceHarness


async def test_put_makes_a_record_and_then_its_next_versions(alice: Peer) -> None:
    assert await alice.call("record.put", "r", {"n": 1}, kind="job") == {"id": "r", "version": 1, "created": True}
    assert await alice.call("record.put", "r", {"n": 2}) == {"id": "r", "version": 2, "created": False}
    record = (await alice.call("record.get", "r"))["record"]
    assert (record["owner"], record["object"], record["kind"], record["state"]) == ("alice", "r", "job", {"n": 2})


async def test_patch_merges(alice: Peer) -> None:
    await alice.put("r", {"a": 1, "b": {"c": 2}})
    assert await alice.call("record.patch", "r", {"a": None, "b": {"d": 3}}) == {"id": "r", "version": 2}
    assert (await alice.call("record.get", "r"))["record"]["state"] == {"b": {"c": 2, "d": 3}}


async def test_delete_answers_with_what_was_there(alice: Peer) -> None:
    await alice.put("r", {"n": 1})
    assert await alice.call("record.delete", "r") == {"id": "r", "version": 1, "state": {"n": 1}}
    with pytest.raises(CallError, match="there is no record 'r'") as caught:
        await alice.call("record.get", "r")
    assert caught.value.uri == "fairlead.error.no_such_record"


@pytest.mark.parametrize(
    ("name", "args"), [("put", [{}]), ("patch", [{"n": 1}]), ("delete", [])], ids=["put", "patch", "delete"]
)
async def test_a_change_may_expect_a_version(alice: Peer, name: str, args: list[Any]) -> None:
    await alice.put("r")
    with pytest.raises(CallError, match="record 'r' is at version 1, not 7") as caught:
        await alice.call(f"record.{name}", "r", *args, expected=7)
    assert (caught.value.uri, caught.value.error_kwargs) == (
        "fairlead.error.version_conflict",
        {"id": "r", "version": 1},
    )
    await alice.call(f"record.{name}", "r", *args, expected=1)


async def test_expecting_nothing_makes_a_new_one_only(alice: Peer) -> None:
    assert await alice.put("r", expected=0) == 1
    with pytest.raises(CallError, match="is at version 1, not a new one"):
        await alice.put("r", expected=0)
    with pytest.raises(CallError, match="there is no record 'x', not 3"):
        await alice.put("x", expected=3)


async def test_a_batch_is_one_step(alice: Peer) -> None:
    answer = await alice.call(
        "record.batch",
        [
            {"op": "put", "id": "a", "kind": "job", "state": {"n": 1}},
            {"op": "patch", "id": "a", "patch": {"n": 2}},
            {"op": "put", "id": "b", "kind": "job", "state": {}},
            {"op": "delete", "id": "b"},
        ],
    )
    assert [result["version"] for result in answer["results"]] == [1, 2, 1, 1]
    assert [record["id"] for record in (await alice.call("record.list"))["records"]] == ["a"]


async def test_a_batch_is_all_or_nothing_and_says_what_is_wrong(alice: Peer) -> None:
    changes = [{"op": "put", "id": "a", "kind": "job", "state": {}}, {"op": "delete", "id": "x"}]
    with pytest.raises(CallError, match="there is no record 'x'") as caught:
        await alice.call("record.batch", changes)
    assert caught.value.error_kwargs == {"id": "x", "index": 1}
    assert (await alice.call("record.list"))["records"] == []


async def test_a_key_makes_a_repetition_harmless(alice: Peer) -> None:
    first = await alice.call("record.put", "r", {}, kind="job", key="k1")
    assert await alice.call("record.put", "r", {}, kind="job", key="k1") == first
    assert await alice.put("r") == 2


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "text"),
    [
        ("put", ["r", {}], {}, "record 'r' is new: say its `kind`"),
        ("put", ["r.s", {}], {"kind": "job"}, "id is 'r.s': an id has"),
        ("put", ["r", {}], {"kind": "Job"}, "kind is 'Job'"),
        ("put", ["r", {}], {"kind": "job", "owner": "a b"}, "owner is 'a b'"),
        ("put", ["r", [1]], {"kind": "job"}, "Expected `object`, got `array`"),
        ("put", ["r", {"x": "y" * 70_000}], {"kind": "job"}, "at most 65536 are kept"),
        ("put", ["there", {}], {"kind": "disk"}, "record 'there' is of kind 'job' and stays so"),
        ("batch", [[]], {}, "Expected `array` of length >= 1"),
        ("batch", [[{"op": "move", "id": "r"}]], {}, "Invalid enum value 'move'"),
        ("batch", [[{"op": "put", "id": "r"}]], {}, "a put has `state`"),
        ("batch", [[{"op": "patch", "id": "r"}]], {}, "a patch has `patch`"),
    ],
)
async def test_bad_input_is_refused_with_the_rule(
    alice: Peer, name: str, args: list[Any], kwargs: dict[str, Any], text: str
) -> None:
    await alice.put("there")
    with pytest.raises(CallError) as caught:
        await alice.call(f"record.{name}", *args, **kwargs)
    assert caught.value.uri == "wamp.error.invalid_argument"
    assert text in str(caught.value)


@pytest.mark.parametrize("kind", ["container", "container_request"])
async def test_kinds_with_rules_of_their_own_are_not_put(alice: Peer, kind: str) -> None:
    with pytest.raises(CallError, match=r"changed by fairlead\.container") as caught:
        await alice.put("c", kind=kind)
    assert caught.value.uri == "fairlead.error.reserved_kind"


# ---- rights


async def test_a_record_is_judged_by_its_object(guarded: ServiceHarness) -> None:
    alice = guarded.peer("alice")
    with pytest.raises(CallError, match="'alice' may not write record 'r', or there is no such record"):
        await alice.put("r")
    guarded.rights.grant("alice", "write", "r")
    await alice.put("r")
    with pytest.raises(CallError, match="may not read record 'r'"):
        await alice.call("record.get", "r")
    with pytest.raises(CallError, match="may not manage record 'r'"):
        await alice.call("record.delete", "r")


async def test_moving_a_record_needs_manage_and_write_where_it_goes(guarded: ServiceHarness) -> None:
    alice = guarded.peer("alice")
    guarded.rights.grant("alice", "write", "r")
    await alice.put("r")
    with pytest.raises(CallError, match="may not manage"):
        await alice.put("r", object="p")
    guarded.rights.grant("alice", "manage", "r")
    with pytest.raises(CallError, match="may not write record 'r'"):
        await alice.put("r", object="p")
    guarded.rights.grant("alice", "write", "p")
    assert await alice.put("r", object="p") == 2


async def test_a_hidden_record_is_as_one_that_is_not_there(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "r")
    await guarded.peer("alice").put("r")
    errors: list[tuple[str, str]] = []
    calls: list[tuple[str, list[Any], dict[str, Any]]] = [("get", [], {}), ("patch", [{}], {}), ("delete", [], {})]
    calls += [("put", [{}], {"expected": 7}), ("put", [{}], {"kind": "disk"}), ("patch", [{}], {"expected": 7})]
    for id_ in ("r", "nothing"):
        for name, args, kwargs in calls:
            with pytest.raises(CallError) as caught:
                await guarded.peer("bob").call(f"record.{name}", id_, *args, **kwargs)
            errors.append((caught.value.uri, str(caught.value).replace(f"'{id_}'", "ID")))
    assert errors[: len(calls)] == errors[len(calls) :]


async def test_an_unknown_object_is_made_for_a_new_record() -> None:
    made: list[tuple[str, str, str | None]] = []

    async def new_object(caller: Principal, object_id: str, owner: str | None) -> None:
        if owner == "closed":
            raise NotAuthorized("no")
        made.append((caller.authid, object_id, owner))
        harness.rights.grant(caller.authid, "write", object_id)

    harness = ServiceHarness(Rights(everybody=False))
    await harness.start(MemoryRecordStore(), Permissions(new_object))
    alice = harness.peer("alice")
    harness.rights.grant("alice", "write", "project")
    await alice.put("r", owner="project")
    await alice.put("r")
    with pytest.raises(CallError, match="no"):
        await alice.put("s", owner="closed")
    assert made == [("alice", "r", "project")]
    await harness.close()


@pytest.mark.parametrize("about", [{"expected": 3, "kind": "job"}, {"expected": 0}])
async def test_no_object_is_made_for_what_is_refused(about: dict[str, Any]) -> None:
    made: list[str] = []

    async def new_object(_caller: Principal, object_id: str, _owner: str | None) -> None:
        made.append(object_id)

    harness = ServiceHarness()
    await harness.start(MemoryRecordStore(), Permissions(new_object))
    with pytest.raises(CallError):
        await harness.peer().call("record.put", "r", {}, **about)
    assert made == []
    await harness.close()


async def test_a_new_record_of_another_owner_needs_write_there(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "write", "mine")
    with pytest.raises(CallError, match="'alice' may not write 'bob'"):
        await guarded.peer("alice").put("r", owner="bob", object="mine")


async def test_an_owner_may_have_any_name(service: ServiceHarness) -> None:
    name = 'é"\\x,"kind":"root'
    alice = service.peer(name)
    await alice.put("r")
    await alice.put("s", owner=name)
    records = (await alice.call("record.list", owner=name))["records"]
    assert [(record["owner"], record["kind"]) for record in records] == [(name, "job")] * 2


async def test_who_cannot_be_stored_is_refused_before_anybody_else_is_hit(service: ServiceHarness) -> None:
    with pytest.raises(CallError, match=r"has U\+0000"):
        await service.peer("a\0b").put("r")
    with pytest.raises(CallError, match="Expected `str` matching regex"):
        await service.peer().put("r", key="k\0")


# ---- limits


async def test_records_are_counted_also_within_a_group(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_module, "RECORDS_LIMIT", 2)
    await alice.put("a")
    changes: list[Any] = [{"op": "put", "id": id_, "kind": "job", "state": {}} for id_ in ("b", "c")]
    with pytest.raises(CallError, match=r"there are 2 records already \(records\)") as caught:
        await alice.call("record.batch", changes)
    assert caught.value.uri == "fairlead.error.limit_exceeded"
    await alice.call("record.batch", [changes[0], {"op": "delete", "id": "a"}, changes[1]])
    await alice.put("b", {"n": 1})


async def test_records_have_room_for_so_many_bytes(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    await alice.put("a", {"text": "x" * 1_000})
    monkeypatch.setattr(draft_module, "RECORDS_LIMIT_BYTES", 2_000)
    with pytest.raises(CallError, match=r"\(record_bytes\)"):
        await alice.put("b", {"text": "x" * 1_000})
    await alice.put("a", {"text": "x"})
    await alice.put("b", {"text": "x" * 1_000})


async def test_a_batch_makes_no_more_than_a_transaction_should_hold(alice: Peer) -> None:
    await alice.put("a", {"text": "x" * 60_000})
    patches = [{"op": "patch", "id": "a", "patch": {"n": number}} for number in range(80)]
    with pytest.raises(CallError, match=r"\(batch_bytes\)"):
        await alice.call("record.batch", patches)
    await alice.call("record.batch", patches[:60])


async def test_a_state_has_so_many_levels(alice: Peer) -> None:
    state: dict[str, Any] = {}
    for _ in range(31):
        state = {"a": state}
    await alice.put("r", state)
    with pytest.raises(CallError, match="state has more than 32 levels"):
        await alice.put("r", {"a": state})
    await alice.put("r", {"wide": [[] for _ in range(100)]})
