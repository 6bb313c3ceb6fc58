"""What one record comes to: the well-known, the broken and the odd."""

from __future__ import annotations

import pytest

from fairlead_authz.arvados.picture import Link, Thing
from fairlead_authz.arvados.report import Problem, Report
from fairlead_authz.changes import MAX_NAME
from fairlead_authz.model.levels import LOGIN, WRITE
from support.arvados_records import (
    ANONYMOUS,
    EVERYBODY,
    LONG_AGO,
    PUBLIC,
    ROOT,
    Listed,
    collection,
    link,
    project,
    role,
    user,
    uuid,
)
from unit.authz.arvados.cluster import Here, bring, placed

ANN, BEN = uuid("tpzed", "ann"), uuid("tpzed", "ben")
LAB, STAFF, DATA = uuid("j7d0g", "lab"), uuid("j7d0g", "staff"), uuid("4zz18", "data")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (user("x", is_admin="yes"), Problem.UNREADABLE),
        (user("x", uuid="zzzzz-tpzed-SHOUTING0000000"), Problem.ODD_UUID),
        (user("x", uuid=uuid("tpzed", "x", "yyyyy")), Problem.FOREIGN),
        (user("x", owner_uuid=ANN), Problem.OWNED_USER),
        (project("x", ROOT, group_class=None), Problem.NO_CLASS),
        (project("x", uuid("j7d0g", "gone")), Problem.NO_OWNER),
        (project("x", STAFF), Problem.NO_OWNER),
        (collection("x", ANONYMOUS), Problem.NO_OWNER),
        (project("x", uuid("j7d0g", "x")), Problem.CYCLE),
        (project("x", ANN, name="n" * (MAX_NAME + 1)), Problem.ODD_NAME),
        (project("x", ANN, name="\0"), Problem.ODD_NAME),
        (collection("x", ANN, trash_at="soon"), Problem.ODD_TIME),
        ({"uuid": uuid("xvhdp", "x"), "owner_uuid": ANN, "container_uuid": uuid("dz642", "x")}, Problem.NO_CONTAINER),
        ({"uuid": uuid("57u5n", "x"), "owner_uuid": ANN, "object_uuid": uuid("4zz18", "gone")}, Problem.NO_SUBJECT),
        (link("x", ANN, "can_fly", DATA), Problem.ODD_LINK),
        (link("x", uuid("tpzed", "gone"), "can_read", DATA), Problem.NO_TAIL),
        (link("x", ANN, "can_read", uuid("4zz18", "gone")), Problem.NO_HEAD),
        (link("x", ANN, "can_manage", ROOT), Problem.NO_HEAD),
        (link("x", LAB, "can_read", DATA), Problem.BAD_TAIL),
    ],
    ids=lambda value: value.name if isinstance(value, Problem) else "",
)
async def test_what_is_broken_is_reported_and_gives_nobody_a_right(record: Listed, problem: Problem) -> None:
    whole = [user("ann"), project("lab", ANN), role("staff"), collection("data", ANN)]
    here, report = Here(), Report()
    await bring(here, [*whole, record], report)
    assert report.counts == {problem: 1}
    world = here.world()
    own = {ANN, LAB, STAFF, DATA, record["uuid"]}
    reached = {id_ for id_ in world.nodes if id_.startswith("zzzzz") and world.can(ANN, 1, id_)}
    owner_counts = problem in (Problem.ODD_NAME, Problem.NO_CONTAINER)
    assert reached == (own if owner_counts else own - {record["uuid"]})


async def test_every_clusters_own_become_ours() -> None:
    placement = await placed([user("ann"), collection("data", ANN), link(1, EVERYBODY, "can_read", DATA)])
    links = placement.all(Report()).links
    assert links == {Link("all-users", DATA)}
    assert {placement.thing(each) for each in (ROOT, EVERYBODY, ANONYMOUS, PUBLIC)} == {None}


async def test_links_between_every_clusters_own_are_every_servers_already() -> None:
    placement = await placed([link(1, EVERYBODY, "can_read", PUBLIC), link(2, ROOT, "can_manage", DATA)])
    assert placement.all(Report()).links == set()


async def test_of_several_links_the_best_level_counts_and_the_login_beside_it() -> None:
    report = Report()
    links = [link(number, ANN, name, DATA) for number, name in enumerate(["can_read", "can_write", "can_login"])]
    placement = await placed([user("ann"), collection("data", ROOT), *links])
    assert placement.granted(Link(ANN, DATA)) == WRITE | LOGIN
    assert placement.all(report).links == {Link(ANN, DATA)}
    assert report.counts == {Problem.DUPLICATE: 1}


async def test_a_trashed_role_passes_nothing_on() -> None:
    trashed = role("staff", is_trashed=True, trash_at=LONG_AGO)
    placement = await placed([trashed, collection("data", ROOT), link(1, STAFF, "can_read", DATA)])
    assert placement.granted(Link(STAFF, DATA)) == 0


async def test_the_earliest_time_counts_for_the_trash_and_trash_without_a_time_is_trash() -> None:
    early, late = "2026-11-26T16:00:00.123456789Z", "2026-11-27T00:00:00Z"
    placement = await placed(
        [
            collection("data", ROOT, trash_at=late, delete_at=early),
            collection("other", ROOT, is_trashed=True),
        ]
    )
    assert thing(placement.thing(DATA)).trash_at_us == 1_795_708_800_123_456
    assert thing(placement.thing(uuid("4zz18", "other"))).trash_at_us is not None


async def test_former_versions_of_a_collection_are_left_out() -> None:
    placement = await placed([collection("old", ROOT, current_version_uuid=DATA)])
    assert placement.thing(uuid("4zz18", "old")) is None


async def test_a_user_is_called_by_its_name_else_its_username() -> None:
    placement = await placed([user("ann", first_name="Ann", last_name="Bell"), user("ben", username="ben")])
    assert [thing(placement.thing(each)).name for each in (ANN, BEN)] == ["Ann Bell", "ben"]


def thing(found: Thing | None) -> Thing:
    assert found is not None
    return found
