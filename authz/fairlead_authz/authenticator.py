"""Who a peer is: a token names its user; without one the peer is anonymous."""

from collections.abc import Awaitable

from fairlead_authz.model.graph import Graph
from fairlead_authz.tokens.tokens import TokenPrincipal, Tokens
from fairlead_router.auth import Authenticator, ChallengeRequest, Decision, HelloRequest, offers_anonymous, then
from fairlead_router.authorization import ANONYMOUS, Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod


class ActiveUsers:
    """Another authenticator, as far as its principals are active users of the graph: others have no business here."""

    def __init__(self, graph: Graph, others: Authenticator) -> None:
        self._graph = graph
        self._others = others

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """Raises what the other one raises, and AuthenticationFailed."""
        return then(self._others.authenticate(hello), self._check)

    def _check(self, principal: Principal) -> Principal:
        node = self._graph.node(principal.authid)
        if node is None or node.kind != "user" or not node.is_active:
            raise AuthenticationFailed("the peer could not be authenticated")
        return principal


class TokenAuthenticator:
    """The Authenticator of a realm: the WAMP method `ticket`, whose ticket is a token, and `anonymous`."""

    def __init__(self, graph: Graph, tokens: Tokens) -> None:
        self._graph = graph
        self._tokens = tokens

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        """Raises NoMatchingAuthMethod, and AuthenticationFailed for an anonymous peer that claims to be a user."""
        if "ticket" in hello.authmethods:
            return ChallengeRequest("ticket", lambda token, extra: self.principal(token, hello.authid))
        if not offers_anonymous(hello):
            raise NoMatchingAuthMethod(
                "none of the authmethods in HELLO is offered here; use 'ticket' with a token, or 'anonymous'"
            )
        if hello.authid not in (None, "", ANONYMOUS.authid):
            raise AuthenticationFailed(f"authid {hello.authid!r} needs a token: use authmethod 'ticket'")
        return ANONYMOUS

    def principal(self, token: str, authid: str | None = None) -> Principal:
        """Whose token it is. Raises AuthenticationFailed; `authid` must be the same if it is given."""
        found = self._tokens.find(token)
        if found is None:
            raise AuthenticationFailed("the token is not valid")
        node = self._graph.nodes[found.user]
        if authid not in (None, "", node.id):
            raise AuthenticationFailed(f"the token does not belong to user {authid!r}")
        return TokenPrincipal(node.id, "admin" if node.is_admin else "user", "ticket", "fairlead", token_id=found.id)
