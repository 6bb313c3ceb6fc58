"""Tokens, and who they make of a peer."""

from __future__ import annotations

import pytest

from fairlead_authz.authenticator import ActiveUsers, TokenAuthenticator
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.tokens.tokens import Token, TokenPrincipal, Tokens, make_token
from fairlead_router import (
    ANONYMOUS,
    AuthenticationFailed,
    ChallengeRequest,
    HelloRequest,
    NoMatchingAuthMethod,
    Principal,
    TicketAuthenticator,
)


class Door:
    """An authenticator that knows bob, and root who is an administrator, with a token each; the clock by hand."""

    def __init__(self) -> None:
        self.now_us = 1_000
        self.graph = Graph()
        self.graph.put(Node("root", "user", "root", is_admin=True))
        self.graph.put(Node("bob", "user", "root"))
        self.tokens = Tokens([], self.graph, lambda: self.now_us)
        self.bobs, self.roots = self.issue("bob"), self.issue("root")
        self.authenticator = TokenAuthenticator(self.graph, self.tokens)

    def issue(self, user: str) -> str:
        token, text = make_token(user, self.now_us)
        self.tokens.put(token)
        return text

    def hello(self, authid: str | None = None, *authmethods: str) -> object:
        return self.authenticator.authenticate(HelloRequest("realm1", authid, authmethods))


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_token_has_arvados_form_and_its_secret_is_not_kept(door: Door) -> None:
    version, id_, secret = door.bobs.split("/")
    token = door.tokens.find(door.bobs)
    assert version == "v2"
    assert token is not None
    assert token.id == id_
    assert len(secret) >= 43
    assert secret not in repr(token)
    assert secret.encode() not in token.secret_sha256


def test_no_two_tokens_are_alike(door: Door) -> None:
    made = [make_token("bob", 0) for _ in range(100)]
    assert len({token.id for token, _ in made}) == len({text for _, text in made}) == 100


@pytest.mark.parametrize("authid", [None, "", "bob"])
def test_a_token_names_its_user_whether_or_not_hello_does(door: Door, authid: str | None) -> None:
    challenge = door.hello(authid, "ticket")
    assert isinstance(challenge, ChallengeRequest)
    principal = challenge.verify(door.bobs, {})
    assert isinstance(principal, TokenPrincipal)
    assert (principal.authid, principal.authrole, principal.authmethod) == ("bob", "user", "ticket")
    assert principal.token_id == door.bobs.split("/")[1]


def test_an_administrators_role_says_so(door: Door) -> None:
    assert door.authenticator.principal(door.roots).authrole == "admin"


def test_another_authid_than_the_tokens_is_refused(door: Door) -> None:
    for authid in ("root", "nobody", "anonymous", "bob "):
        challenge = door.hello(authid, "ticket")
        assert isinstance(challenge, ChallengeRequest)
        with pytest.raises(AuthenticationFailed, match="does not belong to user"):
            challenge.verify(door.bobs, {})


def test_without_a_token_one_is_anonymous(door: Door) -> None:
    assert door.hello() == door.hello("anonymous", "anonymous") == door.hello(None, "cookie", "anonymous") == ANONYMOUS


def test_an_anonymous_peer_that_calls_itself_a_user_is_refused(door: Door) -> None:
    with pytest.raises(AuthenticationFailed, match="'bob' needs a token"):
        door.hello("bob", "anonymous")


def test_who_knows_no_method_that_is_offered_is_told_which_are(door: Door) -> None:
    with pytest.raises(NoMatchingAuthMethod, match="use 'ticket' with a token, or 'anonymous'"):
        door.hello("bob", "wampcra")


@pytest.mark.parametrize(
    "text", ["", "v2", "v2/x/y", "v1/a/b", "v2/a/b/c", "\0", "v2//", "\ud800", "v2/\ud800/\ud800", "x" * 100_000]
)
def test_what_is_no_token_is_refused_without_being_repeated(door: Door, text: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        door.authenticator.principal(text)
    assert caught.value.text == "the token is not valid"


def test_every_part_of_a_token_counts(door: Door) -> None:
    version, id_, secret = door.bobs.split("/")
    other = door.roots.split("/")
    for text in (
        f"v1/{id_}/{secret}",
        f"{version}/{id_}/{other[2]}",
        f"{version}/{other[1]}/{secret}",
        f"{version}/{id_}/",
    ):
        with pytest.raises(AuthenticationFailed):
            door.authenticator.principal(text)
    assert door.authenticator.principal(f" {door.bobs}\n").authid == "bob"


def test_a_token_expires(door: Door) -> None:
    token, text = make_token("bob", 0)
    door.tokens.put(Token(token.id, "bob", token.secret_sha256, 0, expires_us=2_000))
    assert door.authenticator.principal(text).authid == "bob"
    door.now_us = 2_000
    with pytest.raises(AuthenticationFailed):
        door.authenticator.principal(text)


def test_a_dropped_token_is_void_and_the_others_are_not(door: Door) -> None:
    second = door.issue("bob")
    door.tokens.drop(door.bobs.split("/")[1])
    door.tokens.drop("unknown")
    with pytest.raises(AuthenticationFailed):
        door.authenticator.principal(door.bobs)
    assert door.authenticator.principal(second).authid == "bob"
    door.tokens.drop_all("bob")
    with pytest.raises(AuthenticationFailed):
        door.authenticator.principal(second)
    assert door.authenticator.principal(door.roots).authid == "root"


def test_the_token_of_a_user_who_is_gone_or_inactive_tells_nothing(door: Door) -> None:
    door.graph.put(Node("bob", "user", "root", is_active=False))
    with pytest.raises(AuthenticationFailed, match=r"^the token is not valid$"):
        door.authenticator.principal(door.bobs)
    door.graph.remove("bob")
    with pytest.raises(AuthenticationFailed, match=r"^the token is not valid$"):
        door.authenticator.principal(door.bobs)


# ---- other methods, for users of the graph ----


@pytest.mark.parametrize("authid", ["bob", "root", "nobody", "bobs-project", "away"])
def test_other_methods_are_for_active_users_of_the_graph_only(door: Door, authid: str) -> None:
    door.graph.put(Node("bobs-project", "project", "bob"))
    door.graph.put(Node("away", "user", "root", is_active=False))
    others = TicketAuthenticator({"secret": Principal(authid, "user", "ticket")})
    challenge = ActiveUsers(door.graph, others).authenticate(HelloRequest("realm1", None, ("ticket",)))
    assert isinstance(challenge, ChallengeRequest)
    if authid in {"bob", "root"}:
        assert challenge.verify("secret", {}) == Principal(authid, "user", "ticket")
    else:
        with pytest.raises(AuthenticationFailed):
            challenge.verify("secret", {})
