"""The fan-out: one event into many outboxes. The hot loop of the router: it encodes once per wire and appends."""

from collections.abc import Iterable

from fairlead_router.item import About, Item
from fairlead_router.messages import Event
from fairlead_router.outbox import Wire
from fairlead_router.payload import Payload
from fairlead_router.pubsub.recipients import IsEligible
from fairlead_router.pubsub.subscription import Membership
from fairlead_router.pulse import Pulse


def fan_out(  # noqa: PLR0913 - the hot loop takes plain arguments
    pulse: Pulse,
    members: Iterable[Membership],
    event: Event,
    payload: Payload,
    about: About,
    position: int | None = None,
    is_eligible: IsEligible | None = None,
    excluded: Membership | None = None,
) -> int:
    """Queue the event for all these members of one subscription but the excluded one. Returns for how many.

    The payload must be inside the common model, so that no member's wire can refuse it half way.
    """
    items: dict[Wire, Item] = {}
    wire: Wire | None = None
    count = 0
    for membership in members:
        if membership is excluded or (is_eligible is not None and not is_eligible(membership.session)):
            continue
        outbox = membership.outbox
        if outbox.wire is not wire:  # mostly one wire for all: it is looked up only where it changes
            wire = outbox.wire
            if wire not in items:
                frame = wire.frame(event, payload)
                items[wire] = Item(frame, wire.size(frame), membership.subscription, about, position)
            item = items[wire]
        outbox.items.append(item)
        if not outbox.is_dirty:
            pulse.mark(outbox)
        count += 1
    return count
