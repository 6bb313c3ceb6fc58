"""Events, one by one and cut short: after each the server is as one that compared everything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings

from fairlead_authz.arvados.events import Event, decode_event
from fairlead_authz.arvados.following import Follower
from fairlead_authz.arvados.records import Record
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.uuids import ListKind
from support.arvados_records import NOW_US, Listed, collection, link, user, uuid
from unit.authz.arvados.cluster import Here, Lists, bring
from unit.authz.arvados.test_sync import clusters, contents


class Cluster(Lists):
    """Records that change, and that can be asked for one by one."""

    async def look_up(self, kind: ListKind, uuids: Sequence[str], report: Report) -> list[Record]:
        return [each for each in await self.records(kind, report) if each.uuid in uuids]

    def put(self, record: Listed) -> None:
        self.remove(record["uuid"])
        self.listed.append(record)

    def remove(self, uuid_: str) -> None:
        self.listed = [each for each in self.listed if each["uuid"] != uuid_]


def touched(uuid_: str) -> Event:
    return Event(object_uuid=uuid_, event_type="update")


async def follow(before: list[Listed], after: list[Listed]) -> tuple[Here, Here]:
    """From one state to the other by an event for each record; and a server that is brought there at once."""
    here, anew, source = Here(), Here(), Cluster(before)
    follower = Follower(here, source, None, lambda: NOW_US)
    await follower.resync(Report())
    wanted = {each["uuid"]: each for each in after}
    for uuid_ in sorted({each["uuid"] for each in before} | wanted.keys()):
        if uuid_ in wanted:
            source.put(wanted[uuid_])
        else:
            source.remove(uuid_)
        await follower.take([touched(uuid_)], Report())
    await bring(anew, after)
    return here, anew


@settings(max_examples=60, deadline=None)
@given(clusters, clusters)
def test_one_record_after_the_other_comes_to_the_same_as_everything_at_once(
    before: list[Listed], after: list[Listed]
) -> None:
    here, anew = asyncio.run(follow(before, after))
    assert contents(here) == contents(anew)


async def test_an_event_about_what_is_gone_removes_it_whatever_its_type_says() -> None:
    data, ann = uuid("4zz18", "data"), uuid("tpzed", "ann")
    here, source = Here(), Cluster([user("ann"), collection("data", ann)])
    follower = Follower(here, source, None, lambda: NOW_US)
    await follower.resync(Report())
    source.remove(data)
    plan = await follower.take([touched(data), touched(data)], Report())
    assert plan.batches == [[{"op": "delete", "id": data}]]


async def test_a_stale_event_gives_nothing_back() -> None:
    data, ann = uuid("4zz18", "data"), uuid("tpzed", "ann")
    shared = link(1, ann, "can_read", data)
    here, source = Here(), Cluster([user("ann"), collection("data", uuid("tpzed", "gone"))])
    follower = Follower(here, source, None, lambda: NOW_US)
    await follower.resync(Report())
    told = Event(1, shared["uuid"], "create", {"new_attributes": shared})
    assert (await follower.take([told], Report())).batches == []


def test_what_is_no_event_is_none() -> None:
    for text in (b"", b"{", b"[]", b"{}", b'{"status": 200}', b'{"id": "x"}', b"\xff", b"[" * 100_000):
        assert decode_event(text) is None


def test_an_event_about_something_else_touches_nothing() -> None:
    for event_type, uuid_ in (("stderr", uuid("dz642", "c")), ("update", uuid("gj3su", "token")), ("update", "x")):
        assert Event(1, uuid_, event_type).touched is None


def test_an_events_attributes_are_a_record_only_if_they_are_whole() -> None:
    uuid_ = uuid("4zz18", "data")
    whole = {
        "uuid": uuid_,
        "owner_uuid": None,
        "name": "data",
        "is_trashed": False,
        "trash_at": None,
        "delete_at": None,
        "current_version_uuid": uuid_,
    }
    assert Event(1, uuid_, "update", {"new_attributes": whole}).record == Record(
        uuid_, name="data", is_trashed=False, current_version_uuid=uuid_
    )
    del whole["owner_uuid"]
    assert Event(1, uuid_, "update", {"new_attributes": whole}).record is None
