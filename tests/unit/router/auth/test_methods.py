"""The authenticators that need no library, and several in one realm."""

from __future__ import annotations

import pytest

from fairlead_router.auth import (
    AnonymousAuthenticator,
    ChallengeRequest,
    HelloRequest,
    MethodsAuthenticator,
    TicketAuthenticator,
    offers_anonymous,
)
from fairlead_router.authorization import ANONYMOUS, AllowAll, Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod

ALICE = Principal("alice", "user", "ticket")


def hello(*authmethods: str, authid: str | None = None) -> HelloRequest:
    return HelloRequest("realm1", authid, authmethods)


def challenge(request: HelloRequest) -> ChallengeRequest:
    answer = TicketAuthenticator({"secret": ALICE}).authenticate(request)
    assert isinstance(answer, ChallengeRequest)
    assert answer.authmethod == "ticket"
    return answer


@pytest.mark.parametrize("authmethods", [(), ("anonymous",), ("ticket", "anonymous")])
def test_everybody_may_be_anonymous(authmethods: tuple[str, ...]) -> None:
    assert offers_anonymous(hello(*authmethods))
    assert AnonymousAuthenticator().authenticate(hello(*authmethods)) == ANONYMOUS


def test_who_insists_on_a_proof_is_not_let_in_without() -> None:
    with pytest.raises(NoMatchingAuthMethod, match="is offered here"):
        AnonymousAuthenticator().authenticate(hello("ticket"))


@pytest.mark.parametrize("authid", [None, "alice"])
def test_ticket_names_the_principal(authid: str | None) -> None:
    assert challenge(hello("ticket", authid=authid)).verify("secret", {}) == ALICE


def test_principal_has_the_method_by_which_it_was_let_in_whatever_the_table_says() -> None:
    named = TicketAuthenticator({"secret": Principal("alice", "user")}).authenticate(hello("ticket"))
    assert isinstance(named, ChallengeRequest)
    assert named.verify("secret", {}) == ALICE
    assert AnonymousAuthenticator(ALICE).authenticate(hello()).authmethod == "anonymous"


@pytest.mark.parametrize(("ticket", "authid"), [("wrong", "alice"), ("", None), ("secret", "bob")])
def test_wrong_ticket_is_refused_without_repeating_it(ticket: str, authid: str | None) -> None:
    verify = challenge(hello("ticket", authid=authid)).verify
    with pytest.raises(AuthenticationFailed) as caught:
        verify(ticket, {})
    assert "secret" not in caught.value.text
    assert "wrong" not in caught.value.text


def test_ticket_must_be_offered() -> None:
    with pytest.raises(NoMatchingAuthMethod, match="use 'ticket'"):
        TicketAuthenticator({}).authenticate(hello("anonymous", "wampcra"))


def test_anonymous_peers_may_be_given_another_principal() -> None:
    guest = Principal("guest", "visitor")
    assert AnonymousAuthenticator(guest).authenticate(hello()) == guest


class NotNow:
    """A method that does not apply, as a cookie's where there is none."""

    def authenticate(self, hello: HelloRequest) -> ChallengeRequest:
        raise NoMatchingAuthMethod("not this one")


METHODS = MethodsAuthenticator(
    {"cookie": NotNow(), "ticket": TicketAuthenticator({"secret": ALICE}), "anonymous": AnonymousAuthenticator()}
)


@pytest.mark.parametrize(
    ("authmethods", "chosen"),
    [
        ((), "anonymous"),
        (("anonymous", "ticket"), "anonymous"),
        (("ticket", "anonymous"), "ticket"),
        (("wampcra", "cookie", "ticket"), "ticket"),
        (("cookie", "anonymous"), "anonymous"),
    ],
)
def test_the_first_of_the_clients_methods_that_applies_is_taken(authmethods: tuple[str, ...], chosen: str) -> None:
    decision = METHODS.authenticate(hello(*authmethods))
    assert isinstance(decision, (ChallengeRequest, Principal))
    assert decision.authmethod == chosen


@pytest.mark.parametrize("authmethods", [("wampcra",), ("cookie",), ("", "x" * 1000)])
def test_no_method_that_applies_says_what_is_offered(authmethods: tuple[str, ...]) -> None:
    with pytest.raises(NoMatchingAuthMethod, match="offered are cookie, ticket, anonymous"):
        METHODS.authenticate(hello(*authmethods))


def test_a_realm_without_an_authorizer_forbids_nothing() -> None:
    everything = AllowAll()
    assert everything.authorize(ANONYMOUS, "publish", "com.x", "exact", None) is True
    assert everything.can(ANONYMOUS, "manage", "x")
    assert everything.object_of("call", "com.x") is None


def test_empty_ticket_is_none() -> None:
    with pytest.raises(ValueError, match="the ticket of 'alice' must not be empty"):
        TicketAuthenticator({"": Principal("alice", "user")})
