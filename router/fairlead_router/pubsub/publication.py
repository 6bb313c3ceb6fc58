"""A Publication: what a publisher has had accepted, as delivery, retention and event history see it."""

import msgspec

from fairlead_router.authorization import Principal
from fairlead_router.payload import Payload
from fairlead_router.pubsub.recipients import NO_LISTS, Lists
from fairlead_router.session import SERVICE_ROLE
from fairlead_router.uris import new_id

ROUTER = Principal("router", SERVICE_ROLE)
"""Who publishes meta events."""

_OVERHEAD_BYTES = 500
"""What a publication that is kept takes beside its payload, its lists and the texts in it."""


class Publication(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One publication. `details` are those of EVENT, without what depends on the subscription."""

    topic: str
    payload: Payload
    details: dict[str, object] = {}
    publisher: Principal = ROUTER
    lists: Lists = NO_LISTS
    excluded: int | None = None
    """The session that excluded itself."""

    id: int = msgspec.field(default_factory=new_id)

    @property
    def size(self) -> int:
        """Bytes that it counts for where it is kept."""
        size = self.payload.size + len(self.topic) + _OVERHEAD_BYTES
        if self.details:
            size += sum(len(value) for value in self.details.values() if isinstance(value, str))
        return size if self.lists is NO_LISTS else size + self.lists.size
