"""Permissions against live subscriptions and calls, through the real router in one process.

Each test of a revocation runs with the gate switched off too, and must then see the leak: so that the
gate is what closes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead_authz import Activate, Authz, Deactivate, Delete, Freeze, Grant, Merge, Put, Revoke, Trash, UriRule
from fairlead_authz.changes import Change
from fairlead_router import (
    ANONYMOUS,
    Action,
    AuthenticationFailed,
    CallError,
    Match,
    Member,
    MemberEvent,
    Principal,
    Realm,
    Router,
)
from fairlead_router.gate import Gate, Hold
from support.waiting import eventually

RULES = (UriRule("com.app.{object}", subscribe="read", publish="write", register="manage"),)


class OpenGate(Gate):
    """A gate that is switched off."""

    def is_open(self, hold: Hold) -> bool:
        """Whatever has changed."""
        return True

    def revoke(self, principals: Iterable[str] = (), objects: Iterable[str] = (), reason: str = "") -> None:
        """Nothing is judged again."""

    def revoke_all(self, reason: str = "") -> None:
        """Nothing is judged again."""


class World:
    """A router with permissions: alice owns project p with objects x and y, bob and carol are users."""

    def __init__(self, router: Router, realm: Realm, authz: Authz) -> None:
        self.router = router
        self.realm = realm
        self.authz = authz
        self.events: dict[str, list[str]] = {}
        self.publisher = realm.join(Principal("publisher", "service"))

    def join(self, user: str) -> Member:
        """A session of this user."""
        return self.realm.join(Principal(user, "user"))

    async def subscribe(self, user: str, topic: str, match: str = "exact") -> Member:
        """A session of this user that collects what it gets under the user's name."""
        member = self.join(user)
        seen = self.events.setdefault(user, [])

        def collect(event: MemberEvent) -> None:
            seen.append(event.args[0])

        await member.subscribe(topic, collect, match=match)  # type: ignore[arg-type]
        return member

    async def publish(self, topic: str, *texts: str) -> None:
        """Publish, and wait until whoever gets it has it: a sentinel subscriber comes last in each turn."""
        done: list[str] = []
        sentinel = self.realm.join(Principal("sentinel", "service"))
        await sentinel.subscribe(topic, lambda event: done.append(event.args[0]))
        for text in texts:
            self.publisher.publish(topic, [text])
        await eventually(lambda: len(done) == len(texts))
        sentinel.leave()


@asynccontextmanager
async def a_world(directory: Path, gate_is_on: bool, is_open: bool = False) -> AsyncIterator[World]:
    authz = await Authz.open(f"sqlite:///{directory}/permissions.sqlite", rules=RULES, is_open=is_open)
    router = Router()
    realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
    if not gate_is_on:
        realm.gate = OpenGate(realm.answers)
    authz.bind(realm)
    await authz.apply([Put("user", user) for user in ("alice", "bob", "carol")])
    await authz.apply([Put("role", "staff"), Put("project", "p", owner="alice"), Put("project", "q", owner="alice")])
    await authz.apply([Put("object", "x", owner="p"), Put("object", "y", owner="p")])
    yield World(router, realm, authz)
    await authz.close()
    await router.close()


@pytest.fixture(params=["gate on", "gate off"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, gate_is_on=request.param == "gate on") as world:
        yield world


def _leaks(world: World) -> bool:
    return isinstance(world.realm.gate, OpenGate)


REVOCATIONS: dict[str, tuple[list[Change], list[Change]]] = {
    "direct link deleted": ([Grant("bob", "read", "x")], [Revoke("bob", "read", "x")]),
    "removed from a role": (
        [Grant("bob", "read", "staff"), Grant("staff", "read", "p")],
        [Revoke("bob", "read", "staff")],
    ),
    "the role's link deleted": (
        [Grant("bob", "read", "staff"), Grant("staff", "read", "p")],
        [Revoke("staff", "read", "p")],
    ),
    "role deleted": ([Grant("bob", "read", "staff"), Grant("staff", "read", "p")], [Delete("staff")]),
    "object moved": ([Grant("bob", "read", "p")], [Put("object", "x", owner="q")]),
    "project moved": (
        [Put("project", "inner", owner="p"), Put("object", "x", owner="inner"), Grant("bob", "read", "p")],
        [Put("project", "inner", owner="q")],
    ),
    "object deleted": ([Grant("bob", "read", "x")], [Delete("x")]),
    "acting-as source lost": ([Grant("bob", "manage", "alice")], [Revoke("bob", "read", "alice")]),
    "role trashed": ([Grant("bob", "read", "staff"), Grant("staff", "read", "p")], [Trash("staff")]),
    "object trashed": ([Grant("bob", "read", "x")], [Trash("x")]),
    "object trashed, and an administrator reads it no more": ([Put("user", "bob", is_admin=True)], [Trash("x")]),
    "an ancestor trashed": (
        [Put("project", "inner", owner="p"), Put("object", "x", owner="inner"), Grant("bob", "read", "x")],
        [Trash("p")],
    ),
    "project moved into the trash": (
        [Put("project", "inner", owner="p"), Put("object", "x", owner="inner"), Grant("bob", "read", "x"), Trash("q")],
        [Put("project", "inner", owner="q")],
    ),
    "login taken": ([Grant("bob", "login", "x")], [Revoke("bob", "login", "x")]),
    "whom it acted as is merged into another": (
        [
            Put("object", "x", owner="carol"),
            Grant("bob", "read", "carol"),
            Grant("carol", "manage", "bob"),
            Put("user", "dora"),
            Grant("bob", "manage", "carol"),
        ],
        [Merge("carol", into="dora"), Revoke("bob", "manage", "dora")],
    ),
    "admin flag dropped": ([Put("user", "bob", is_admin=True)], [Put("user", "bob", is_admin=False)]),
}


@pytest.mark.parametrize("name", REVOCATIONS)
@pytest.mark.parametrize("match", ["exact", "prefix"])
async def test_nothing_published_after_the_loss_is_delivered(world: World, name: str, match: str) -> None:
    before, after = REVOCATIONS[name]
    await world.authz.apply(before)
    await world.subscribe("bob", "com.app.x" if match == "exact" else "com.app.", match)
    await world.publish("com.app.x", "permitted")
    await world.authz.apply(after)
    await world.publish("com.app.x", "secret")
    if _leaks(world):
        assert world.events["bob"] == ["permitted", "secret"]
    else:
        assert world.events["bob"] == ["permitted"]


async def test_the_container_of_a_request_is_lost_when_the_request_gets_another(world: World) -> None:
    await world.authz.apply([Put("container", "c"), Put("container", "d"), Grant("bob", "read", "p")])
    await world.authz.apply([Put("container_request", "wish", owner="p", about="c"), Put("log", "row", about="c")])
    await world.subscribe("bob", "com.app.c")
    await world.subscribe("bob", "com.app.row")
    await world.authz.apply([Put("container_request", "wish", about="d")])
    await world.publish("com.app.c", "state")
    await world.publish("com.app.row", "row")
    assert world.events["bob"] == (["state", "row"] if _leaks(world) else [])


async def test_frost_ends_no_reading_and_takes_writing(world: World) -> None:
    await world.authz.apply([Grant("bob", "write", "x")])
    bob = await world.subscribe("bob", "com.app.x")
    await world.authz.apply([Freeze("p")])
    await world.publish("com.app.x", "still read")
    assert world.events["bob"] == ["still read"]
    with pytest.raises(CallError, match="not_authorized"):
        await bob.publish("com.app.x", ["no more"], acknowledge=True)


@pytest.mark.parametrize(("switch", "node_id"), [("roles_visible", "staff"), ("users_visible", "alice")])
async def test_a_switch_of_the_policy_takes_what_it_gave(world: World, switch: str, node_id: str) -> None:
    await world.subscribe("bob", f"com.app.{node_id}")
    await world.publish(f"com.app.{node_id}", "seen")
    world.authz.set_policy(**{switch: False})
    await world.publish(f"com.app.{node_id}", "hidden")
    assert world.events["bob"] == (["seen", "hidden"] if _leaks(world) else ["seen"])
    assert not world.authz.can("bob", "read", node_id)


@pytest.mark.parametrize(
    "changes",
    [
        [Deactivate("bob")],
        [Merge("bob", into="carol")],
        [Put("user", "bob", is_active=False)],
        [Deactivate("bob"), Activate("bob")],
        [Delete("bob"), Put("user", "bob")],
    ],
)
async def test_the_sessions_and_tokens_of_a_user_that_is_shut_out_end(world: World, changes: list[Change]) -> None:
    token = await world.authz.create_token("bob")
    bob = world.join("bob")
    await world.authz.apply(changes)
    await eventually(lambda: bob.session_id not in {id_ for id_, _ in world.realm.sessions()})
    with pytest.raises(AuthenticationFailed):
        world.authz.authenticator.principal(token)


async def test_queued_events_are_taken_back(world: World) -> None:
    await world.authz.apply([Grant("bob", "read", "x")])
    await world.subscribe("bob", "com.app.x")
    change = world.authz.apply([Revoke("bob", "read", "x")])
    bob = next(session for session in world.realm._sessions if session.principal.authid == "bob")
    bob.outbox.pause()
    await world.publish("com.app.x", "queued")
    await change
    bob.outbox.resume()
    await world.publish("com.app.x", "late")
    assert world.events["bob"] == (["queued", "late"] if _leaks(world) else [])


async def test_who_has_another_path_goes_on(world: World) -> None:
    await world.authz.apply([Grant("carol", "read", "x"), Grant("carol", "read", "p")])
    await world.subscribe("carol", "com.app.x")
    await world.authz.apply([Revoke("carol", "read", "x")])
    await world.publish("com.app.x", "still hers")
    assert world.events["carol"] == ["still hers"]


async def test_revoke_and_regrant_in_one_list_makes_no_gap(world: World) -> None:
    await world.authz.apply([Grant("bob", "read", "x")])
    await world.subscribe("bob", "com.app.x")
    await world.authz.apply([Revoke("bob", "read", "x"), Grant("bob", "write", "x")])
    await world.publish("com.app.x", "no gap")
    assert world.events["bob"] == ["no gap"]


async def test_a_prefix_subscriber_gets_exactly_the_objects_it_may_read(world: World) -> None:
    await world.authz.apply([Grant("bob", "read", "y")])
    await world.subscribe("bob", "com.app.", "prefix")
    await world.publish("com.app.x", "x1")
    await world.publish("com.app.y", "y1")
    await world.authz.apply([Grant("bob", "read", "x")])
    await world.publish("com.app.x", "x2")
    await world.authz.apply([Revoke("bob", "read", "y")])
    await world.publish("com.app.y", "y2")
    expected = ["y1", "x2", "y2"] if _leaks(world) else ["y1", "x2"]
    assert world.events["bob"] == expected


async def test_losing_the_right_to_register_takes_the_procedure_away(world: World) -> None:
    await world.authz.apply([Grant("bob", "manage", "x")])
    bob, caller = world.join("bob"), world.realm.join(Principal("caller", "service"))
    await bob.register("com.app.x", lambda call: {"by": "bob"})
    assert (await caller.call("com.app.x")).args == [{"by": "bob"}]
    await world.authz.apply([Revoke("bob", "manage", "x")])
    if _leaks(world):
        assert (await caller.call("com.app.x")).args == [{"by": "bob"}]
    else:
        with pytest.raises(CallError, match="no_such_procedure"):
            await caller.call("com.app.x")


async def test_losing_the_right_to_publish_counts_at_once(world: World) -> None:
    await world.authz.apply([Grant("bob", "write", "x"), Grant("carol", "read", "x")])
    await world.subscribe("carol", "com.app.x")
    bob = world.join("bob")
    bob.publish("com.app.x", ["first"])
    await eventually(lambda: world.events["carol"] == ["first"])
    await world.authz.apply([Revoke("bob", "write", "x")])
    bob.publish("com.app.x", ["second"])
    await world.publish("com.app.x", "third")
    assert world.events["carol"] == ["first", "third"]


async def test_deny_by_default(world: World) -> None:
    for who in (ANONYMOUS, Principal("bob", "user"), Principal("unknown", "user")):
        member = world.realm.join(who)
        for topic in ("com.app.x", "com.other", "fairlead.stream.x", "wamp.session.on_join"):
            with pytest.raises(CallError, match="not_authorized"):
                await member.subscribe(topic, lambda event: None)
        for prefix in ("com.other.", "wamp."):
            with pytest.raises(CallError, match="not_authorized"):
                await member.subscribe(prefix, lambda event: None, match="prefix")
        with pytest.raises(CallError, match="not_authorized"):
            await member.register("com.example.mine", lambda call: {})


async def test_check_tells_about_oneself_and_about_others_to_managers(world: World) -> None:
    alice, bob = world.join("alice"), world.join("bob")
    assert (await alice.call("fairlead.authz.check", ["bob", "read", "x"])).args == [
        {"allowed": False, "why": "no grant or ownership leads from bob to x or to its owner p"}
    ]
    assert (await bob.call("fairlead.authz.check", ["bob", "read", "x"])).args[0]["allowed"] is False
    with pytest.raises(CallError, match="not_authorized"):
        await bob.call("fairlead.authz.check", ["alice", "read", "x"])


async def test_tokens_of_others_are_for_administrators(world: World) -> None:
    with pytest.raises(CallError, match="not_authorized"):
        await world.join("bob").call("fairlead.authz.token", ["carol"])
    admin = world.join("admin")
    token = (await admin.call("fairlead.authz.token", ["dave"], {"create": True})).args[0]["token"]
    assert world.authz.authenticator.principal(token).authid == "dave"
    with pytest.raises(CallError, match="no_such_user"):
        await admin.call("fairlead.authz.token", ["erin"])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([{"op": "gift"}], "op is 'gift': an op is put, delete, grant, revoke, trash, "),
        (
            [{"op": "grant", "user": "bob", "level": "red", "object": "x"}],
            "level is 'red': a level is read, write, manage or login",
        ),
        (
            [{"op": "put", "kind": "planet", "id": "x"}],
            "kind is 'planet': a kind is user, role, project, filter, object, ",
        ),
        ([{"op": "grant", "user": "bob"}], "level"),
        ("grant", "Expected `array`"),
        (["grant"], "Expected `object`"),
    ],
)
async def test_malformed_changes_are_told_with_what_is_allowed(world: World, changes: object, text: str) -> None:
    with pytest.raises(CallError, match="invalid_argument") as caught:
        await world.join("admin").call("fairlead.authz.apply", [changes])
    assert text in caught.value.error_args[0]


# --- what ends sessions, and what must not be disturbed; with the gate on ---------------------------------------------


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, gate_is_on=True) as world:
        yield world


async def test_the_loser_is_told_once(guarded: World) -> None:
    await guarded.authz.apply([Grant("bob", "read", "x"), Grant("bob", "read", "y")])
    bob = guarded.join("bob")
    notices: list[dict[str, object]] = []
    await bob.subscribe("fairlead.session.revoked", lambda event: notices.append(event.args[0]))
    subscription = await bob.subscribe("com.app.x", lambda event: None)
    await bob.subscribe("com.app.y", lambda event: None)
    await guarded.authz.apply([Revoke("bob", "read", "x")])
    await guarded.authz.apply([Grant("bob", "read", "x")])
    await guarded.authz.apply([Revoke("bob", "read", "x")])
    await guarded.publish("com.app.x", "secret")
    await eventually(lambda: notices)
    assert [(notice["subscription"], notice["topic"]) for notice in notices] == [(subscription, "com.app.x")]


@pytest.mark.parametrize("change", [Delete("bob"), Put("user", "bob", is_active=False)])
async def test_the_sessions_of_a_user_who_ends_are_ended(guarded: World, change: Change) -> None:
    await guarded.authz.apply([Grant("bob", "read", "x")])
    await guarded.subscribe("bob", "com.app.x")
    await guarded.subscribe("carol", "fairlead.session.revoked")
    await guarded.authz.apply([change])
    await guarded.publish("com.app.x", "secret")
    assert guarded.events["bob"] == []
    assert {principal.authid for _, principal in guarded.realm.sessions()} == {"publisher", "carol", "fairlead.authz"}


async def test_the_sessions_of_a_deleted_token_are_ended_and_the_users_others_are_not(guarded: World) -> None:
    tokens = [await guarded.authz.create_token("bob") for _ in range(2)]
    first, second = [guarded.realm.join(guarded.authz.authenticator.principal(token)) for token in tokens]
    await guarded.authz.delete_token(tokens[0].split("/")[1])
    left = {session_id for session_id, _ in guarded.realm.sessions()}
    assert first.session_id not in left
    assert second.session_id in left


async def test_a_grant_judges_nothing_again_and_a_revoke_only_what_rests_on_the_loss(guarded: World) -> None:
    await guarded.authz.apply([Grant(user, "read", each) for user in ("bob", "carol") for each in ("x", "y")])
    for user in ("alice", "bob", "carol"):
        for each in ("x", "y"):
            await guarded.subscribe(user, f"com.app.{each}")
    asked = count_questions(guarded)
    await guarded.authz.apply([Grant("bob", "write", "x"), Put("object", "z", owner="q"), Grant("carol", "read", "z")])
    assert asked == []
    await guarded.authz.apply([Revoke("bob", "write", "x")])
    assert set(asked) in (
        {("bob", "com.app.x"), ("bob", "com.app.y")},
        {(user, "com.app.x") for user in ("alice", "bob", "carol")},
    )
    asked.clear()
    await guarded.authz.apply([Revoke("bob", "read", "staff"), Delete("z")])
    assert asked == []


def count_questions(world: World) -> list[tuple[str, str]]:
    """What the authorizer is asked from now on: (who, uri)."""
    asked: list[tuple[str, str]] = []
    authorize = world.authz.authorizer.authorize

    def counting(
        principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        asked.append((principal.authid, uri))
        return authorize(principal, action, uri, match, object_id)

    world.authz.authorizer.authorize = counting  # type: ignore[method-assign, assignment]
    return asked


async def test_what_one_makes_without_naming_an_owner_is_ones_own(guarded: World) -> None:
    bob = guarded.join("bob")
    put = {"op": "put", "kind": "object", "id": "bobs"}
    [answer] = (await bob.call("fairlead.authz.apply", [[put]])).args
    assert answer == {"revision": answer["revision"], "still": []}
    assert guarded.authz.can("bob", "manage", "bobs")
    assert not guarded.authz.can("carol", "read", "bobs")


async def test_revoke_over_the_wire_answers_who_keeps_the_right(guarded: World) -> None:
    await guarded.authz.apply([Grant("carol", "read", "x"), Grant("carol", "read", "p")])
    alice = guarded.join("alice")
    revoke = {"op": "revoke", "user": "carol", "level": "read", "object": "x"}
    result = (await alice.call("fairlead.authz.apply", [], {"changes": [revoke]})).args[0]
    assert result["still"] == [
        {"user": "carol", "level": "read", "object": "x", "why": "carol has read on p; p owns x"}
    ]


async def test_check_tells_nothing_of_what_one_may_not_see(guarded: World) -> None:
    bob = guarded.join("bob")
    hidden, missing = [
        (await bob.call("fairlead.authz.check", ["bob", "read", each])).args[0] for each in ("x", "nothing")
    ]
    assert hidden["why"].replace("x", "nothing") == missing["why"]
    await guarded.authz.apply([Grant("bob", "read", "x")])
    seen = (await bob.call("fairlead.authz.check", ["bob", "write", "x"])).args[0]
    assert seen == {"allowed": False, "why": "bob has read on x, not write"}


async def test_an_anonymous_session_reads_what_its_role_reads_and_changes_nothing(guarded: World) -> None:
    await guarded.authz.apply([Grant("anonymous-users", "read", "x")])
    member = guarded.realm.join(ANONYMOUS)
    await member.subscribe("com.app.x", lambda event: None)
    with pytest.raises(CallError, match="not_authorized"):
        await member.call("fairlead.authz.apply", [[{"op": "put", "kind": "object", "id": "o"}]])
    assert (await member.call("fairlead.authz.check", ["anonymous", "read", "x"])).args[0]["allowed"] is True


async def test_in_an_open_realm_an_anonymous_session_may_everything_but_owns_nothing(tmp_path: Path) -> None:
    async with a_world(tmp_path, gate_is_on=True, is_open=True) as world:
        member = world.realm.join(ANONYMOUS)
        await member.subscribe("com.other", lambda event: None)
        await member.call("fairlead.authz.apply", [[{"op": "put", "kind": "object", "id": "o"}]])
        node = world.authz.graph.node("o")
        assert node is not None
        assert node.owner == "system"
