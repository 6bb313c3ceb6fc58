"""From a ticket to the principal: a JWT names a user by its issuer's configuration, all else is judged by others."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead_authz.changes import MAX_NAME, Activate, Put, check_id
from fairlead_authz.model.graph import WELL_KNOWN
from fairlead_authz.oidc.errors import IssuerUnavailable
from fairlead_authz.oidc.fetching import fetch_keys
from fairlead_authz.oidc.issuer import Issuer
from fairlead_authz.oidc.jwks import KeySet
from fairlead_authz.oidc.keys import FetchedKeys, FixedKeys, Keys
from fairlead_authz.oidc.verifying import NOT_VALID, Unverified, is_jwt, read, verify
from fairlead_router.auth import ChallengeRequest, Decision, HelloRequest
from fairlead_router.authorization import Principal
from fairlead_router.errors import AuthenticationFailed, InvalidArgument
from fairlead_router.host import Host

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz

log = logging.getLogger(__name__)


class OidcPrincipal(Principal, frozen=True):
    """Who came in with a JWT; `authprovider` is its issuer. The session ends when the token does."""


class _Provider:
    """An issuer and its keys."""

    def __init__(self, issuer: Issuer, keys: Keys) -> None:
        self.issuer = issuer
        self.keys = keys


class OidcAuthenticator:
    """An Authenticator: the tickets that are JWTs, and what another one does with all else."""

    def __init__(self, authz: "Authz", host: Host, fetch: Callable[[str], Awaitable[bytes]] = fetch_keys) -> None:
        self._authz = authz
        self._host = host
        self._fetch = fetch
        self._providers: dict[str, _Provider] = {}

    def replace(self, issuers: Mapping[Issuer, KeySet | None]) -> set[str]:
        """These count from now on, with the keys given, or those that they publish.

        Returns those that are gone or different: their sessions are to end. One that is as it was keeps what was
        fetched.
        """
        before, self._providers = self._providers, {}
        for issuer, given in issuers.items():
            self._providers[issuer.issuer] = self._provider(issuer, given, before.get(issuer.issuer))
        for name, old in before.items():
            if self._providers.get(name) is not old:
                old.keys.close()
        return {name for name, old in before.items() if old.issuer not in issuers}

    def _provider(self, issuer: Issuer, given: KeySet | None, old: _Provider | None) -> _Provider:
        if given is not None:
            return _Provider(issuer, FixedKeys(given))
        if old is not None and old.issuer == issuer and isinstance(old.keys, FetchedKeys):
            return old
        return _Provider(issuer, FetchedKeys(issuer, self._host, self._fetch))

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """As tokens are taken; a ticket that is a JWT is judged here."""
        decision = self._authz.authenticator.authenticate(hello)
        if not isinstance(decision, ChallengeRequest) or decision.authmethod != "ticket":
            return decision
        return msgspec.structs.replace(decision, verify=partial(self._verify, hello, decision))

    def _verify(
        self, hello: HelloRequest, others: ChallengeRequest, ticket: str, extra: dict[str, Any]
    ) -> Decision | Awaitable[Decision]:
        if not is_jwt(ticket):
            return others.verify(ticket, extra)
        token = read(ticket)
        provider = self._providers.get(token.issuer)
        if provider is None or token.header.alg not in provider.issuer.algorithms:
            raise AuthenticationFailed(NOT_VALID)
        if provider.keys.find(token.header.kid) is not None:
            return self._judge(hello, provider, token)
        return self._judge_later(hello, provider, token)

    async def _judge_later(self, hello: HelloRequest, provider: _Provider, token: Unverified) -> Decision:
        """The key may come with the next fetch."""
        fetched = provider.keys.fetched_again()
        if fetched is not None:
            await fetched
        if provider.keys.find(token.header.kid) is None and provider.keys.are_out_of_reach:
            raise IssuerUnavailable("the keys of the token's issuer cannot be had now: try again later")
        decision = self._judge(hello, provider, token)
        return decision if isinstance(decision, Principal) else await decision

    def _judge(self, hello: HelloRequest, provider: _Provider, token: Unverified) -> Principal | Awaitable[Principal]:
        key = (provider.keys.find(token.header.kid) or {}).get(token.header.alg)
        if key is None:
            raise AuthenticationFailed(NOT_VALID)
        claims = verify(token, key, provider.issuer)
        user = _user_of(claims, provider.issuer)
        if provider.issuer.create_users and self._authz.graph.node(user) is None:
            return self._create(hello, provider, claims, user)
        return self._principal(hello, provider, claims, user)

    async def _create(self, hello: HelloRequest, provider: _Provider, claims: dict[str, Any], user: str) -> Principal:
        """A user like any other: active, and in `all-users`."""
        name = claims.get(provider.issuer.name_claim)
        made = Put("user", user, name=name[:MAX_NAME] if isinstance(name, str) else None)
        await self._authz.apply([made, Activate(user)])
        log.info("user %s was made: it came in with a token of %s", user, provider.issuer.issuer)
        return self._principal(hello, provider, claims, user)

    def _principal(self, hello: HelloRequest, provider: _Provider, claims: dict[str, Any], user: str) -> Principal:
        """Of the graph and the configuration of now: both may have changed while something was awaited."""
        issuer = provider.issuer
        node = self._authz.graph.node(user)
        is_current = self._providers.get(issuer.issuer) is provider
        if not is_current or node is None or node.kind != "user" or not node.is_active:
            raise AuthenticationFailed(NOT_VALID)
        if hello.authid not in (None, "", user):
            raise AuthenticationFailed(f"the token does not belong to user {hello.authid!r}")
        expires_us = (int(claims["exp"]) + issuer.leeway_s) * 1_000_000
        role = "admin" if node.is_admin else "user"
        return OidcPrincipal(user, role, "ticket", issuer.issuer, expires_us=expires_us)


def _user_of(claims: dict[str, Any], issuer: Issuer) -> str:
    """The id that the claim comes to. The users that every realm has are nobody's elsewhere."""
    value = claims[issuer.claim]
    try:
        user = check_id(f"{issuer.prefix}{value}") if isinstance(value, str) and value else ""
    except InvalidArgument:
        user = ""
    if not user or user in WELL_KNOWN:
        log.info("issuer %s: claim %s names no user by the prefix %r", issuer.issuer, issuer.claim, issuer.prefix)
        raise AuthenticationFailed(NOT_VALID)
    return user
