"""Who a peer is: a token names its user; without one the peer is anonymous."""

from collections.abc import Callable

from fairlead_authz.graph import Graph
from fairlead_authz.tokens import Tokens
from fairlead_router.auth import ChallengeRequest, HelloRequest, offers_anonymous
from fairlead_router.authorization import ANONYMOUS, Principal
from fairlead_router.errors import AuthenticationFailed, NoMatchingAuthMethod


class TokenAuthenticator:
    """The Authenticator of a realm: the WAMP method `ticket`, whose ticket is a token, and `anonymous`."""

    def __init__(self, graph: Graph, tokens: Tokens, now_us: Callable[[], int]) -> None:
        self._graph = graph
        self._tokens = tokens
        self._now_us = now_us

    def authenticate(self, hello: HelloRequest) -> Principal | ChallengeRequest:
        """Raises NoMatchingAuthMethod."""
        if "ticket" in hello.authmethods:
            return ChallengeRequest("ticket", lambda token: self.principal(token, hello.authid))
        if not offers_anonymous(hello):
            raise NoMatchingAuthMethod(
                f"authmethods {list(hello.authmethods)} are not offered here; use 'ticket' with a token, or 'anonymous'"
            )
        return ANONYMOUS

    def principal(self, token: str, authid: str | None = None) -> Principal:
        """Whose token it is. Raises AuthenticationFailed; `authid` must be the same if it is given."""
        user = self._tokens.user_of(token, self._now_us())
        node = None if user is None else self._graph.nodes.get(user)
        if node is None:
            raise AuthenticationFailed("the token is not valid")
        if not node.is_active:
            raise AuthenticationFailed(f"user {node.id!r} is not active")
        if authid not in (None, "", node.id):
            raise AuthenticationFailed(f"the token does not belong to user {authid!r}")
        return Principal(node.id, "admin" if node.is_admin else "user", "ticket", "fairlead")
