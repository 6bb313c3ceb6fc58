"""What is not Arvados', what cannot be as Arvados has it, and lists that are not too long."""

from __future__ import annotations

from typing import Any

from fairlead_authz.arvados.batches import MAX_BATCH_BYTES, MAX_BATCH_CHANGES
from fairlead_authz.arvados.report import Problem, Report
from fairlead_authz.arvados.sync import Sync
from support.arvados_records import ROOT, collection, link, project, role, user, uuid
from unit.authz.arvados.cluster import Here, bring, placed

ANN, BEN = uuid("tpzed", "ann"), uuid("tpzed", "ben")
LAB, STAFF, DATA = uuid("j7d0g", "lab"), uuid("j7d0g", "staff"), uuid("4zz18", "data")
CLUSTER = [user("ann"), project("lab", ANN), collection("data", LAB)]


async def test_what_is_local_stays_with_its_links() -> None:
    here = Here()
    await bring(here, CLUSTER)
    await here.take(
        {"op": "put", "kind": "user", "id": "carol"},
        {"op": "put", "kind": "project", "id": "ours", "owner": "carol"},
        {"op": "grant", "user": "carol", "level": "read", "object": LAB},
        {"op": "grant", "user": ANN, "level": "write", "object": "ours"},
    )
    assert (await bring(here, CLUSTER)).batches == []
    await bring(here, [user("ann")])
    world = here.world()
    assert {"carol", "ours"} <= world.nodes.keys()
    assert world.can(ANN, 2, "ours")


async def test_a_grant_between_two_of_the_clusters_is_taken_back() -> None:
    here = Here()
    await bring(here, [*CLUSTER, user("ben")])
    await here.take({"op": "grant", "user": BEN, "level": "manage", "object": LAB})
    plan = await bring(here, [*CLUSTER, user("ben")])
    assert plan.batches == [[{"op": "revoke", "user": BEN, "level": "read", "object": LAB}]]


async def test_who_imports_does_not_manage_the_roles_that_it_makes() -> None:
    here = Here()
    await bring(here, [role("staff")])
    assert here.graph.links_to(STAFF) == {}


async def test_what_is_gone_but_owns_something_local_is_kept_for_administrators() -> None:
    here, report = Here(), Report()
    await bring(here, [*CLUSTER, user("ben"), link(1, BEN, "can_read", LAB)])
    await here.take({"op": "put", "kind": "object", "id": "log-1", "owner": LAB})
    await bring(here, [user("ann"), user("ben")], report)
    world = here.world()
    assert report.counts == {Problem.KEPT: 1}
    assert world.nodes["log-1"].owner == LAB
    assert not any(world.can(each, 1, "log-1") for each in (ANN, BEN))
    assert (await bring(here, [user("ann"), user("ben")])).batches == []


async def test_a_log_that_was_here_before_its_request_becomes_the_request() -> None:
    request = uuid("xvhdp", "request")
    here = Here()
    await here.take({"op": "put", "kind": "object", "id": request, "owner": "admin"})
    await bring(here, [*CLUSTER, {"uuid": request, "owner_uuid": LAB}, user("ben"), link(1, BEN, "can_read", request)])
    assert here.graph.nodes[request].kind == "container_request"
    assert here.world().can(BEN, 1, request)


async def test_a_role_cannot_become_a_project_and_gives_nothing_new() -> None:
    here, report = Here(), Report()
    await bring(here, [user("ann"), role("staff")])
    await bring(here, [user("ann"), project("staff", ANN), collection("data", STAFF)], report)
    assert report.counts == {Problem.CHANGED_CLASS: 1}
    assert not here.world().can(ANN, 2, DATA)


async def test_a_log_row_comes_after_the_request_that_it_is_about() -> None:
    container, request, row = uuid("dz642", "c"), uuid("xvhdp", "request"), uuid("57u5n", "row")
    here = Here()
    await bring(
        here,
        [
            *CLUSTER,
            {"uuid": container, "owner_uuid": ROOT, "state": "Running"},
            {"uuid": request, "owner_uuid": LAB, "container_uuid": container},
            {"uuid": row, "owner_uuid": ROOT, "object_uuid": request},
        ],
    )
    assert here.graph.nodes[row].about == request
    assert here.world().can(ANN, 1, row)


async def test_a_container_stays_in_its_last_state() -> None:
    container = {"uuid": uuid("dz642", "c"), "owner_uuid": ROOT}
    here = Here()
    await bring(here, [{**container, "state": "Complete"}])
    assert (await bring(here, [{**container, "state": "Running"}])).batches == []


async def test_lists_without_their_types_are_left_as_they_are() -> None:
    here = Here()
    await bring(here, CLUSTER)
    sync = Sync(here, await placed([user("ann"), project("lab", ANN)], types=("tpzed", "j7d0g", "o0j2j")))
    await sync.read()
    assert sync.plan_all(Report()).batches == []


async def test_into_a_frozen_project_goes_what_belongs_there_and_it_stays_frozen() -> None:
    inner = uuid("j7d0g", "inner")
    here = Here()
    frozen = [user("ann"), project("lab", ANN, frozen_by_uuid=ANN), project("inner", LAB, frozen_by_uuid=ANN)]
    await bring(here, frozen)
    await bring(here, [*frozen, collection("data", inner), project("deeper", inner)], max_changes=2)
    for state in here.states:
        assert state.nodes[LAB].frozen_by
        assert state.nodes[inner].frozen_by
    assert here.graph.nodes[DATA].owner == inner


async def test_lists_are_not_too_long() -> None:
    here = Here()
    plan = await bring(here, [user("ann"), *(collection(f"c{number}", ANN, name="n" * 900) for number in range(3000))])
    assert len(plan.batches) > 3
    for batch in plan.batches:
        assert len(batch) <= MAX_BATCH_CHANGES
        assert sum(map(size, batch)) <= MAX_BATCH_BYTES * 1.1


def size(change: dict[str, Any]) -> int:
    return len(str(change))
