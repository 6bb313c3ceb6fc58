"""check, get, list and members: what each caller is told, and that what it may not see is as if it were not there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz import Change, Grant, Put, Revoke, Trash
from fairlead_authz.admin.listing import SLICE
from fairlead_authz.model import who
from fairlead_router import Level, Principal
from support.by_hand import RealmByHand, a_realm_by_hand
from support.core import Peer
from support.permissions import Site
from support.waiting import eventually

NOT_AUTHORIZED = "wamp.error.not_authorized"
INVALID = "wamp.error.invalid_argument"


async def ids(site: Site, user: str, **asked: object) -> list[str]:
    return [each["id"] for each in (await site.ask(user, "list", **asked))["objects"]]


# ---- check


async def test_everybody_asks_about_themselves(site: Site) -> None:
    assert (await site.ask("bob", "check", "bob", "read", "x"))["allowed"] is True
    answer = await site.ask("bob", "check", "bob", "write", "x")
    assert (answer["allowed"], answer["why"]) == (False, "bob has read on x, not write")


async def test_about_others_it_needs_manage(site: Site) -> None:
    assert (await site.ask("alice", "check", "bob", "read", "x"))["allowed"] is True
    assert (await site.refusal("bob", "check", "alice", "read", "x"))[0] == NOT_AUTHORIZED


@pytest.mark.parametrize("caller", ["carol", "anonymous"])
async def test_what_is_hidden_and_what_is_not_there_are_told_alike(site: Site, caller: str) -> None:
    hidden = await site.ask(caller, "check", caller, "read", "x")
    missing = await site.ask(caller, "check", caller, "read", "z")
    assert hidden["why"] == missing["why"].replace("z", "x")
    for procedure, arguments in (("check", ("bob", "read")), ("who", ("read",)), ("get", ()), ("members", ())):
        about_hidden = await site.refusal(caller, procedure, *arguments, "x")
        about_missing = await site.refusal(caller, procedure, *arguments, "z")
        assert about_hidden == (about_missing[0], about_missing[1].replace("'z'", "'x'"))


async def test_a_level_that_is_none_is_named(site: Site) -> None:
    assert await site.refusal("bob", "check", "bob", "own", "x") == (
        INVALID,
        "level 'own' must be one of read, write, manage",
    )


# ---- who


async def answer_that_waited(
    realm: RealmByHand, peer: Peer, procedure: str, arguments: list[str], *lost: Change
) -> Any:
    """What becomes of the answer to a peer that reads nothing while it loses something."""
    peer.clog()
    peer.send([48, 1, {}, f"fairlead.authz.{procedure}", arguments])
    session = realm.core.realm1.session(peer.session_id)
    assert session is not None
    await eventually(lambda: not realm.host.run() and session.outbox.number)
    await realm.authz.apply([*lost])
    peer.read_on()
    [answer] = peer.take()
    return answer


async def test_an_answer_that_waits_goes_with_the_right_to_it(tmp_path: Path) -> None:
    async with a_realm_by_hand(tmp_path) as realm:
        alice = await realm.join("alice")
        answer = await answer_that_waited(realm, alice, "who", ["read", "x"], Put("object", "x", owner="carol"))
        assert answer[4] == NOT_AUTHORIZED


async def test_who_manages_an_object_sees_who_has_a_right_on_it_and_by_which_path(site: Site) -> None:
    users = (await site.ask("alice", "who", "read", "x"))["users"]
    assert {each["user"] for each in users} == {"admin", "alice", "bob", "dora"}
    assert {"user": "bob", "via": "bob has read on x"} in users
    assert (await site.refusal("bob", "who", "read", "x"))[0] == NOT_AUTHORIZED


async def test_everybody_is_found_with_rests_in_between(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shares something with everybody and asks who reads it would hold up everybody."""
    await site.authz.apply([Put("user", f"u{number}") for number in range(50)])
    await site.authz.apply([Grant("all-users", "read", "x")])
    monkeypatch.setattr(who, "SLICE", 2)
    asking = asyncio.ensure_future(site.ask("alice", "who", "read", "x", limit=1))
    turns = 0
    while not asking.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 50
    found = (await site.ask("alice", "who", "read", "x"))["users"]
    assert {f"u{number}" for number in range(50)} < {each["user"] for each in found}


async def test_who_comes_in_pages(site: Site) -> None:
    first = await site.ask("alice", "who", "read", "x", limit=3)
    second = await site.ask("alice", "who", "read", "x", limit=3, after=first["after"])
    assert [each["user"] for each in first["users"] + second["users"]] == ["admin", "alice", "bob", "dora"]
    assert second["after"] is None


# ---- get


async def test_a_reader_gets_what_is_known_of_it(site: Site) -> None:
    answer = await site.ask("bob", "get", "x")
    assert (answer["id"], answer["kind"], answer["owner"]) == ("x", "object", "p")


async def test_administrators_hear_that_something_does_not_exist(site: Site) -> None:
    assert await site.refusal("dora", "get", "z") == ("fairlead.error.no_such_object", "'z' does not exist")


async def test_who_could_look_into_the_trash_is_told_that_it_is_there_and_others_are_not(site: Site) -> None:
    await site.authz.apply([Trash("x")])
    for user in ("alice", "dora"):
        assert await site.refusal(user, "get", "x") == (
            NOT_AUTHORIZED,
            "'x' is in the trash: ask with include_trash (the command: --trash)",
        )
        assert (await site.ask(user, "get", "x", include_trash=True))["id"] == "x"
        assert await ids(site, user, owner="p") == ["y"]
        assert await ids(site, user, owner="p", include_trash=True) == ["x", "y"]
    assert await site.refusal("carol", "get", "x") == (NOT_AUTHORIZED, "'carol' may not read 'x'")


# ---- list


async def test_a_list_has_what_the_caller_may_read_in_order(site: Site) -> None:
    assert await ids(site, "bob", owner="p") == ["x"]
    assert await ids(site, "alice", owner="p") == ["x", "y"]
    assert await ids(site, "carol", owner="p") == await ids(site, "carol", owner="no-such") == []
    assert "x" in await ids(site, "bob")
    assert "y" not in await ids(site, "bob")
    assert await ids(site, "dora", kind="project") == ["p"]
    assert await ids(site, "anonymous") == ["anonymous", "anonymous-users"]


@pytest.mark.parametrize("user", ["alice", "bob", "carol", "dora", "anonymous"])
async def test_a_list_is_everything_that_may_be_read_and_nothing_else(site: Site, user: str) -> None:
    await site.authz.apply([Put("role", "staff"), Grant("carol", "read", "staff"), Grant("staff", "write", "p")])
    readable = sorted(node for node in site.authz.graph.nodes if site.authz.can(user, "read", node))
    assert await ids(site, user) == readable


async def test_pages_join_without_gap_or_repetition(site: Site) -> None:
    await site.authz.apply([Put("object", f"o{number}", owner="p") for number in range(SLICE + 10)])
    seen, after = list[str](), ""
    while after is not None:
        page = await site.ask("alice", "list", owner="p", after=after, limit=400)
        seen += [each["id"] for each in page["objects"]]
        after = page["after"]
    assert seen == sorted(site.authz.graph.owned("p"))


async def test_a_page_does_not_tell_that_something_hidden_follows(site: Site) -> None:
    page = await site.ask("bob", "list", owner="p", limit=1)
    assert ([each["id"] for each in page["objects"]], page["after"]) == (["x"], None)


async def test_arguments_of_a_list_are_checked(site: Site) -> None:
    assert await site.refusal("bob", "list", limit=1001) == (INVALID, "limit 1001 must be from 1 to 1000")
    assert await site.refusal("bob", "list", limit=0) == (INVALID, "limit 0 must be from 1 to 1000")
    uri, text = await site.refusal("bob", "list", kind="thing")
    assert uri == INVALID
    assert text.startswith("kind 'thing' must be one of user, role, project")


# ---- members


async def test_managers_see_the_members_of_a_role_and_members_themselves(site: Site) -> None:
    await site.authz.apply([Put("role", "staff"), Grant("bob", "read", "staff"), Grant("carol", "write", "staff")])
    assert [(each["id"], each["level"]) for each in (await site.ask("dora", "members", "staff"))["members"]] == [
        ("admin", "manage"),  # who made it
        ("bob", "read"),
        ("carol", "write"),
    ]
    assert [each["id"] for each in (await site.ask("bob", "members", "staff"))["members"]] == ["bob"]
    assert (await site.ask("alice", "members", "staff"))["members"] == []


async def test_members_that_wait_to_be_shown_go_with_the_right_to_see_them_all(tmp_path: Path) -> None:
    """Who still is in the role, and reads it, sees itself alone."""
    async with a_realm_by_hand(tmp_path) as realm:
        await realm.authz.apply(
            [Put("role", "staff"), Grant("bob", "manage", "staff"), Grant("carol", "read", "staff")]
        )
        bob = await realm.join("bob")
        answer = await answer_that_waited(realm, bob, "members", ["staff"], Revoke("bob", "write", "staff"))
        assert answer[4] == NOT_AUTHORIZED


async def test_a_member_that_may_only_log_in_is_shown_as_such(site: Site) -> None:
    await site.authz.apply([Put("role", "staff"), Grant("bob", "login", "staff")])
    members = (await site.ask("dora", "members", "staff"))["members"]
    assert [each["level"] for each in members if each["id"] == "bob"] == ["login"]


async def test_what_is_the_same_for_all_members_is_judged_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the members of a role of everybody would hold up everybody."""
    await site.authz.apply([Put("user", f"u{number}") for number in range(50)])
    judged: list[object] = []
    can = site.authz.authorizer.can

    def counting(principal: Principal, level: Level, object_id: str) -> bool:
        judged.append((level, object_id))
        return can(principal, level, object_id)

    monkeypatch.setattr(site.authz.authorizer, "can", counting)
    assert (await site.ask("bob", "members", "all-users"))["members"] != []
    assert 0 < len(judged) < 10


async def test_only_a_role_has_members(site: Site) -> None:
    uri, text = await site.refusal("alice", "members", "p")
    assert (uri, text) == ("fairlead.error.conflict", "'p' is a project: only a role has members")


@pytest.mark.parametrize(
    ("procedure", "arguments"),
    [
        ("check", {"user": "bob", "level": "read", "object": "a b"}),
        ("get", {"id": "a b"}),
        ("who", {"level": "read", "object": "a b"}),
        ("members", {"role": "a b"}),
        ("list", {"owner": "a b"}),
        ("sessions", {"user": "a b"}),
        ("audit", {"object": "a b"}),
    ],
)
async def test_what_could_be_no_id_is_named(site: Site, procedure: str, arguments: dict[str, str]) -> None:
    uri, text = await site.refusal("bob", procedure, **arguments)
    assert uri == INVALID
    assert text.startswith("'a b' is no id: 1 to 128")
