"""Topics whose events are a whole state: who could not keep up needs the latest one only.

The service says what there is of a topic now; what becomes of it, it publishes. A member that asked for `get_retained`,
and one that has fallen behind, gets the state of now as soon as there is room, and what becomes of it after that.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from fairlead_router.payload import Payload
from fairlead_router.pubsub.topic_source import SourceTopics, TopicReader
from fairlead_router.uris import new_id


class States(Protocol):
    """What a service knows of its topics."""

    def object_of(self, topic: str) -> str | None:
        """The object that gates the topic; None where there is nothing: the URI rules decide."""

    def state_of(self, topic: str) -> Payload | None:
        """An event that tells what there is now; None for nothing."""


class LatestTopics:
    """A TopicSource. Without a router (`topics` is None) nobody is told."""

    events_procedure = None

    def __init__(self, states: States) -> None:
        self._states = states
        self.topics: SourceTopics | None = None

    def publish(self, topic: str, event: Callable[[], Payload], *, is_new: bool = False) -> None:
        """Tell who may read it what has become of a topic; in this turn. `is_new`: its object may be another now."""
        if self.topics is None or not self.topics.has_members(topic):
            return
        if is_new:
            self.topics.rebind(topic)  # who has waited for it rests on the object of its name
        self.topics.publish(topic, event(), new_id(), 0)

    def object_of(self, topic: str) -> str | None:
        return self._states.object_of(topic)

    def check(self, topic: str) -> None:
        """Whoever may read the object of that name may wait for what is not there yet."""

    def subscribed(self, reader: TopicReader) -> None:
        if reader.options.get_retained:
            self._catch_up(reader)
        else:
            reader.go_live()

    def fell_behind(self, reader: TopicReader, position: int) -> None:
        reader.on_writable = partial(self._catch_up, reader)

    def left(self, reader: TopicReader) -> None:
        """Nothing is kept of it."""

    def _catch_up(self, reader: TopicReader) -> None:
        """Send the latest state, and what becomes of it after that; when there is room."""
        state = self._states.state_of(reader.topic)
        if state is None or reader.send(state, new_id(), 0):
            reader.go_live()
        else:
            reader.on_writable = partial(self._catch_up, reader)
