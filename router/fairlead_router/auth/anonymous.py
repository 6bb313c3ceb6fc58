"""The method `anonymous`: no proof is asked for."""

import msgspec

from fairlead_router.auth.protocol import HelloRequest
from fairlead_router.authorization import ANONYMOUS, Principal
from fairlead_router.errors import NoMatchingAuthMethod

AUTHMETHOD = "anonymous"


def offers_anonymous(hello: HelloRequest) -> bool:
    """Whether the peer would join without a proof: no method at all, or `anonymous` among them."""
    return not hello.authmethods or AUTHMETHOD in hello.authmethods


class AnonymousAuthenticator:
    """Everybody is this principal."""

    def __init__(self, principal: Principal = ANONYMOUS) -> None:
        self._principal = msgspec.structs.replace(principal, authmethod=AUTHMETHOD)

    def authenticate(self, hello: HelloRequest) -> Principal:
        """Raises NoMatchingAuthMethod if the peer insists on proving who it is."""
        if not offers_anonymous(hello):
            raise NoMatchingAuthMethod("none of the authmethods in HELLO is offered here; use 'anonymous'")
        return self._principal
