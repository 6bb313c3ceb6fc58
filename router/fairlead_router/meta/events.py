"""Meta events: published by the realm about itself, in the order in which things happened.

They are delivered in the next turn, for what happens may happen amid a sweep of the gate; so they also come after
WELCOME and SUBSCRIBED of the session that they are about.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from fairlead_router.payload import Payload
from fairlead_router.questions import Questions

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


class MetaEvents:
    """What one realm tells of itself."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm

    def are_heard(self, topic: str) -> bool:
        """Whether anybody has subscribed to the topic: whoever asks first need not make what nobody gets."""
        return self._realm.broker.has_members(topic)

    def publish(self, topic: str, *args: Any, seen_by: Questions = (), **kwargs: Any) -> None:
        """An event for every subscriber, or for those who have one of these rights when it is delivered."""
        if self.are_heard(topic):
            payload = Payload.of(*args, **kwargs)
            self._realm.host.call_soon(partial(self._realm.pubsub.deliver, topic, payload, {}, seen_by))
