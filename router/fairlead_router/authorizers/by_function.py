"""The CallableAuthorizer: a function of the program judges, at once or as a coroutine.

    async def may(principal, action, uri, match):
        return await database.allows(principal.authid, action, uri)

    authorizer = CallableAuthorizer(may)
    realm = router.add_realm("realm1", authorizer=authorizer)
    authorizer.changed("alice")   # what the function says of alice is different now

It is asked at each request and again about all that is live whenever something changed. A pattern
to subscribe to it may allow as a whole: it is asked again about the topic of each event.
"""

from collections.abc import Awaitable, Callable

from fairlead_router.authorization import Action, Principal
from fairlead_router.authorizers.uri_authorizer import UriAuthorizer
from fairlead_router.uris import Match

Judgement = Callable[[Principal, Action, str, Match], bool | Awaitable[bool]]


class CallableAuthorizer(UriAuthorizer):
    """An Authorizer of one or more realms. A function that raises, or is too slow (answers.py), allows nothing."""

    def __init__(self, function: Judgement) -> None:
        super().__init__()
        self._function = function

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        """What the function says."""
        return self._function(principal, action, uri, match)
