"""Topics with a source: an in-process service that feeds each new, resuming or slow member itself.

A member of such a topic is a *reader* at first: the source sends it what it has to catch up with, at
the reader's pace, and calls `go_live` in the turn in which nothing is missing any more. A live member
gets what the source publishes; one that cannot keep up has its queued events of this topic dropped
and is a reader again, from the first that was dropped. So there is no merge, no gap and no duplicate,
and a slow reader costs no memory.

Only exact subscriptions have a source; a pattern's members are live at once.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from fairlead_router.item import About, Item
from fairlead_router.messages import Event, SubscribeOptions
from fairlead_router.payload import Payload
from fairlead_router.pubsub.subscription import Membership, Subscription

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session


log = logging.getLogger(__name__)


class TopicSource(Protocol):
    """What a service implements to be the source of all topics under a prefix."""

    @property
    def events_procedure(self) -> str | None:
        """The service's procedure that answers `wamp.subscription.get_events` for its topics; None: no history is kept.

        It gets the arguments of that by name, with the `topic` and without those that are not given; times as
        microseconds since 1970, `since_us` and, not included, `until_us` (meta/history.py).
        """

    def object_of(self, topic: str) -> str | None:
        """The object that gates the topic; None for a topic that the service does not know: the URI rules decide."""

    def check(self, topic: str) -> None:
        """Raise a RequestError to refuse a SUBSCRIBE that has been authorized."""

    def subscribed(self, reader: "TopicReader") -> None:
        """A new reader. SUBSCRIBED is queued already, so `send` may be called at once."""

    def fell_behind(self, reader: "TopicReader", position: int) -> None:
        """A live member could not keep up; `position` is that of the first event that it will not get.

        It is a reader again and `on_writable` is called as soon as there is room.
        """

    def left(self, reader: "TopicReader") -> None:
        """Unsubscribed, revoked or gone; nothing more can be sent to it."""


class TopicReader(Membership):
    """One session's part in a topic with a source. Created by the router, driven by the source."""

    __slots__ = ("_source", "on_writable", "options")

    def __init__(
        self,
        session: "Session",
        subscription: Subscription,
        object_id: str | None,
        source: TopicSource,
        options: SubscribeOptions,
    ) -> None:
        super().__init__(session, subscription, object_id)
        self._source = source
        self.options = options
        self.on_writable: Callable[[], None] | None = None

    @property
    def topic(self) -> str:
        """The topic's URI."""
        return self.subscription.topic

    @property
    def is_live(self) -> bool:
        """Whether published events reach it."""
        return self.session in self.subscription.live

    def send(self, payload: Payload, publication: int, position: int) -> bool:
        """Send an event to this member only.

        `position` comes back from `fell_behind` if the event had to be dropped later. Returns False when there
        is no room: it was not queued, and `on_writable` is called when there is.
        """
        self.session.realm.deadlines.run_due()
        if not self.session.realm.gate.is_open(self):
            return False
        event = Event(self.subscription.id, publication, {})
        wire = self.outbox.wire
        frame = wire.frame(event, payload)
        about = About(self.subscription.topic, self.object_id)
        item = Item(frame, wire.size(frame), self.subscription, about, position)
        return self.outbox.offer(item, self)

    def go_live(self) -> None:
        """Nothing is missing: from now on the member gets what is published."""
        if not self.session.realm.gate.is_open(self):
            return
        self.subscription.readers.pop(self.session, None)
        self.subscription.add_live(self)

    def demote(self) -> None:
        """A bound of the outbox is broken: back to reading. Does nothing for a member that is reading."""
        if not self.is_live:
            return
        position = self.outbox.purge(self.subscription)
        self.subscription.remove(self.session)
        self.subscription.readers[self.session] = self
        self.outbox.wait(self)
        if position is not None:
            self._source.fell_behind(self, position)

    def wake(self) -> None:
        """The outbox has room again."""
        if self.on_writable is not None and not self.is_ended:
            self.on_writable()

    def start(self) -> None:
        """Hand the new reader to its source."""
        self._source.subscribed(self)

    def leave(self) -> None:
        """The membership has ended, whatever the source says to that."""
        self.outbox.forget(self)
        try:
            self._source.left(self)
        except Exception:
            log.exception("the source of topic %s failed at the end of a membership", self.topic)


class SourceTopics:
    """The service's side of its topics: what it publishes goes to the live members."""

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm

    def publish(self, topic: str, payload: Payload, publication: int, position: int) -> int:
        """Send an event to the topic's live members and to matching patterns. Returns for how many it was queued."""
        return self._realm.publish_from_source(topic, payload, publication, position)

    def has_members(self, topic: str) -> bool:
        """Whether anybody, reader or live, would see an event on this topic."""
        return self._realm.broker.has_members(topic)

    def subscribed(self, prefix: str) -> list[str]:
        """The topics under a prefix that somebody has subscribed to by name, not by a pattern."""
        subscriptions = self._realm.broker.subscriptions()
        return [each.topic for each in subscriptions if each.match == "exact" and each.topic.startswith(prefix)]

    def rebind(self, topic: str) -> None:
        """The object that gates the topic has changed: judge all its members by the new one."""
        self._realm.rebind_topic(topic)
