"""The fan-out: one event into many outboxes. The hot loop of the router: it encodes once per wire and appends."""

from collections.abc import Callable, Collection, Iterable

from fairlead_router.errors import LimitExceeded
from fairlead_router.messages import Event, PublishOptions
from fairlead_router.outbox import About, Item, Pulse, Wire
from fairlead_router.payload import Payload
from fairlead_router.session import Session
from fairlead_router.subscription import Membership

IsEligible = Callable[[Session], bool]


def fan_out(  # noqa: PLR0913 - the hot loop takes plain arguments
    pulse: Pulse,
    members: Iterable[Membership],
    event: Event,
    payload: Payload,
    about: About,
    position: int | None = None,
    is_eligible: IsEligible | None = None,
) -> int:
    """Queue the event for all these members of one subscription. Returns for how many.

    The payload must be inside the common model, so that no member's wire can refuse it half way.
    """
    items: dict[Wire, Item] = {}
    count = 0
    for membership in members:
        if is_eligible is not None and not is_eligible(membership.session):
            continue
        outbox = membership.outbox
        item = items.get(outbox.wire)
        if item is None:
            frame = outbox.wire.frame(event, payload)
            item = Item(frame, outbox.wire.size(frame), membership.subscription, about, position)
            items[outbox.wire] = item
        outbox.items.append(item)
        if not outbox.is_dirty:
            pulse.mark(outbox)
        count += 1
    return count


def eligibility(options: PublishOptions, publisher: Session, limit: int) -> IsEligible | None:
    """Who of the live members may get a publication by its options, None when everybody. Raises LimitExceeded.

    Spec: Advanced Profile, Subscriber Black- and Whitelisting; Publisher Exclusion.
    """
    tests: list[IsEligible] = []
    if options.exclude_me and publisher.memberships:
        tests.append(lambda session: session is not publisher)
    for listed, key in (
        (options.exclude, _session_id),
        (options.exclude_authid, _authid),
        (options.exclude_authrole, _authrole),
    ):
        if listed:
            tests.append(_is_not_in(_set_of(listed, limit), key))
    for listed, key in (
        (options.eligible, _session_id),
        (options.eligible_authid, _authid),
        (options.eligible_authrole, _authrole),
    ):
        if listed is not None:
            tests.append(_is_in(_set_of(listed, limit), key))
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda session: all(test(session) for test in tests)


def _set_of(listed: Collection[object], limit: int) -> frozenset[object]:
    if len(listed) > limit:
        text = f"a list of PUBLISH has {len(listed)} receivers; at most {limit} are allowed (listed_receivers)"
        raise LimitExceeded(text, limit="listed_receivers")
    return frozenset(listed)


def _is_in(listed: frozenset[object], key: Callable[[Session], object]) -> IsEligible:
    return lambda session: key(session) in listed


def _is_not_in(listed: frozenset[object], key: Callable[[Session], object]) -> IsEligible:
    return lambda session: key(session) not in listed


def _session_id(session: Session) -> object:
    return session.id


def _authid(session: Session) -> object:
    return session.principal.authid


def _authrole(session: Session) -> object:
    return session.principal.authrole
