"""A session that reads when the test says so."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead_router import CallOptions, Payload, Principal, Realm, SessionError, SubscribeOptions
from fairlead_router.member import LOCAL_WIRE
from fairlead_router.messages import CallMessage, Error, Event, Result, Roles, Subscribe, Unsubscribe
from fairlead_router.peer import IN_PROCESS
from fairlead_router.session import Features


class SlowPeer:
    """A session whose transport the test pauses: what it does not read stays in the router's outbox, bounded."""

    wire = LOCAL_WIRE
    peer = IN_PROCESS

    def __init__(self, realm: Realm, authid: str) -> None:
        self.received: list[Any] = []
        self.goodbye: str | None = None
        self._realm = realm
        self._requests = 0
        self._session = realm.open_session(Principal(authid, "user"), self, Features(Roles()))

    def abort(self) -> None:
        raise NotImplementedError("no realm of these tests resets its sessions")

    def pause(self) -> None:
        self._session.outbox.pause()

    def resume(self) -> None:
        self._session.outbox.resume()

    @property
    def session_id(self) -> int:
        return self._session.id

    @property
    def queued_bytes(self) -> int:
        return sum(item.size for item in self._session.outbox.items)

    def subscribe_to(self, topic: str, **options: Any) -> None:
        self._requests += 1
        self._realm.requests.handle(self._session, Subscribe(self._requests, SubscribeOptions(**options), topic))

    def unsubscribe(self) -> None:
        self._requests += 1
        (subscription,) = self._session.memberships
        self._realm.requests.handle(self._session, Unsubscribe(self._requests, subscription))

    def call(self, procedure: str, *args: Any, **kwargs: Any) -> None:
        """With progressive results, which are received as they come."""
        self._requests += 1
        payload = Payload.from_values(list(args), kwargs)
        options = CallOptions(receive_progress=True)
        raws = msgspec.Raw(payload.args_bytes), msgspec.Raw(payload.kwargs_bytes)
        self._realm.requests.handle(self._session, CallMessage(self._requests, options, procedure, *raws))

    @property
    def dicts(self) -> list[Any]:
        """The dicts of events and results, in order."""
        return [payload.args[0] for message, payload in self.received if isinstance(message, Event | Result)]

    @property
    def publications(self) -> list[int]:
        return [message.publication for message, _payload in self.received if isinstance(message, Event)]

    @property
    def errors(self) -> list[str]:
        return [message.error for message, _payload in self.received if isinstance(message, Error)]

    def write(self, frames: list[Any]) -> None:
        self.received += frames

    def fail(self, error: SessionError) -> None:
        raise error

    def session_ended(self, reason: str, text: str) -> None:
        self.goodbye = reason
