"""`fairlead.authz.sessions`: administrators see all, everybody else themselves."""

from __future__ import annotations

from support.permissions import Site


async def test_administrators_see_who_is_connected_and_what_they_hold(site: Site) -> None:
    bob = site.join("bob")
    await bob.subscribe("com.app.x", lambda event: None)
    alice = site.join("alice")
    answer = await site.ask("dora", "sessions")
    assert {each["user"] for each in answer["sessions"]} == {"alice", "bob", "dora"}
    [his] = (await site.ask("dora", "sessions", "bob"))["sessions"]
    assert (his["session"], his["subscriptions"], his["transport"]) == (bob.session_id, 1, "memory")
    assert his["since_us"] > 1_600_000_000_000_000
    bob.leave()
    alice.leave()


async def test_others_see_their_own(site: Site) -> None:
    bob, other, alice = site.join("bob"), site.join("bob"), site.join("alice")
    found = {each["session"] for each in (await site.ask("bob", "sessions"))["sessions"]}
    assert found > {bob.session_id, other.session_id}
    assert alice.session_id not in found
    hidden, missing = await site.refusal("bob", "sessions", "alice"), await site.refusal("bob", "sessions", "nobody")
    assert hidden == missing
    assert hidden[0] == "wamp.error.not_authorized"


async def test_anonymous_sessions_do_not_see_each_other(site: Site) -> None:
    other = site.join("anonymous")
    [seen] = (await site.ask("anonymous", "sessions"))["sessions"]
    assert seen["session"] != other.session_id


async def test_sessions_come_in_pages(site: Site) -> None:
    joined = sorted(site.join("alice").session_id for _ in range(5))
    first = await site.ask("dora", "sessions", "alice", limit=3)
    second = await site.ask("dora", "sessions", "alice", limit=3, after=first["after"])
    assert [each["session"] for each in first["sessions"] + second["sessions"]] == joined
    assert second["after"] is None
