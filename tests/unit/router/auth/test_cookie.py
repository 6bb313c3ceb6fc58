"""Who has authenticated once from a browser is known again by its cookie."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from fairlead_router.auth import (
    AnonymousAuthenticator,
    ChallengeRequest,
    Decision,
    HelloRequest,
    MethodsAuthenticator,
    TicketAuthenticator,
)
from fairlead_router.auth.cookie import CookieAuthenticator, CookieStore
from fairlead_router.authorization import ANONYMOUS, Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod
from fairlead_router.limits import Limits
from fairlead_router.peer import PeerDetails
from support.core import HandHost
from support.hello import challenged, hello, verified

ALICE = Principal("alice", "user", "ticket", authextra={"once": 1})
KNOWN = Principal("alice", "user", "cookie")
OTHERS = MethodsAuthenticator({"ticket": TicketAuthenticator({"secret": ALICE}), "anonymous": AnonymousAuthenticator()})


class Browser:
    """A peer with a cookie, and a realm that knows cookies."""

    def __init__(self, **limits: Any) -> None:
        self.host = HandHost()
        self.store = CookieStore(self.host, Limits(**limits))
        self.authenticator = CookieAuthenticator(self.store, OTHERS)

    def hello(self, *authmethods: str, cookie: str | None = "c1", **more: Any) -> HelloRequest:
        cookies = {} if cookie is None else {"fairlead_id": cookie, "other": "x"}
        return hello(*authmethods, peer=PeerDetails(cookies=cookies), **more)

    def prove(self, cookie: str = "c1") -> None:
        verified(challenged(self.authenticator, self.hello("ticket", cookie=cookie)), "secret")

    def decide(self, *authmethods: str, **more: Any) -> Decision | Awaitable[Decision]:
        return self.authenticator.authenticate(self.hello(*authmethods, **more))


def test_proof_is_asked_for_once() -> None:
    browser = Browser()
    assert isinstance(browser.decide("cookie", "ticket"), ChallengeRequest)
    browser.prove()
    assert browser.decide("cookie", "ticket") == KNOWN
    assert browser.decide("ticket", "cookie", authid="alice") == KNOWN


def test_who_does_not_name_the_method_is_asked_again() -> None:
    browser = Browser()
    browser.prove()
    assert isinstance(browser.decide("ticket"), ChallengeRequest)


def test_wrong_proof_is_not_remembered() -> None:
    browser = Browser()
    challenge = challenged(browser.authenticator, browser.hello("ticket"))
    with pytest.raises(AuthenticationFailed):
        challenge.verify("wrong", {})
    assert isinstance(browser.decide("cookie", "ticket"), ChallengeRequest)


@pytest.mark.parametrize("cookie", [None, "c2", "", "C1", "x" * 10_000])
def test_another_cookie_is_asked(cookie: str | None) -> None:
    browser = Browser()
    browser.prove()
    assert isinstance(browser.decide("cookie", "ticket", cookie=cookie), ChallengeRequest)


def test_cookie_is_not_for_another_user_or_realm() -> None:
    browser = Browser()
    browser.prove()
    assert isinstance(browser.decide("cookie", "ticket", authid="bob"), ChallengeRequest)
    elsewhere = HelloRequest("realm2", None, ("cookie", "ticket"), peer=PeerDetails(cookies={"fairlead_id": "c1"}))
    assert isinstance(browser.authenticator.authenticate(elsewhere), ChallengeRequest)


def test_without_another_method_an_unknown_cookie_is_refused() -> None:
    with pytest.raises(NoMatchingAuthMethod):
        Browser().decide("cookie")


def test_anonymous_peers_are_not_remembered() -> None:
    browser = Browser()
    assert browser.decide() == ANONYMOUS
    with pytest.raises(NoMatchingAuthMethod):
        browser.decide("cookie")


async def test_principal_that_is_known_later_is_remembered() -> None:
    class Later:
        async def authenticate(self, hello: HelloRequest) -> Decision:
            return ChallengeRequest("ticket", self.verify)

        async def verify(self, signature: str, extra: dict[str, Any]) -> Decision:
            return ALICE

    browser = Browser()
    browser.authenticator = CookieAuthenticator(browser.store, Later())
    decision = browser.decide("ticket")
    assert isinstance(decision, Awaitable)
    challenge = await decision
    assert isinstance(challenge, ChallengeRequest)
    verdict = challenge.verify("x", {})
    assert isinstance(verdict, Awaitable)
    assert await verdict == ALICE
    assert browser.decide("cookie") == KNOWN


def test_cookie_is_forgotten_after_its_time() -> None:
    browser = Browser(cookie_lifetime_s=100)
    browser.prove()
    browser.host.advance(99)
    assert browser.decide("cookie", "ticket") == KNOWN
    browser.host.advance(2)
    assert isinstance(browser.decide("cookie", "ticket"), ChallengeRequest)
    assert browser.host.pending_timers == 0


def test_new_proof_renews_the_time() -> None:
    browser = Browser(cookie_lifetime_s=100)
    browser.prove()
    browser.host.advance(60)
    browser.prove()
    browser.host.advance(60)
    assert browser.decide("cookie", "ticket") == KNOWN


def test_so_many_are_remembered_and_no_more() -> None:
    browser = Browser(cookies_remembered=2)
    for cookie in ("c1", "c2", "c3"):
        browser.prove(cookie)
    known = [browser.decide("cookie", "ticket", cookie=cookie) == KNOWN for cookie in ("c1", "c2", "c3")]
    assert known == [False, True, True]
    assert browser.host.pending_timers == 2


def test_principal_can_be_forgotten() -> None:
    browser = Browser()
    browser.prove("c1")
    browser.prove("c2")
    browser.store.forget("alice")
    for cookie in ("c1", "c2"):
        assert isinstance(browser.decide("cookie", "ticket", cookie=cookie), ChallengeRequest)
    assert browser.host.pending_timers == 0
