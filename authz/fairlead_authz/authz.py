"""Authz: the permissions of one realm, put together.

authz = await Authz.open("sqlite:///data/permissions.sqlite", realm="realm1")
realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
authz.bind(realm)
...
await authz.close()
"""

from collections.abc import Callable, Iterator

from fairlead_authz.admin.service import AdminService
from fairlead_authz.authenticator import TokenAuthenticator
from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.changes import Change
from fairlead_authz.dry_run import Rehearsed, rehearse
from fairlead_authz.editing import Actor
from fairlead_authz.funnel import Applied, Funnel
from fairlead_authz.graph import ADMIN, Graph
from fairlead_authz.levels import NUMBERS
from fairlead_authz.live import Live
from fairlead_authz.rights import Policy
from fairlead_authz.state import State
from fairlead_authz.store import PermissionStore
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router.authorization import Level, Principal
from fairlead_router.realm import Realm

ITSELF = Actor(ADMIN, is_admin=True)
"""Who changes permissions when the program does it, not a caller."""


class Authz:
    """The permissions of one realm. Create it with `open`."""

    def __init__(self, state: State, rules: UriRules, is_open: bool) -> None:
        self._state = state
        self._live = Live(state.graph, state.closures)
        self._funnel = Funnel(state, self._live)
        self._service = AdminService(self, state)
        self._rules = rules
        self.authorizer = GraphAuthorizer(state.graph, state.rights, rules, is_open)
        self.authenticator = TokenAuthenticator(state.graph, state.tokens, state.policy.now_us)

    @classmethod
    async def open(
        cls, database_url: str, realm: str = "realm1", *, rules: tuple[UriRule, ...] = (), is_open: bool = False
    ) -> "Authz":
        """Open or make the database and load it. Raises StoreError, and ValueError for a bad rule.

        `is_open`: everybody may everything, for trials. What anonymous sessions then make is owned by `system`.
        """
        uri_rules = UriRules(rules)
        store = PermissionStore.open(database_url, realm)
        try:
            return cls(State(store, await store.load(), Policy()), uri_rules, is_open)
        except BaseException:
            await store.close()
            raise

    def bind(self, realm: Realm) -> None:
        """Register the procedures, and end what is live when a right goes."""
        self._live.bind(realm)
        self._funnel.on_change = self._service.join(realm)

    async def close(self) -> None:
        """Leave the realm, finish the changes that have begun, and close the store."""
        self._service.leave()
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

    def may_see_link(self, user: str, tail: str, head: str) -> bool:
        """Whether the user may know what was granted to the tail on the head."""
        return self._state.rights.may_see_link(user, tail, head)

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

    async def create_token(self, user: str, actor: Actor | Principal = ITSELF, *, create_user: bool = False) -> str:
        """A new token of a user, who is made first if need be. Raises a RequestError."""
        return await self._funnel.create_token(user, self._asked(actor), create_user)

    async def delete_token(self, token_id: str) -> None:
        """End a token (`v2/<id>/...`), and the sessions that came in with it. Raises StoreFailed."""
        await self._funnel.delete_token(token_id)

    def replace_rules(self, rules: tuple[UriRule, ...]) -> None:
        """Judge URIs by these from now on; what they do not allow ends in this turn, everybody else notices nothing.

        Raises ValueError for a bad rule: the old ones stay in force.
        """
        self._rules.replace(rules)
        self._live.rules_changed()

    def _asked(self, actor: Actor | Principal) -> Callable[[], Actor]:
        return lambda: self.actor(actor) if isinstance(actor, Principal) else actor
