"""From a JWT to a principal: whose keys are looked at, who the user is, and who waits for what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from fairlead_authz import Authz, Grant, Put
from fairlead_authz.oidc import Issuer, KeySet, OidcAuthenticator, OidcPrincipal
from fairlead_authz.oidc.errors import IssuerUnavailable
from fairlead_authz.oidc.fetching import FetchFailed
from fairlead_authz.oidc.jwks import decode_keys
from fairlead_authz.oidc.keys import PAUSE_S
from fairlead_router import AuthenticationFailed, Principal
from support.core import Answer, HandHost
from support.hello import challenged, hello
from support.issuer import AUDIENCE, claims_of, key_set, private_key, public_jwk, sign

A, B = "https://a.example.org", "https://b.example.org"
DOWN = FetchFailed("it is down")


def issuer(url: str = A, **changed: Any) -> Issuer:
    return Issuer(**{"issuer": url, "audience": AUDIENCE, "prefix": f"{url[8]}-", **changed})


def keys_of(url: str, *kids: str) -> bytes:
    return key_set(*(public_jwk(private_key("ES256", url + kid), kid) for kid in kids))


def token(subject: Any, kid: str = "k", url: str = A, signed_by: str | None = None, **changed: Any) -> str:
    return sign(private_key("ES256", (signed_by or url) + kid), "ES256", claims_of(url, subject, **changed), kid)


class World:
    """A realm's permissions, in which alice of the issuer A is a user, and what issuers are asked."""

    def __init__(self, authz: Authz) -> None:
        self.authz = authz
        self.host = HandHost()
        self.asked: list[tuple[str, Answer]] = []
        self.oidc = OidcAuthenticator(authz, self.host, self._ask)

    def _ask(self, url: str) -> Answer:
        self.asked.append((url, Answer()))
        return self.asked[-1][1]

    def configure(self, *issuers: Issuer) -> None:
        """With the key `k` of each fetched, and the pause after it over."""
        given: dict[Issuer, KeySet | None] = dict.fromkeys(issuers)
        self.oidc.replace(given)
        for url, answer in self.asked:
            answer.give(keys_of(url, "k"))
        self.host.advance(PAUSE_S)
        self.asked.clear()

    def answer(self, answer: bytes | BaseException) -> None:
        self.asked[-1][1].give(answer)
        self.host.run()

    def log_in(self, text: str, authid: str | None = None) -> Any:
        """A Principal, or what is awaited for it."""
        return challenged(self.oidc, hello("ticket", authid=authid)).verify(text, {})

    def begin(self, text: str) -> asyncio.Future[Any]:
        """A login that waits."""
        waiting = self.log_in(text)
        assert isawaitable(waiting)
        return asyncio.ensure_future(waiting)

    def refuses(self, text: str, authid: str | None = None) -> bool:
        with pytest.raises(AuthenticationFailed):
            self.log_in(text, authid)
        return not self.asked


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    authz = await Authz.open(f"sqlite:///{tmp_path}/permissions.sqlite")
    await authz.apply([Put("user", "a-alice"), Put("object", "x"), Grant("a-alice", "read", "x")])
    made = World(authz)
    yield made
    made.oidc.replace({})
    await authz.close()


async def test_a_token_names_its_user_at_once_and_says_when_it_ends(world: World) -> None:
    world.configure(issuer())
    principal = world.log_in(token("alice", exp=2_000_000_000))
    assert principal == OidcPrincipal("a-alice", "user", "ticket", A, expires_us=2_000_000_030_000_000)
    assert world.log_in(token("alice"), "a-alice").authid == "a-alice"


async def test_an_administrator_of_the_graph_is_one_whoever_says_who_it_is(world: World) -> None:
    await world.authz.apply([Put("user", "a-alice", is_admin=True)])
    world.configure(issuer())
    assert world.log_in(token("alice", roles=["user"])).authrole == "admin"


async def test_rights_and_roles_in_a_token_are_worth_nothing(world: World) -> None:
    world.configure(issuer())
    principal = world.log_in(token("alice", scope="admin", roles=["admin"], is_admin=True))
    assert principal.authrole == "user"


async def test_another_claim_may_name_the_user(world: World) -> None:
    world.configure(issuer(claim="preferred_username"))
    assert world.log_in(token("4711", preferred_username="alice")).authid == "a-alice"


async def test_who_claims_to_be_somebody_else_is_refused(world: World) -> None:
    world.configure(issuer())
    assert world.refuses(token("alice"), "admin")


@pytest.mark.parametrize("subject", ["bob", "", "a.b", "x" * 200, "alice\0", "älice", "alice/../admin"])
async def test_who_is_no_user_here_is_refused(world: World, subject: str) -> None:
    world.configure(issuer())
    assert world.refuses(token(subject))


@pytest.mark.parametrize("subject", ["system", "admin", "anonymous", "all-users", "anonymous-users", "x"])
async def test_no_issuer_names_the_users_that_every_realm_has_nor_what_is_no_user(world: World, subject: str) -> None:
    world.configure(issuer(prefix="", create_users=True))
    assert world.refuses(token(subject))


async def test_inactive_users_are_refused(world: World) -> None:
    await world.authz.apply([Put("user", "a-alice", is_active=False)])
    world.configure(issuer(create_users=True))
    assert world.refuses(token("alice"))


async def test_users_are_made_when_they_first_come_if_the_configuration_says_so(world: World) -> None:
    world.configure(issuer(create_users=True))
    first, second = await asyncio.gather(*(world.begin(token("bob", name="Bob B.")) for _ in range(2)))
    assert (first.authid, second.authid) == ("a-bob", "a-bob")
    node = world.authz.graph.nodes["a-bob"]
    assert (node.kind, node.name, node.is_active, node.is_admin) == ("user", "Bob B.", True, False)
    assert world.authz.graph.link_level("a-bob", "all-users") > 0
    assert isinstance(world.log_in(token("bob", name="Robert")), Principal)
    assert world.authz.graph.nodes["a-bob"].name == "Bob B."


@pytest.mark.parametrize(("name", "made"), [(7, ""), ({}, ""), ("x" * 2000, "x" * 1000)])
async def test_a_name_that_is_none_makes_nobody_fail(world: World, name: Any, made: str) -> None:
    world.configure(issuer(create_users=True))
    await world.begin(token("bob", name=name))
    assert world.authz.graph.nodes["a-bob"].name == made


# ---- whose keys ----


async def test_keys_are_those_of_the_issuer_whatever_their_ids(world: World) -> None:
    """CVE-2026-49998: keys were kept by id alone, so that one issuer's signed for another's users."""
    world.configure(issuer(A), issuer(B))
    await world.authz.apply([Put("user", "b-alice")])
    assert world.log_in(token("alice", url=B)).authid == "b-alice"
    assert world.refuses(token("alice", url=A, signed_by=B))


async def test_an_issuer_that_is_not_configured_is_not_asked(world: World) -> None:
    """CVE-2026-32301: what a token says of itself sent requests anywhere."""
    world.configure(issuer())
    assert world.refuses(token("alice", url="http://169.254.169.254"))
    assert world.refuses(token("alice", url=f"{A}/"))


async def test_an_algorithm_that_is_not_allowed_is_refused_before_anybody_is_asked(world: World) -> None:
    world.configure(issuer(algorithms=("RS256", "ES256")))
    assert world.refuses(sign(private_key("EdDSA"), "EdDSA", claims_of(A, "alice"), "unknown"))
    assert world.refuses(sign("secret" * 10, "HS256", claims_of(A, "alice"), "unknown"))


async def test_other_tickets_and_anonymous_peers_are_judged_as_ever(world: World) -> None:
    world.configure(issuer())
    made = await world.authz.create_token("a-alice")
    assert world.log_in(made).authprovider == "fairlead"
    assert world.refuses("v2/4711/secret")
    assert world.refuses("something")
    decision = world.oidc.authenticate(hello("anonymous"))
    assert isinstance(decision, Principal)
    assert decision.authid == "anonymous"


async def test_keys_of_a_file_ask_nobody(world: World) -> None:
    configured = issuer()
    world.oidc.replace({configured: decode_keys(keys_of(A, "k"), configured.algorithms)})
    assert world.log_in(token("alice")).authid == "a-alice"
    with pytest.raises(AuthenticationFailed):
        await world.begin(token("alice", kid="other"))
    assert world.asked == []


# ---- who waits ----


async def test_a_new_key_is_fetched_while_the_others_wait_not_at_all(world: World) -> None:
    world.configure(issuer(A), issuer(B))
    await world.authz.apply([Put("user", "b-bob")])
    waiting = [world.begin(token("alice", kid="new")) for _ in range(3)]
    await asyncio.sleep(0)
    assert [url for url, _ in world.asked] == [A]
    assert world.log_in(token("alice")).authid == "a-alice"
    assert world.log_in(token("bob", url=B)).authid == "b-bob"
    assert isinstance(world.log_in(await world.authz.create_token("a-alice")), Principal)
    assert not any(each.done() for each in waiting)
    world.answer(keys_of(A, "k", "new"))
    assert [principal.authid for principal in await asyncio.gather(*waiting)] == ["a-alice"] * 3


async def test_a_key_that_nobody_knows_is_refused_and_costs_one_fetch(world: World) -> None:
    world.configure(issuer())
    waiting = world.begin(token("alice", kid="made up"))
    await asyncio.sleep(0)
    world.answer(keys_of(A, "k"))
    for each in (waiting, world.begin(token("alice", kid="another"))):
        with pytest.raises(AuthenticationFailed):
            await each
    assert len(world.asked) == 1


async def test_while_the_issuer_is_down_known_keys_go_on_and_others_are_told_to_come_later(world: World) -> None:
    world.configure(issuer())
    waiting = world.begin(token("alice", kid="new"))
    await asyncio.sleep(0)
    world.answer(DOWN)
    for each in (waiting, world.begin(token("alice", kid="new"))):
        with pytest.raises(IssuerUnavailable, match="try again later"):
            await each
    assert world.log_in(token("alice")).authid == "a-alice"
    assert len(world.asked) == 1


# ---- another configuration ----


async def test_an_issuer_that_is_as_it_was_keeps_its_keys_and_sessions(world: World) -> None:
    world.configure(issuer(A), issuer(B))
    assert world.oidc.replace({issuer(A): None}) == {B}
    assert world.log_in(token("alice")).authid == "a-alice"
    assert world.refuses(token("bob", url=B))


async def test_an_issuer_that_is_different_begins_anew(world: World) -> None:
    world.configure(issuer())
    assert world.oidc.replace({issuer(audience="another"): None}) == {A}
    assert [url for url, _ in world.asked] == [A]


async def test_other_keys_in_a_file_end_no_session(world: World) -> None:
    configured = issuer()
    world.oidc.replace({configured: decode_keys(keys_of(A, "k"), configured.algorithms)})
    assert world.oidc.replace({configured: decode_keys(keys_of(A, "new"), configured.algorithms)}) == set()
    assert world.log_in(token("alice", kid="new")).authid == "a-alice"


async def test_a_login_that_waits_for_an_issuer_that_is_gone_is_refused(world: World) -> None:
    world.configure(issuer())
    waiting = world.begin(token("alice", kid="new"))
    await asyncio.sleep(0)
    world.oidc.replace({})
    with pytest.raises(AuthenticationFailed):
        await waiting


async def test_a_user_that_is_made_for_an_issuer_that_is_gone_does_not_come_in(world: World) -> None:
    world.configure(issuer(create_users=True))
    waiting = world.begin(token("bob"))
    world.oidc.replace({issuer(create_users=True, prefix="c-"): None})
    with pytest.raises(AuthenticationFailed):
        await waiting
