"""How a client is told that the router has ended its subscription: once, after the last permitted event (G4).

On a topic with a source the last event is `{revoked: {reason}}` on the subscription itself, which every
client understands. WAMP's own signal, `[UNSUBSCRIBED, 0, {subscription, reason}]` (spec: Advanced Profile,
Subscription Revocation), goes to those who announced `subscription_revocation`, except Autobahn|Python:
it announces the feature and then drops its connection on receiving it (`spec` sends it all the same; nothing
sends it to who did not announce it). On other topics, who cannot be told by the spec is told by an event on
`fairlead.session.revoked`, if subscribed to that.
"""

from enum import StrEnum
from typing import TYPE_CHECKING

from fairlead_router.messages import Event, RevokedSubscription
from fairlead_router.payload import Payload
from fairlead_router.uris import new_id

if TYPE_CHECKING:
    from fairlead_router.pubsub.subscription import Membership
    from fairlead_router.realm import Realm

REVOKED_TOPIC = "fairlead.session.revoked"


class RevocationSignal(StrEnum):
    """The realm's option `revocation_signal`."""

    AUTO = "auto"
    SPEC = "spec"
    EVENT = "event"
    SILENT = "silent"
    CLOSE = "close"


def signal_revocation(realm: "Realm", membership: "Membership", reason: str) -> None:
    """Tell the session by the realm's option. The membership has been removed and its queued events purged."""
    signal = realm.options.revocation_signal
    session = membership.session
    if signal is RevocationSignal.CLOSE:
        realm.end_session(session, reason, f"the subscription to {membership.subscription.topic!r} was revoked")
        return
    features = session.features
    bears_spec = features.takes_revoked_subscription and not features.is_autobahn_python
    by_spec = bears_spec if signal is RevocationSignal.AUTO else signal is RevocationSignal.SPEC
    by_event = signal is RevocationSignal.EVENT or (signal is RevocationSignal.AUTO and not bears_spec)
    if membership.subscription.source is not None and signal in (RevocationSignal.AUTO, RevocationSignal.EVENT):
        _send_last_event(membership, reason)
    elif by_event:
        _send_revoked_event(realm, membership, reason)
    if (by_spec and features.takes_revoked_subscription) or features.is_in_process:  # others must not get it
        details = {"subscription": membership.subscription.id, "reason": reason}
        session.send(RevokedSubscription(0, details))


def _send_last_event(membership: "Membership", reason: str) -> None:
    payload = Payload.of({"revoked": {"reason": reason}})
    membership.session.send(Event(membership.subscription.id, new_id(), {}), payload)


def _send_revoked_event(realm: "Realm", membership: "Membership", reason: str) -> None:
    """An event to this session alone."""
    session, subscription = membership.session, membership.subscription
    notices = realm.broker.exact(REVOKED_TOPIC)
    if notices is not None and session in notices.live:
        notice = {"subscription": subscription.id, "topic": subscription.topic, "reason": reason}
        session.send(Event(notices.id, new_id(), {}), Payload.of(notice))
