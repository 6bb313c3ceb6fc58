"""Tokens: who makes, changes and ends them, what they are good for, and when the sessions that they opened end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz import Authz, Conflict, Grant, NoSuchObject, NoSuchUser, Put, Revoke
from fairlead_authz.changes import MAX_TIME_US, Delete
from fairlead_authz.errors import NoSuchToken
from fairlead_authz.model.graph import ContainerState
from fairlead_authz.tokens.tokens import Terms, make_token
from fairlead_router import ANONYMOUS, InvalidArgument, LimitExceeded, NotAuthorized, Principal
from support.by_hand import TOKEN_ENDED, RealmByHand, a_realm_by_hand, goodbye, in_s, texts

BOB = Principal("bob", "user", "wampcra")
DORA = Principal("dora", "admin", "wampcra")


@pytest.fixture
async def realm(tmp_path: Path) -> AsyncIterator[RealmByHand]:
    async with a_realm_by_hand(tmp_path) as realm:
        await realm.authz.apply([Put("container", "c", state="Running"), Put("container", "done", state="Complete")])
        await realm.authz.apply([Put("container_request", "r", owner="p", about="c")])
        yield realm


async def with_token(realm: RealmByHand, user: str, **terms: Any) -> Principal:
    """The principal of who comes in with a token of these terms."""
    return realm.authz.authenticator.principal(await realm.authz.create_token(user, **terms))


def texts_of(messages: list[list[Any]]) -> list[Any]:
    """The first argument of every event among them."""
    return [message[4][0] for message in messages if message[0] == 36]


def id_of(token: str) -> str:
    """The part of a token's text that names it."""
    return token.split("/")[1]


# ---- who may ----


async def test_administrator_makes_tokens_for_anybody_and_a_user_for_itself(realm: RealmByHand) -> None:
    for actor, user in ((DORA, "bob"), (DORA, "dora"), (BOB, "bob")):
        assert (await with_token(realm, user, actor=actor)).authid == user
    for actor, user in ((BOB, "carol"), (BOB, "dora"), (BOB, "nobody"), (ANONYMOUS, "anonymous"), (ANONYMOUS, "bob")):
        with pytest.raises(NotAuthorized, match="tokens of its own only"):
            await realm.authz.create_token(user, actor)


async def test_only_administrators_make_the_user_too(realm: RealmByHand) -> None:
    with pytest.raises(NotAuthorized):
        await realm.authz.create_token("eve", BOB, create_user=True)
    await realm.authz.create_token("eve", DORA, create_user=True)
    assert "eve" in realm.authz.graph.nodes


async def test_user_sees_and_ends_its_own_tokens_only(realm: RealmByHand) -> None:
    bobs, carols = await realm.authz.create_token("bob"), await realm.authz.create_token("carol")
    assert [token.id for token in realm.authz.tokens_of("bob", BOB)] == [id_of(bobs)]
    with pytest.raises(NotAuthorized):
        realm.authz.tokens_of("carol", BOB)
    await realm.authz.delete_token(id_of(bobs), BOB)
    assert realm.authz.tokens_of("bob", BOB) == []
    assert [token.id for token in realm.authz.tokens_of("carol", DORA)] == [id_of(carols)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda authz, id_: authz.delete_token(id_, BOB),
        lambda authz, id_: authz.change_token(id_, BOB, expires_us=None),
    ],
)
async def test_tokens_of_others_and_those_that_are_not_there_are_refused_alike(
    realm: RealmByHand, ask: Callable[[Authz, str], Awaitable[None]]
) -> None:
    carols = id_of(await realm.authz.create_token("carol"))
    refusals = []
    for id_ in (carols, "0123456789abcdef"):
        with pytest.raises(NotAuthorized) as caught:
            await ask(realm.authz, id_)
        refusals.append(caught.value.text.replace(id_, "ID"))
    assert refusals[0] == refusals[1]
    with pytest.raises(NoSuchToken):
        await realm.authz.delete_token("0123456789abcdef", DORA)


async def test_list_tells_nothing_of_the_secret(realm: RealmByHand) -> None:
    text = await realm.authz.create_token("bob", scopes=["call com.x"], expires_us=in_s(10), container="c")
    _, id_, secret, _ = text.split("/")
    [token] = realm.authz.tokens_of("bob")
    assert (token.id, token.user, token.scopes, token.expires_us, token.container, token.is_valid) == (
        id_,
        "bob",
        ("call com.x",),
        in_s(10),
        "c",
        True,
    )
    assert secret not in repr(token)


# ---- no token makes itself a better one ----


@pytest.mark.parametrize(
    ("own", "wanted", "is_allowed"),
    [
        ({"scopes": ["call com."]}, {"scopes": ["call com.app."]}, True),
        ({"scopes": ["call com."]}, {"scopes": ["call"]}, False),
        ({"scopes": ["call com."]}, {}, False),
        ({"scopes": ["call com."]}, {"scopes": []}, True),
        ({"expires_us": in_s(10)}, {"expires_us": in_s(10)}, True),
        ({"expires_us": in_s(10)}, {"expires_us": in_s(11)}, False),
        ({"expires_us": in_s(10)}, {}, False),
        ({"container": "c"}, {"container": "c"}, True),
        ({"container": "c"}, {}, False),
        ({}, {"scopes": ["call"], "expires_us": in_s(10), "container": "c"}, True),
    ],
)
@pytest.mark.parametrize("user", ["bob", "dora"])
async def test_token_makes_none_that_is_good_for_more(
    realm: RealmByHand, user: str, own: dict[str, Any], wanted: dict[str, Any], is_allowed: bool
) -> None:
    actor = await with_token(realm, user, **own)
    if is_allowed:
        assert await realm.authz.create_token(user, actor, **wanted)
    else:
        with pytest.raises(NotAuthorized, match="the token that this session came in with"):
            await realm.authz.create_token(user, actor, **wanted)


async def test_token_changes_none_into_one_that_is_good_for_more(realm: RealmByHand) -> None:
    actor = await with_token(realm, "bob", scopes=["call com."], expires_us=in_s(100))
    other = id_of(await realm.authz.create_token("bob", scopes=["call com.app."], expires_us=in_s(10)))
    for wanted in ({"scopes": None}, {"scopes": ["call"]}, {"expires_us": None}, {"expires_us": in_s(101)}):
        with pytest.raises(NotAuthorized, match="the token that this session came in with"):
            await realm.authz.change_token(other, actor, **wanted)
    await realm.authz.change_token(other, actor, scopes=["call com."], expires_us=in_s(100))


async def test_token_that_ended_while_its_request_waited_makes_none(realm: RealmByHand) -> None:
    actor = await with_token(realm, "bob", scopes=["call com."])
    await realm.authz.delete_token(actor.token_id)  # type: ignore[attr-defined]
    with pytest.raises(NotAuthorized, match="not valid any more"):
        await realm.authz.create_token("bob", actor)


# ---- what is refused ----


@pytest.mark.parametrize(
    ("user", "terms", "error"),
    [
        ("nobody", {}, NoSuchUser),
        ("p", {}, NoSuchUser),
        ("anonymous", {}, InvalidArgument),
        ("system", {}, InvalidArgument),
        ("bob", {"expires_us": in_s(0)}, InvalidArgument),
        ("bob", {"expires_us": MAX_TIME_US + 1}, InvalidArgument),
        ("bob", {"container": "done"}, Conflict),
        ("bob", {"container": "x"}, Conflict),
        ("bob", {"container": "nothing"}, NoSuchObject),
        ("bob", {"container": "a/b"}, InvalidArgument),
        ("bob", {"scopes": ["read x"]}, InvalidArgument),
        ("bob", {"scopes": ["call"] * 101}, LimitExceeded),
    ],
)
async def test_token_that_could_not_be_valid_is_not_made(
    realm: RealmByHand, user: str, terms: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await realm.authz.create_token(user, **terms)


async def test_container_that_one_may_not_read_is_refused_like_one_that_is_not_there(realm: RealmByHand) -> None:
    refusals = []
    for container in ("c", "nothing"):
        with pytest.raises(NotAuthorized) as caught:
            await realm.authz.create_token("carol", Principal("carol", "user"), container=container)
        refusals.append(caught.value.text.replace(repr(container), "ID"))
    assert refusals[0] == refusals[1]
    await realm.authz.create_token("bob", BOB, container="c")


async def test_tokens_of_a_user_are_bounded_and_dead_ones_make_room(
    realm: RealmByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_authz.tokens.issuing.TOKENS_PER_USER", 2)
    lasting = await realm.authz.create_token("bob")
    await realm.authz.create_token("bob", expires_us=in_s(10))
    with pytest.raises(LimitExceeded, match="2 tokens already") as caught:
        await realm.authz.create_token("bob")
    assert caught.value.details == {"limit": "tokens_per_user"}
    realm.host.advance(10)
    newest = await realm.authz.create_token("bob")
    assert [token.id for token in realm.authz.tokens_of("bob")] == [id_of(lasting), id_of(newest)]


# ---- when sessions end ----


@pytest.mark.parametrize("state", ["Complete", "Cancelled", "Queued", None])
async def test_token_of_a_container_dies_with_it(realm: RealmByHand, state: ContainerState | None) -> None:
    token = await realm.authz.create_token("bob", container="c")
    bob, lasting = realm.join_with(token), await realm.join("bob")
    bob.subscribe("com.app.x")
    await realm.authz.apply([Delete("r"), Delete("c")] if state is None else [Put("container", "c", state=state)])
    realm.publish("x", "secret")
    assert goodbye(bob) == TOKEN_ENDED
    assert lasting.has_session
    assert realm.refused(token) == "the token is not valid"


async def test_token_of_a_container_does_not_come_back_with_another_of_its_id(realm: RealmByHand) -> None:
    token = await realm.authz.create_token("bob", container="c")
    await realm.authz.apply([Delete("r"), Delete("c")])
    await realm.authz.apply([Put("container", "c", state="Running")])
    assert realm.refused(token) == "the token is not valid"


async def test_tokens_of_a_container_that_has_ended_are_forgotten_for_good(realm: RealmByHand) -> None:
    await realm.authz.create_token("bob", container="c")
    lasting = await realm.authz.create_token("bob")
    await realm.authz.apply([Put("container", "c", state="Complete")])
    assert [token.id for token in realm.authz.tokens_of("bob")] == [id_of(lasting)]


async def test_what_was_published_in_time_is_retained_beyond_the_token(realm: RealmByHand) -> None:
    await realm.authz.apply([Grant("bob", "write", "x")])
    bob = await realm.join("bob", container="c")
    bob.ask([16, 1, {"retain": True}, "com.app.x", ["the last state"]])
    await realm.authz.apply([Put("container", "c", state="Complete")])
    alice = await realm.join("alice")
    assert texts_of(alice.ask([32, 1, {"get_retained": True}, "com.app.x"])) == ["the last state"]
    await realm.authz.apply([Revoke("bob", "write", "x")])
    carol = await realm.join("dora")
    assert texts_of(carol.ask([32, 1, {"get_retained": True}, "com.app.x"])) == []


async def test_token_of_a_container_is_valid_while_it_is_locked_or_running(realm: RealmByHand) -> None:
    await realm.authz.apply([Put("container", "c", state="Running")])
    token = await realm.authz.create_token("bob", container="c")
    assert token.endswith("/c")
    assert realm.join_with(token).has_session
    assert realm.join_with(token.removesuffix("/c")).has_session
    assert realm.refused(token.removesuffix("c") + "done") == "the token is not valid"
    assert realm.refused(f"{await realm.authz.create_token('bob')}/c") == "the token is not valid"


async def test_every_token_that_is_refused_is_refused_alike(realm: RealmByHand) -> None:
    expired = await realm.authz.create_token("bob", expires_us=in_s(10))
    deleted = await realm.authz.create_token("bob")
    await realm.authz.delete_token(id_of(deleted))
    realm.host.advance(10)
    valid = await realm.authz.create_token("bob")
    version, id_, secret = valid.split("/")
    for text in (expired, deleted, f"{version}/{id_}/{secret[:-1]}", f"{version}/{secret}/{id_}", "v2/none/none"):
        assert realm.refused(text) == "the token is not valid"
    assert realm.join_with(valid).has_session


async def test_secret_is_in_no_log_line(realm: RealmByHand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = await realm.authz.create_token("bob")
    realm.join_with(token)
    realm.refused(f"{token}x")
    assert token.split("/")[2] not in caplog.text


async def test_terms_survive_a_restart(realm: RealmByHand, tmp_path: Path) -> None:
    await realm.authz.create_token("bob", scopes=["call com.x", "GET /a"], expires_us=in_s(1000), container="c")
    await realm.authz.create_token("bob")
    before = realm.authz.tokens_of("bob")
    await realm.authz.close()
    async with a_realm_by_hand(tmp_path) as again:
        assert again.authz.tokens_of("bob") == before


# ---- scopes on the wire ----


@pytest.mark.parametrize("user", ["bob", "dora"])
async def test_scope_bounds_what_its_user_may(realm: RealmByHand, user: str) -> None:
    peer = await realm.join(user, scopes=["subscribe com.app.x", "call fairlead.authz.check"])
    assert peer.ask([32, 1, {}, "com.app.x"])[0][0] == 33
    assert peer.ask([48, 2, {}, "fairlead.authz.check", [user, "read", "x"]])[0][0] == 50
    for request in ([32, 3, {}, "com.app.y"], [48, 4, {}, "fairlead.authz.list"], [64, 5, {}, "com.app.x"]):
        assert peer.ask(request)[0][4] == "wamp.error.not_authorized"
    assert peer.ask([16, 6, {"acknowledge": True}, "com.app.x"])[0][4] == "wamp.error.not_authorized"


async def test_scope_gives_nobody_what_the_user_may_not(realm: RealmByHand) -> None:
    carol = await realm.join("carol", scopes=["*"])
    assert carol.ask([32, 1, {}, "com.app.x"])[0][4] == "wamp.error.not_authorized"


@pytest.mark.parametrize("match", ["prefix", "wildcard"])
@pytest.mark.parametrize("user", ["bob", "dora"])
async def test_pattern_reaches_only_what_the_scope_covers(realm: RealmByHand, user: str, match: str) -> None:
    peer = await realm.join(user, scopes=["subscribe com.app.x"])
    peer.subscribe("com.app.", match=match)
    realm.publish("x", "in scope")
    realm.publish("y", "secret")
    assert texts(peer) == ["in scope"]
    assert peer.ask([32, 1, {"match": match}, "org."])[0][4] == "wamp.error.not_authorized"


async def test_session_with_scopes_hears_of_its_own_losses(realm: RealmByHand) -> None:
    bob = await realm.join("bob", scopes=[])
    bob.subscribe("fairlead.session.revoked")


async def test_narrower_scopes_end_what_rests_on_the_rest(realm: RealmByHand) -> None:
    await realm.authz.apply([Grant("bob", "manage", "y")])
    token = await realm.authz.create_token("bob")
    bob, caller = realm.join_with(token), await realm.join("dora")
    bob.subscribe("com.app.x")
    bob.subscribe("com.app.y")
    bob.register("com.app.y")
    await realm.authz.change_token(id_of(token), scopes=["subscribe com.app.y"])
    realm.publish("x", "secret")
    realm.publish("y", "permitted")
    assert texts(bob) == ["permitted"]
    assert caller.ask([48, 1, {}, "com.app.y"])[0][4] == "wamp.error.no_such_procedure"
    assert bob.has_session


async def test_narrower_scopes_end_calls_in_progress(realm: RealmByHand) -> None:
    callee = await realm.join("alice")
    callee.register("com.app.x")
    token = await realm.authz.create_token("bob")
    bob = realm.join_with(token)
    bob.ask([48, 1, {"receive_progress": True}, "com.app.x"])
    [[_, invocation, *_]] = callee.take()
    await realm.authz.change_token(id_of(token), scopes=["subscribe"])
    callee.ask([70, invocation, {}, ["secret"]])
    [error] = bob.take()
    assert (error[0], error[4]) == (8, "wamp.error.not_authorized")


async def test_wider_scopes_let_a_pattern_see_more(realm: RealmByHand) -> None:
    token = await realm.authz.create_token("bob", scopes=["subscribe com.app.x"])
    bob = realm.join_with(token)
    bob.subscribe("com.app.", match="prefix")
    realm.publish("y", "not yet")
    await realm.authz.change_token(id_of(token), scopes=["subscribe com.app."])
    realm.publish("y", "now")
    assert texts(bob) == ["now"]


async def test_scopes_of_one_token_are_not_those_of_another_session_of_its_user(realm: RealmByHand) -> None:
    narrow, wide = await realm.join("bob", scopes=["subscribe com.app.x"]), await realm.join("bob")
    for peer in (narrow, wide):
        peer.subscribe("com.app.", match="prefix")
    realm.publish("y", "for one")
    assert (texts(narrow), texts(wide)) == ([], ["for one"])


async def test_end_of_a_token_that_is_moved_to_the_past_is_now(realm: RealmByHand) -> None:
    token = await realm.authz.create_token("bob")
    bob = realm.join_with(token)
    await realm.authz.change_token(id_of(token), expires_us=in_s(-1))
    assert goodbye(bob) == TOKEN_ENDED


def test_token_of_terms_names_its_container() -> None:
    token, text = make_token("bob", 0, Terms(("call",), 7, "c"))
    assert (token.scopes, token.expires_us, token.container) == (("call",), 7, "c")
    assert text.endswith("/c")
