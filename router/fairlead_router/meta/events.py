"""Meta events: published by the realm about itself, in the order in which things happened.

They are delivered in the next turn, for what happens may happen amid a sweep of the gate; so they also come after
WELCOME and SUBSCRIBED of the session that they are about.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from fairlead_router.payload import Payload
from fairlead_router.questions import Questions

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session


class MetaEvents:
    """What one realm tells of itself."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm
        self._waiting: list[Callable[[], object]] = []

    def are_heard(self, topic: str) -> bool:
        """Whether anybody has subscribed to the topic: whoever asks first need not make what nobody gets."""
        return self._realm.broker.has_members(topic)

    def publish(self, topic: str, *args: Any, seen_by: Questions = (), **kwargs: Any) -> None:
        """An event for every subscriber, or for those who have one of these rights when it is delivered."""
        if not self.are_heard(topic):
            return
        if not self._waiting:
            self._realm.host.call_soon(self._deliver)
        self._waiting.append(partial(self._deliver_one, topic, Payload.of(*args, **kwargs), seen_by))

    def _deliver(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            deliver()

    def _deliver_one(self, topic: str, payload: Payload, seen_by: Questions) -> None:
        def may_see(session: "Session") -> bool:
            return session.sees(seen_by)

        self._realm.pubsub.deliver(topic, payload, {}, may_see if seen_by else None, seen_by)
