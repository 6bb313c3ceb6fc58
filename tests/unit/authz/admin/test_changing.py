"""`fairlead.authz.apply` as its callers see it: what is answered to whom, and the dry run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_authz import Grant, Put, Revoke
from fairlead_authz import dry_run as dry_run_module
from fairlead_authz.changes import MAX_CHANGES_OF_USERS
from fairlead_authz.model.closure import Closure
from fairlead_router import Call, CallError, Member, Principal
from fairlead_router.rpc.call import PENDING
from support.permissions import Site
from support.waiting import eventually

NOTHING = {"subscriptions": 0, "registrations": 0, "calls": 0, "users": 0, "sessions": 0}


def revoke(user: str, level: str, object_id: str) -> dict[str, str]:
    return {"op": "revoke", "user": user, "level": level, "object": object_id}


async def dry_run(site: Site, user: str, *changes: Mapping[str, object]) -> dict[str, int]:
    """What the changes would end, as the user is told."""
    answer = await site.ask(user, "apply", list(changes), dry_run=True)
    would_end: dict[str, int] = answer["would_end"]
    return would_end


async def listener(site: Site, user: str, topic: str = "com.app.x", match: str = "exact") -> Member:
    member = site.join(user)
    await member.subscribe(topic, lambda event: None, match)  # type: ignore[arg-type]
    return member


# ---- the answer of a change


async def test_a_change_is_made_and_has_a_revision(site: Site) -> None:
    answer = await site.ask("alice", "apply", [revoke("bob", "read", "x")])
    assert answer == {"revision": answer["revision"], "still": []}
    assert not site.authz.can("bob", "read", "x")


async def test_who_keeps_a_right_is_named_to_those_who_may_see_the_user(site: Site) -> None:
    await site.authz.apply([Grant("bob", "read", "p")])
    answer = await site.ask("alice", "apply", [revoke("bob", "read", "x")])
    assert [(each["user"], each["object"]) for each in answer["still"]] == [("bob", "x")]


async def test_anonymous_sessions_change_nothing(site: Site) -> None:
    for dry in (False, True):
        uri, text = await site.refusal("anonymous", "apply", [revoke("bob", "read", "x")], dry_run=dry)
        assert uri == "wamp.error.not_authorized"
        assert "token" in text


# ---- the dry run


async def test_a_dry_run_changes_nothing_and_ends_nothing(site: Site) -> None:
    bob = await listener(site, "bob")
    before = (site.authz.revision, site.realm.gate.moves)
    assert await dry_run(site, "dora", revoke("bob", "read", "x")) == {**NOTHING, "subscriptions": 1, "users": 1}
    assert (site.authz.revision, site.realm.gate.moves) == before
    assert site.authz.can("bob", "read", "x")
    assert (await site.ask("dora", "sessions", "bob"))["sessions"][0]["subscriptions"] == 1
    bob.leave()


async def test_what_is_kept_by_another_path_is_not_counted_and_said(site: Site) -> None:
    await site.authz.apply([Grant("bob", "read", "p")])
    await listener(site, "bob")
    answer = await site.ask("dora", "apply", [revoke("bob", "read", "x")], dry_run=True)
    assert answer["would_end"] == NOTHING
    assert [each["user"] for each in answer["still"]] == ["bob"]


async def test_revoking_and_granting_again_in_one_list_ends_nothing(site: Site) -> None:
    await listener(site, "bob")
    again = {"op": "grant", "user": "bob", "level": "read", "object": "x"}
    assert await dry_run(site, "dora", revoke("bob", "read", "x"), again) == NOTHING


async def test_a_role_taken_from_a_project_counts_each_user_and_subscription(site: Site) -> None:
    await site.authz.apply([Put("role", "staff"), Grant("staff", "read", "p")])
    await site.authz.apply([Grant(user, "read", "staff") for user in ("bob", "carol")])
    for topic in ("com.app.x", "com.app.y"):
        await listener(site, "carol", topic)
    await listener(site, "bob", "com.app.x")
    await listener(site, "bob", "com.app.y")
    await listener(site, "alice", "com.app.x")
    ended = await dry_run(site, "dora", revoke("staff", "read", "p"))
    assert ended == {**NOTHING, "subscriptions": 3, "users": 2}  # bob has a grant of his own on x


async def test_registrations_and_calls_are_counted(site: Site) -> None:
    await site.authz.apply([Grant("bob", "manage", "y")])
    bob, carol = site.join("bob"), site.join("carol")
    taken: list[Call] = []

    def endpoint(call: Call) -> object:
        taken.append(call)
        return PENDING

    await bob.register("com.app.y", endpoint)  # type: ignore[arg-type]
    await site.authz.apply([Grant("carol", "read", "y")])
    calling = asyncio.ensure_future(carol.call("com.app.y"))
    await eventually(lambda: taken)
    ended = await dry_run(site, "dora", revoke("bob", "read", "y"), revoke("carol", "read", "y"))
    assert ended == {**NOTHING, "registrations": 1, "calls": 1, "users": 2}
    taken[0].finish({})
    await calling


async def test_a_call_that_rests_on_two_rights_is_one(site: Site) -> None:
    service, taken = site.realm.join(Principal("service", "service")), list[Call]()

    def endpoint(call: Call) -> object:
        call.hold("read", "x")
        taken.append(call)
        return PENDING

    await service.register("com.app.x", endpoint)  # type: ignore[arg-type]
    calling = asyncio.ensure_future(site.join("bob").call("com.app.x"))
    await eventually(lambda: taken)
    assert await dry_run(site, "dora", revoke("bob", "read", "x")) == {**NOTHING, "calls": 1, "users": 1}
    taken[0].finish({})
    await calling


async def test_a_user_who_goes_takes_sessions_and_all_that_they_hold(site: Site) -> None:
    for _ in range(2):
        await listener(site, "bob")
    deactivate = {"op": "put", "kind": "user", "id": "bob", "is_active": False}
    assert await dry_run(site, "dora", deactivate) == {**NOTHING, "subscriptions": 2, "sessions": 2, "users": 1}


async def test_sessions_end_with_the_container_that_their_token_is_bound_to(site: Site) -> None:
    await site.authz.apply([Put("container", "c", owner="p", state="Running")])
    text = await site.authz.create_token("bob", container="c")
    bob = site.realm.join(site.authz.authenticator.principal(text))
    await bob.subscribe("com.app.x", lambda event: None)
    await listener(site, "bob")
    complete = {"op": "put", "kind": "container", "id": "c", "state": "Complete"}
    assert await dry_run(site, "dora", complete) == {**NOTHING, "subscriptions": 1, "sessions": 1, "users": 1}


async def test_a_manager_who_is_no_administrator_counts_what_rests_on_its_objects_only(site: Site) -> None:
    await site.authz.apply([Put("object", "hidden", owner="dora")])
    await site.authz.apply([Put("role", "staff"), Grant("bob", "read", "staff"), Grant("staff", "read", "hidden")])
    await site.authz.apply([Grant("alice", "manage", "staff")])
    await listener(site, "bob", "com.app.hidden")
    assert (await dry_run(site, "dora", revoke("bob", "read", "staff")))["subscriptions"] == 1
    assert await dry_run(site, "alice", revoke("bob", "read", "staff")) == NOTHING
    await listener(site, "bob")
    assert await dry_run(site, "alice", revoke("bob", "read", "x")) == {**NOTHING, "subscriptions": 1, "users": 1}


async def test_a_dry_run_is_refused_as_the_change_would_be(site: Site) -> None:
    change = [revoke("bob", "read", "x")]
    assert await site.refusal("carol", "apply", change, dry_run=True) == await site.refusal("carol", "apply", change)


CHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda op, user, level, target: {"op": op, "user": user, "level": level, "object": target},
            st.sampled_from(["grant", "revoke"]),
            st.sampled_from(["bob", "carol", "staff"]),
            st.sampled_from(["read", "write", "manage"]),
            st.sampled_from(["x", "y", "p", "q", "staff", "alice"]),
        ),
        st.builds(
            lambda node, owner: {"op": "put", "kind": "object", "id": node, "owner": owner},
            st.sampled_from(["x", "y"]),
            st.sampled_from(["p", "q", "bob"]),
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=CHANGES, changes=CHANGES)
async def test_a_dry_run_says_what_the_change_then_does(
    site: Site, before: list[object], changes: list[object]
) -> None:
    if "q" not in site.authz.graph.nodes:
        await site.authz.apply([Put("project", "q", owner="alice"), Put("role", "staff")])
    await site.ask("dora", "apply", before)
    members = [site.join(user) for user in ("alice", "bob", "carol")]
    for member in members:
        for topic in ("com.app.x", "com.app.y"):
            with suppress(CallError):
                await member.subscribe(topic, lambda event: None)
    closures = {user: site.authz._state.closures.of(user).owning for user in ("alice", "bob", "carol", "staff")}
    told = (await site.ask("dora", "apply", changes, dry_run=True))["would_end"]
    graph = site.authz.graph
    assert {user: site.authz._state.closures.of(user).owning for user in closures} == closures
    assert closures == {user: Closure(graph, user).owning for user in closures}
    revoked = site.realm.counters.subscriptions_revoked
    await site.ask("dora", "apply", changes)
    assert told == {**NOTHING, "subscriptions": told["subscriptions"], "users": told["users"]}
    assert site.realm.counters.subscriptions_revoked - revoked == told["subscriptions"]
    for member in members:
        member.leave()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([{"op": "grant", "user": "bob", "level": "own", "object": "x"}], "'own'"),
        ([{"op": "give"}], "'give'"),
        (["no dict"], "changes[0]"),
    ],
)
async def test_a_change_that_is_none_is_named(site: Site, changes: list[object], named: str) -> None:
    uri, text = await site.refusal("dora", "apply", changes)
    assert uri == "wamp.error.invalid_argument"
    assert named in text


async def test_what_a_dry_run_found_out_is_forgotten_and_the_change_itself_ends_it_all(site: Site) -> None:
    await site.authz.apply([Put("role", "staff"), Grant("staff", "read", "p"), Grant("carol", "read", "staff")])
    await listener(site, "carol", "com.app.y")
    assert (await dry_run(site, "dora", revoke("carol", "read", "staff")))["subscriptions"] == 1
    await site.authz.apply([Revoke("staff", "read", "p")])
    assert site.realm.counters.subscriptions_revoked == 1


async def test_a_dry_run_of_very_much_is_for_administrators(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is judged in one turn of the loop, in which nobody else is served."""
    monkeypatch.setattr(dry_run_module, "MAX_JUDGED", 2)
    members = [await listener(site, "bob") for _ in range(3)]
    uri, text = await site.refusal("alice", "apply", [revoke("bob", "read", "x")], dry_run=True)
    assert uri == "fairlead.error.limit_exceeded"
    assert "more than 2 " in text
    assert (await dry_run(site, "dora", revoke("bob", "read", "x")))["subscriptions"] == 3
    members.pop().leave()
    assert (await dry_run(site, "alice", revoke("bob", "read", "x")))["subscriptions"] == 2


async def test_what_others_have_that_the_asking_does_not_manage_is_not_even_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the limit would tell how much there is of it."""
    await site.authz.apply([Put("role", "crew"), Put("object", "z", owner="carol")])
    await site.authz.apply([Grant("bob", "read", "crew"), Grant("alice", "manage", "crew"), Grant("crew", "read", "z")])
    monkeypatch.setattr(dry_run_module, "MAX_JUDGED", 0)
    member = await listener(site, "bob", "com.app.z")
    assert await dry_run(site, "alice", revoke("bob", "read", "crew")) == NOTHING
    member.leave()


async def test_a_long_list_is_for_administrators(site: Site) -> None:
    """It is worked out in one turn of the loop, in which nobody else is served."""
    changes = [{"op": "put", "kind": "object", "id": f"o{number}"} for number in range(MAX_CHANGES_OF_USERS + 1)]
    for dry in (False, True):
        uri, text = await site.refusal("alice", "apply", changes, dry_run=dry)
        assert (uri, str(MAX_CHANGES_OF_USERS) in text) == ("wamp.error.invalid_argument", True)
    await site.ask("alice", "apply", changes[1:])
    await site.ask("dora", "apply", changes)
