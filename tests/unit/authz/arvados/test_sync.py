"""Random clusters, whole and broken: what is here afterwards is what they say, and on the way nobody sees more."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_authz.model.graph import SYSTEM, Graph, Node
from support.arvados_records import (
    ANONYMOUS,
    CLUSTER,
    EVERYBODY,
    IN_THE_FUTURE,
    LONG_AGO,
    NOW_US,
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
from unit.authz.arvados.cluster import Here, bring
from unit.authz.oracle import World

USERS = [uuid("tpzed", name) for name in ("ann", "ben", "eve")]
ROLES = [uuid("j7d0g", name) for name in ("red", "blue")]
PROJECTS = [uuid("j7d0g", name) for name in ("p", "q", "s")]
FILTER = uuid("j7d0g", "filter")
COLLECTIONS = [uuid("4zz18", name) for name in ("c", "d")]
REQUEST, CONTAINER, ROW = uuid("xvhdp", "request"), uuid("dz642", "container"), uuid("57u5n", "row")
NOWHERE: list[Any] = [uuid("j7d0g", "nowhere"), uuid("tpzed", "stranger", "yyyyy"), "", None]

LEVELS = {"can_read": 1, "can_login": 1, "can_write": 2, "can_manage": 3}
OWN: dict[Any, Any] = {ROOT: "system", EVERYBODY: "all-users", ANONYMOUS: "anonymous", PUBLIC: "anonymous-users"}

owners = st.sampled_from([*USERS, *PROJECTS, *PROJECTS, *ROLES, ROOT, *NOWHERE])
trash: st.SearchStrategy[Listed] = st.sampled_from(
    [{}, {}, {"trash_at": LONG_AGO, "is_trashed": True}, {"trash_at": IN_THE_FUTURE}]
)
heads = st.sampled_from([*USERS, *ROLES, *PROJECTS, *COLLECTIONS, FILTER, REQUEST, CONTAINER, EVERYBODY, *NOWHERE])
tails = st.sampled_from([*USERS, *USERS, *ROLES, *ROLES, EVERYBODY, ANONYMOUS, PUBLIC, PROJECTS[0], *NOWHERE])


def _maybe(record: st.SearchStrategy[Listed]) -> st.SearchStrategy[list[Listed]]:
    return st.lists(record, max_size=1)


def _listed(maker: Any, uuid_: str, *args: Any, **attributes: Any) -> st.SearchStrategy[list[Listed]]:
    return _maybe(st.builds(lambda *given, **more: {**maker("x", *given), **more, "uuid": uuid_}, *args, **attributes))


def _with(record: st.SearchStrategy[list[Listed]], more: st.SearchStrategy[Listed]) -> st.SearchStrategy[list[Listed]]:
    return st.builds(lambda listed, extra: [{**each, **extra} for each in listed], record, more)


clusters = st.builds(
    lambda *lists: [record for listed in lists for record in listed],
    *(_listed(user, each, is_admin=st.sampled_from([False, False, True]), is_active=st.booleans()) for each in USERS),
    *(_with(_listed(role, each), trash) for each in ROLES),
    *(
        _with(_listed(project, each, owners, frozen_by_uuid=st.sampled_from([None, None, USERS[0]])), trash)
        for each in PROJECTS
    ),
    _listed(project, FILTER, owners, group_class=st.just("filter")),
    *(_with(_listed(collection, each, owners), trash) for each in COLLECTIONS),
    _listed(collection, REQUEST, owners, container_uuid=st.sampled_from([CONTAINER, None])),
    _listed(collection, CONTAINER, owners, state=st.sampled_from(["Queued", "odd", None])),
    _listed(collection, ROW, owners, object_uuid=st.sampled_from([COLLECTIONS[0], REQUEST, CONTAINER, None])),
    st.lists(st.tuples(tails, st.sampled_from([*LEVELS, "odd"]), heads), max_size=12).map(
        lambda links: [link(number, tail, name, head) for number, (tail, name, head) in enumerate(links)]
    ),
)


def expected(listed: list[Listed]) -> Graph:
    """What the records mean, by the rules, without the import's code."""
    graph = Here().graph
    records = {each["uuid"]: each for each in listed}
    for each in listed:
        if "link_class" not in each and _is_placed(each, records):
            graph.put(_node(each, records))
    for each in listed:
        if each.get("name") in LEVELS and "link_class" in each:
            tail, head = (OWN[each[end]] if each[end] in OWN else each[end] for end in ("tail_uuid", "head_uuid"))
            tail_node, head_node = graph.node(tail), graph.node(head)
            if tail_node is None or head_node is None or tail == head or not {tail, head} & records.keys():
                continue
            is_trashed_role = tail_node.trash_at_us is not None and tail_node.trash_at_us <= NOW_US
            if (
                tail_node.kind in ("user", "role")
                and head_node.kind not in ("container", "log")
                and not is_trashed_role
            ):
                graph.link(tail, head, max(LEVELS[each["name"]], graph.link_level(tail, head)))
    return graph


def _is_placed(record: Listed, records: dict[str, Listed]) -> bool:
    return record["uuid"] != ROW or record["object_uuid"] in records


def _node(record: Listed, records: dict[str, Listed]) -> Node:
    uuid_, owner = record["uuid"], record["owner_uuid"]
    kinds = {"tpzed": "user", "4zz18": "collection", "xvhdp": "container_request", "dz642": "container", "57u5n": "log"}
    kind: Any = record.get("group_class") or kinds[uuid_[6:11]]
    can_own = owner in records and (owner in USERS or owner in PROJECTS)
    if not can_own or kind in ("user", "role", "container", "log") or _is_in_cycle(uuid_, records):
        owner = SYSTEM
    about = record.get("container_uuid") or record.get("object_uuid")
    at = {None: None, LONG_AGO: 1, IN_THE_FUTURE: None}[record.get("trash_at")]
    return Node(
        uuid_,
        kind,
        owner,
        is_admin=record.get("is_admin", False),
        is_active=record.get("is_active", True),
        trash_at_us=at,
        frozen_by=record.get("frozen_by_uuid"),
        about=about if about in records else None,
    )


def _is_in_cycle(uuid_: str, records: dict[str, Listed]) -> bool:
    above: str | None = uuid_
    for _ in records:
        above = records[above]["owner_uuid"] if above in records else None
        if above == uuid_:
            return True
    return False


def rights(world: World) -> set[tuple[str, int, str]]:
    """Who may do what to the cluster's."""
    return {
        (user_, level, id_)
        for user_ in [*USERS, "anonymous"]
        if user_ in world.nodes
        for id_ in world.nodes
        if id_.startswith(CLUSTER)
        for level in (1, 2, 3)
        if world.can(user_, level, id_)
    }


def contents(here: Here) -> tuple[Any, Any]:
    world = here.world()
    return world.nodes, world.links


@settings(max_examples=40, deadline=None)
@given(clusters)
def test_rights_are_what_the_records_say(listed: list[Listed]) -> None:
    here = Here()
    asyncio.run(bring(here, listed))
    assert rights(here.world()) == rights(World(expected(listed), NOW_US))


@settings(max_examples=40, deadline=None)
@given(clusters, clusters)
def test_a_later_import_comes_to_the_same_as_one_from_nothing(before: list[Listed], after: list[Listed]) -> None:
    here, anew = Here(), Here()
    asyncio.run(bring(here, before))
    asyncio.run(bring(here, after))
    asyncio.run(bring(anew, after))
    assert contents(here) == contents(anew)
    assert asyncio.run(bring(here, after)).batches == [], "the same again changes nothing"


@settings(max_examples=100, deadline=None)
@given(clusters, clusters, st.integers(1, 6))
def test_between_the_lists_nobody_has_a_right_of_neither_before_nor_after(
    before: list[Listed], after: list[Listed], max_changes: int
) -> None:
    """But administrators, who reach what is parked."""
    here = Here()
    asyncio.run(bring(here, before))
    allowed = rights(here.world())
    here.states.clear()
    asyncio.run(bring(here, after, max_changes=max_changes))
    allowed |= rights(here.world())
    admins = {each["uuid"] for each in [*before, *after] if each.get("is_admin")}
    for state in here.states:
        assert {right for right in rights(state) if right[0] not in admins} <= allowed
