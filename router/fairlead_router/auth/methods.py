"""Several methods in one realm: the client says which it can, in its order; the realm takes the first that fits."""

from collections.abc import Awaitable, Mapping

import msgspec

from fairlead_router.auth.protocol import Authenticator, Decision, HelloRequest
from fairlead_router.errors import NoMatchingAuthMethod


class MethodsAuthenticator:
    """authmethod -> the authenticator that does it."""

    def __init__(self, methods: Mapping[str, Authenticator]) -> None:
        self._methods = dict(methods)

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        """Goes on to the client's next method where one does not apply, as `cookie` without a cookie.

        Who names no method wants to be anonymous. Raises NoMatchingAuthMethod when none is left.
        """
        for authmethod in hello.authmethods or ("anonymous",):
            authenticator = self._methods.get(authmethod)
            if authenticator is None:
                continue
            try:
                return authenticator.authenticate(msgspec.structs.replace(hello, authmethods=(authmethod,)))
            except NoMatchingAuthMethod:
                continue
        offered = ", ".join(self._methods)
        raise NoMatchingAuthMethod(f"none of the authmethods in HELLO is possible here; offered are {offered}")
