"""Authz: the permissions of one realm, put together.

authz = await Authz.open("sqlite:///data/permissions.sqlite", realm="realm1")
realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
authz.bind(realm)
...
await authz.close()
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from fairlead_authz.admin.service import AdminService
from fairlead_authz.authenticator import TokenAuthenticator
from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.changes import Change, Put
from fairlead_authz.dry_run import Rehearsed, rehearse
from fairlead_authz.editing import Actor
from fairlead_authz.funnel import Applied, Funnel
from fairlead_authz.live.expiry import Expiry
from fairlead_authz.live.realm import Live
from fairlead_authz.model.graph import ADMIN, Graph
from fairlead_authz.model.levels import NUMBERS
from fairlead_authz.model.rights import Policy
from fairlead_authz.serving import Serving
from fairlead_authz.state import State
from fairlead_authz.store.store import PermissionStore
from fairlead_authz.tokens.issuing import Issuer, Requester, ShownToken
from fairlead_authz.tokens.scopes import check_scopes
from fairlead_authz.tokens.tokens import Terms, TokenPrincipal
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router.authorization import Level, Principal
from fairlead_router.errors import NotAuthorized
from fairlead_router.realm import Realm
from fairlead_store import LEASE_S

ITSELF = Actor(ADMIN, is_admin=True)
"""Who changes permissions when the program does it, not a caller."""

_OPEN = 1 << 62
"""Set in every mark of an open realm: a start that closes it takes rights without a change."""


class Authz:
    """The permissions of one realm. Create it with `open`."""

    def __init__(self, state: State, rules: UriRules, is_open: bool) -> None:
        self._state = state
        self._live = Live(state.graph, state.closures, state.revision)
        self._expiry = Expiry(state, self._live)
        self._funnel = Funnel(state, self._live, self._expiry)
        self._issuer = Issuer(state, self._live, self._expiry, self._funnel)
        self.serving = Serving(state.store.lease)
        """Whether what is in memory is known to be true: watch it where the store may be taken over (PostgreSQL)."""
        self._service = AdminService(self, state)
        self._rules = rules
        self.authorizer = GraphAuthorizer(state.graph, state.tokens, state.rights, rules, is_open)
        self.authenticator = TokenAuthenticator(state.graph, state.tokens)

    @classmethod
    async def open(
        cls,
        database_url: str,
        realm: str = "realm1",
        *,
        rules: tuple[UriRule, ...] = (),
        is_open: bool = False,
        keep_changes: int | None = None,
        lease_s: float = LEASE_S,
    ) -> "Authz":
        """Open or make the database and load it. Raises StoreError, and ValueError for a bad rule.

        On PostgreSQL this waits for the lease of a process that was killed; `lease_s` is how long ours is.

        `is_open`: everybody may everything, for trials. What anonymous sessions then make is owned by `system`.
        `keep_changes`: how many of the newest changes stay in the log; None: all.
        """
        uri_rules = UriRules(rules)
        store = await asyncio.to_thread(PermissionStore.open, database_url, realm, keep_changes, lease_s)
        try:
            return cls(State(store, await store.load(), Policy()), uri_rules, is_open)
        except BaseException:
            await store.close()
            raise

    def bind(self, realm: Realm) -> None:
        """Register the procedures, and end what is live when a right goes."""
        self._live.bind(realm)
        self._expiry.bind(realm)
        self._funnel.on_change = self._service.join(realm)
        self.serving.bind(realm)

    async def close(self) -> None:
        """Leave the realm, finish the changes that have begun, and close the store."""
        self.serving.close()
        self._service.leave()
        self._expiry.close()
        await self._funnel.close()
        await self._state.store.close()

    # --- questions ----------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph as it is now: to read, not to change."""
        return self._state.graph

    @property
    def revision(self) -> int:
        """The number of the newest change."""
        return self._state.revision

    def can(self, user: str, level: Level, object_id: str, include_trash: bool = False) -> bool:
        """Whether the user has this level on the object now; `include_trash`: in the trash too."""
        return self._state.rights.can(user, NUMBERS[level], object_id, include_trash)

    def rights_mark(self, principal: Principal) -> int:
        """A number that is another one when rights of the principal may have moved, but for those to new things."""
        mark = self._live.marks.of(is_admin=self.authorizer.is_admin(principal))
        return mark | _OPEN if self.authorizer.is_open else mark

    def is_hidden(self, object_id: str) -> bool:
        """Whether a thing is in the trash, by the clock of now, itself or with what it belongs to; or gone."""
        node = self._state.graph.nodes.get(object_id)
        return node is None or self._state.rights.is_trashed(node)

    def explain(self, user: str, level: Level, object_id: str) -> str:
        """Which path allows it, or what is missing."""
        return self._state.explainer.explain(user, level, object_id)

    def who(self, level: Level, object_id: str, after: str = "") -> Iterator[tuple[str, str]]:
        """The users who have this level on the object now, sorted, those behind `after`; each with the path."""
        users = self._state.who.users(NUMBERS[level], object_id)
        for user in sorted(user for user in users if user > after):
            yield user, self.explain(user, level, object_id)

    def actor(self, principal: Principal) -> Actor:
        """The principal as one who makes changes."""
        return Actor(principal.authid, self.authorizer.is_admin(principal))

    # --- changes ------------------------------------------------------------------------------

    async def apply(self, changes: list[Change], actor: Actor | Principal = ITSELF) -> Applied:
        """Make the changes, all or none; returns when no revoked right is served any more. Raises a RequestError."""
        return await self._funnel.apply(changes, self._asked(actor))

    def rehearse(self, changes: list[Change], actor: Actor | Principal = ITSELF) -> Rehearsed:
        """What the changes would end of what is live, if they were made now. Raises a RequestError.

        Whoever is no administrator has only counted what rests on objects that it manages.
        """
        asking = self._asked(actor)()
        return rehearse(
            self._state, self._live, changes, asking, lambda object_id: self.can(asking.user, "manage", object_id)
        )

    def set_policy(self, *, roles_visible: bool = True, users_visible: bool = True) -> None:
        """Switch who sees roles and users (`Policy`). What that takes away ends in this turn."""
        policy = self._state.policy._replace(roles_visible=roles_visible, users_visible=users_visible)
        if policy != self._state.policy:
            self._state.set_policy(policy)
            self._live.changed_policy()

    # --- tokens -------------------------------------------------------------------------------

    async def create_token(
        self,
        user: str,
        actor: Actor | Principal = ITSELF,
        *,
        create_user: bool = False,
        scopes: Sequence[str] | None = None,
        expires_us: int | None = None,
        container: str | None = None,
    ) -> str:
        """A new token of a user, who is made first if need be. Raises a RequestError.

        `scopes` as in scopes.py, None: whatever the user may. It is valid until `expires_us`, microseconds since 1970,
        and while `container` is locked or running.
        """
        terms = Terms(None if scopes is None else check_scopes(scopes), expires_us, container)
        if create_user and user not in self.graph.nodes and self._asked(actor)().is_admin:
            await self.apply([Put("user", user)], actor)
        return await self._funnel.in_turn(lambda: self._issuer.create(user, self._requester(actor), terms))

    async def change_token(
        self,
        token_id: str,
        actor: Actor | Principal = ITSELF,
        *,
        scopes: Sequence[str] | UnsetType | None = UNSET,
        expires_us: int | UnsetType | None = UNSET,
    ) -> None:
        """Give a token (`v2/<id>/...`) other terms; its sessions are judged by them at once. Raises a RequestError."""
        changes: dict[str, Any] = {}
        if scopes is not UNSET:
            changes["scopes"] = None if scopes is None else check_scopes(scopes)
        if expires_us is not UNSET:
            changes["expires_us"] = expires_us
        await self._funnel.in_turn(lambda: self._issuer.change(token_id, self._requester(actor), changes))

    async def delete_token(self, token_id: str, actor: Actor | Principal = ITSELF) -> None:
        """End a token (`v2/<id>/...`), and the sessions that came in with it. Raises a RequestError."""
        await self._funnel.in_turn(lambda: self._issuer.delete(token_id, self._requester(actor)))

    def tokens_of(self, user: str, actor: Actor | Principal = ITSELF) -> list[ShownToken]:
        """The tokens of a user, the oldest first. Raises NotAuthorized."""
        return self._issuer.listed(user, self._requester(actor))

    def _requester(self, actor: Actor | Principal) -> Requester:
        """Who asks, as of now, and the token that it came in with. Raises NotAuthorized if that has ended meanwhile."""
        asking = self._asked(actor)()
        if not isinstance(actor, TokenPrincipal):
            return Requester(asking.user, asking.is_admin)
        token = self._state.tokens.get(actor.token_id)
        if token is None:
            raise NotAuthorized("the token that this session came in with is not valid any more")
        return Requester(asking.user, asking.is_admin, token)

    def replace_rules(self, rules: tuple[UriRule, ...]) -> None:
        """Judge URIs by these from now on; what they do not allow ends in this turn, everybody else notices nothing.

        Raises ValueError for a bad rule: the old ones stay in force.
        """
        self._rules.replace(rules)
        self._live.rules_changed()

    def _asked(self, actor: Actor | Principal) -> Callable[[], Actor]:
        return lambda: self.actor(actor) if isinstance(actor, Principal) else actor
