"""The two authenticators that need no library."""

from __future__ import annotations

import pytest

from fairlead_router.auth import (
    AnonymousAuthenticator,
    ChallengeRequest,
    HelloRequest,
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
    with pytest.raises(NoMatchingAuthMethod, match="are not offered here"):
        AnonymousAuthenticator().authenticate(hello("ticket"))


@pytest.mark.parametrize("authid", [None, "alice"])
def test_ticket_names_the_principal(authid: str | None) -> None:
    assert challenge(hello("ticket", authid=authid)).verify("secret") is ALICE


@pytest.mark.parametrize(("ticket", "authid"), [("wrong", "alice"), ("", None), ("secret", "bob")])
def test_wrong_ticket_is_refused_without_repeating_it(ticket: str, authid: str | None) -> None:
    verify = challenge(hello("ticket", authid=authid)).verify
    with pytest.raises(AuthenticationFailed) as caught:
        verify(ticket)
    assert "secret" not in caught.value.text
    assert "wrong" not in caught.value.text


def test_ticket_must_be_offered() -> None:
    with pytest.raises(NoMatchingAuthMethod, match="use 'ticket'"):
        TicketAuthenticator({}).authenticate(hello("anonymous", "wampcra"))


def test_a_realm_without_an_authorizer_forbids_nothing() -> None:
    everything = AllowAll()
    assert everything.authorize(ANONYMOUS, "publish", "com.x", "exact", None) is True
    assert everything.can(ANONYMOUS, "manage", "x")
    assert everything.object_of("call", "com.x") is None
