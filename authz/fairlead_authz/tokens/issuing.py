"""Making, changing and ending tokens: who may, and what must be true of one.

An administrator may for anybody, a user for itself. Nobody gives a token more than the token that it came in with has:
its scopes, its end, its container. So a token that was stolen cannot make itself a better one. Who came in without a
token has no such bounds. Everything here runs in its turn of the funnel.
"""

from typing import Any, NamedTuple

import msgspec

from fairlead_authz.changes import MAX_TIME_US, check_id, shown
from fairlead_authz.changeset import Changeset
from fairlead_authz.errors import Conflict, NoSuchObject, NoSuchToken, NoSuchUser
from fairlead_authz.funnel import Funnel, commit
from fairlead_authz.live.expiry import Expiry
from fairlead_authz.live.realm import Live
from fairlead_authz.model.graph import ANONYMOUS_USER, SYSTEM
from fairlead_authz.model.levels import READ
from fairlead_authz.state import State
from fairlead_authz.store.permission_log import LoggedChange, NewChange
from fairlead_authz.tokens.scopes import Scopes
from fairlead_authz.tokens.tokens import TOKENS_PER_USER, Terms, Token, is_live, make_token
from fairlead_router.errors import InvalidArgument, LimitExceeded, NotAuthorized


class Requester(NamedTuple):
    """Who asks for a token or its end. `token`: the one that it came in with, if it did with one."""

    user: str
    is_admin: bool
    token: Token | None = None


class ShownToken(msgspec.Struct, frozen=True):
    """A token as it is listed: without anything of its secret."""

    id: str
    user: str
    created_us: int
    expires_us: int | None
    scopes: tuple[str, ...] | None
    container: str | None
    is_valid: bool


class Issuer:
    """The tokens of one realm, for those who may change them."""

    def __init__(self, state: State, live: Live, expiry: Expiry, funnel: Funnel) -> None:
        self._state = state
        self._funnel = funnel
        self._live = live
        self._expiry = expiry

    def listed(self, user: str, requester: Requester) -> list[ShownToken]:
        """A user's tokens, the oldest first. Raises NotAuthorized."""
        self._require_own(requester, user, "see")
        tokens = self._state.tokens
        of_user = sorted(tokens.of_user(user), key=lambda token: token.created_us)
        return [
            ShownToken(
                token.id,
                token.user,
                token.created_us,
                token.expires_us,
                token.scopes,
                token.container,
                tokens.is_valid(token),
            )
            for token in of_user
        ]

    async def create(self, user: str, requester: Requester, terms: Terms) -> str:
        """A new token's text.

        Raises NotAuthorized, NoSuchUser, NoSuchObject, Conflict, InvalidArgument, LimitExceeded, StoreFailed.
        """
        self._require_own(requester, user, "make")
        self._check_user(user)
        self._check_terms(requester, terms)
        now_us = self._state.policy.now_us()
        if terms.expires_us is not None and terms.expires_us <= now_us:
            raise InvalidArgument(f"expires_us {terms.expires_us} is in the past; it is {now_us} now")
        if terms.container is not None:
            self._check_container(requester, terms.container)
        ended = self._make_room(user)
        token, text = make_token(user, now_us, terms)
        logged = await self._commit([token], ended, requester, _asked("token", token.id, user, terms))
        for id_ in ended:
            self._state.tokens.drop(id_)
        self._state.tokens.put(token)
        self._expiry.follow(token)
        self._funnel.made(logged)
        return text

    async def change(self, id_: str, requester: Requester, changes: dict[str, Any]) -> None:
        """Other `scopes`, another `expires_us`: what the token's sessions may not do any more ends in this turn.

        Raises NotAuthorized, NoSuchToken, InvalidArgument.
        """
        token = self._owned(id_, requester, "change")
        changed = msgspec.structs.replace(token, **changes)
        terms = Terms(changed.scopes, changed.expires_us, changed.container)
        self._check_terms(requester, terms)
        asked = _asked("token_change", id_, token.user, terms)
        logged = await self._commit([changed], [], requester, asked)
        self._state.tokens.put(changed)
        self._expiry.follow(changed)
        if changed.scopes != token.scopes:
            self._live.rejudge(token.user)
        if not self._state.tokens.is_valid(changed):
            self._live.end_token(id_)
        self._funnel.made(logged)

    async def delete(self, id_: str, requester: Requester) -> None:
        """End a token and the sessions that came in with it. Raises NotAuthorized, NoSuchToken."""
        token = self._owned(id_, requester, "delete")
        asked = _asked("token_delete", token.id, token.user)
        logged = await self._commit([], [id_], requester, asked)
        self._state.tokens.drop(id_)
        self._live.end_token(id_)
        self._funnel.made(logged)

    async def _commit(
        self, kept: list[Token], ended: list[str], requester: Requester, asked: dict[str, Any]
    ) -> LoggedChange:
        state = self._state
        change = NewChange(Changeset(), requester.user, msgspec.json.encode([asked]), kept, ended)
        [logged] = await commit(state.store.append([change], state.revision + 1))
        return logged

    # --- who may ------------------------------------------------------------------------------

    def _require_own(self, requester: Requester, user: str, verb: str) -> None:
        if requester.is_admin:
            return
        if user != requester.user or user == ANONYMOUS_USER:
            raise NotAuthorized(f"{requester.user!r} may {verb} tokens of its own only: others are for administrators")

    def _owned(self, id_: str, requester: Requester, verb: str) -> Token:
        """The token, if the requester may change it. Others must not learn whether there is such a token."""
        token = self._state.tokens.get(id_)
        if token is None and requester.is_admin:
            raise NoSuchToken(f"token {shown(id_)} does not exist", id=id_)
        if token is None or not (requester.is_admin or token.user == requester.user):
            raise NotAuthorized(f"{requester.user!r} has no token {shown(id_)} to {verb}")
        return token

    def _check_terms(self, requester: Requester, terms: Terms) -> None:
        """Raises NotAuthorized if they go beyond the token that the requester came in with, and InvalidArgument."""
        if terms.expires_us is not None and not 0 <= terms.expires_us <= MAX_TIME_US:
            raise InvalidArgument(f"expires_us is {terms.expires_us}: microseconds since 1970, at most 2^53")
        own, own_token = requester.token, "the token that this session came in with"
        if own is None:
            return
        if own.scopes is not None and (terms.scopes is None or not Scopes(own.scopes).include(Scopes(terms.scopes))):
            raise NotAuthorized(f"its scopes would be wider than those of {own_token}")
        if own.expires_us is not None and (terms.expires_us is None or terms.expires_us > own.expires_us):
            raise NotAuthorized(f"it would last longer than {own_token}, which expires at {own.expires_us}")
        if own.container is not None and terms.container != own.container:
            raise NotAuthorized(f"it must be bound to container {own.container!r} as {own_token} is")

    # --- what must be true --------------------------------------------------------------------

    def _check_user(self, user: str) -> None:
        if check_id(user) in (SYSTEM, ANONYMOUS_USER):
            raise InvalidArgument(f"user {user!r} cannot have a token: nobody logs in as it")
        node = self._state.graph.node(user)
        if node is None or node.kind != "user":
            raise NoSuchUser(f"user {user!r} does not exist", id=user)
        if not node.is_active:
            raise InvalidArgument(f"user {user!r} is not active: its token would not be valid")

    def _check_container(self, requester: Requester, container: str) -> None:
        node = self._state.graph.node(check_id(container))
        if not requester.is_admin and not self._state.rights.can(requester.user, READ, container):
            raise NotAuthorized(f"{requester.user!r} may not read {container!r}")
        if node is None:
            raise NoSuchObject(f"container {container!r} does not exist", id=container)
        if not is_live(node):
            raise Conflict(f"{container!r} is no container that is locked or running: a token of it would not be valid")

    def _make_room(self, user: str) -> list[str]:
        """Those that end to make room for another one, in case it needs some: the dead. Raises LimitExceeded."""
        tokens = self._state.tokens
        of_user = tokens.of_user(user)
        if len(of_user) < TOKENS_PER_USER:
            return []
        dead = [token.id for token in of_user if not tokens.is_valid(token)]
        if not dead:
            raise LimitExceeded(f"user {user!r} has {len(of_user)} tokens already", limit="tokens_per_user")
        return dead


def _asked(op: str, id_: str, user: str, terms: Terms | None = None) -> dict[str, Any]:
    """What the log says was asked for: everything of a token but its secret."""
    return {"op": op, "token": id_, "user": user, **({} if terms is None else terms._asdict())}
