"""Authz: the permissions of one realm, put together.

authz = await Authz.open("sqlite:///data/permissions.sqlite", realm="realm1")
realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
authz.bind(realm)
...
await authz.close()
"""

from fairlead_authz.admin_service import AdminService
from fairlead_authz.authenticator import TokenAuthenticator
from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.changes import Change
from fairlead_authz.editing import Actor
from fairlead_authz.errors import NoSuchUser, StoreFailed
from fairlead_authz.explain import explain
from fairlead_authz.funnel import Applied, Funnel
from fairlead_authz.graph import ADMIN, Graph
from fairlead_authz.levels import NUMBERS
from fairlead_authz.rights import Rights
from fairlead_authz.store import PermissionStore, now_us
from fairlead_authz.tokens import Token, Tokens, make_token
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router.authorization import Level, Principal
from fairlead_router.realm import Realm
from fairlead_store import StoreError

ITSELF = Actor(ADMIN, is_admin=True)
"""Who changes permissions when the program does it, not a caller."""


class Authz:
    """The permissions of one realm. Create it with `open`."""

    def __init__(
        self, store: PermissionStore, loaded: tuple[Graph, list[Token], int], rules: UriRules, is_open: bool
    ) -> None:
        self.store = store
        self.graph, known_tokens, self.revision = loaded
        self.rights = Rights(self.graph)
        self.tokens = Tokens(known_tokens)
        self.realm: Realm | None = None
        self.authorizer = GraphAuthorizer(self.graph, self.rights, rules, is_open)
        self.authenticator = TokenAuthenticator(self.graph, self.tokens, now_us)
        self._funnel = Funnel(self)
        self._service = AdminService(self)

    @classmethod
    async def open(
        cls, database_url: str, realm: str = "realm1", *, rules: tuple[UriRule, ...] = (), is_open: bool = False
    ) -> "Authz":
        """Open or make the database and load it. Raises StoreError, and ValueError for a bad rule."""
        uri_rules = UriRules(rules)
        store = PermissionStore.open(database_url, realm)
        try:
            return cls(store, await store.load(), uri_rules, is_open)
        except BaseException:
            await store.close()
            raise

    def bind(self, realm: Realm) -> None:
        """Register the procedures, and end what is live when a right goes."""
        self.realm = realm
        self._service.join(realm)

    async def close(self) -> None:
        """Leave the realm and close the store."""
        self._service.leave()
        await self.store.close()

    # --- questions ----------------------------------------------------------------------------

    def can(self, user: str, level: Level, object_id: str) -> bool:
        """Whether the user has this level on the object now."""
        return self.rights.can(user, NUMBERS[level], object_id)

    def explain(self, user: str, level: Level, object_id: str) -> str:
        """Which path allows it, or what is missing."""
        return explain(self.graph, self.rights, user, level, object_id)

    def actor(self, principal: Principal) -> Actor:
        """The principal as one who makes changes."""
        return Actor(principal.authid, self.authorizer.is_admin(principal))

    # --- changes ------------------------------------------------------------------------------

    async def apply(self, changes: list[Change], actor: Actor = ITSELF) -> Applied:
        """Make the changes, all or none; returns when no revoked right is served any more. Raises a RequestError."""
        return await self._funnel.apply(changes, actor)

    async def create_token(self, user: str) -> str:
        """A new token of an existing user. Raises NoSuchUser, StoreFailed."""
        node = self.graph.nodes.get(user)
        if node is None or node.kind != "user":
            raise NoSuchUser(f"user {user!r} does not exist", id=user)
        token, text = make_token(user, now_us())
        try:
            await self.store.add_token(token)
        except StoreError as error:
            raise StoreFailed(f"the token was not kept: {error}") from error
        self.tokens.add(token)
        return text
