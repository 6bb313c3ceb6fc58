"""A Member: an in-process peer of a realm, without serializer or socket.

It speaks the same messages through the same requests as a wire peer. Values are copied by encoding: no
object is shared with another session. Handlers and endpoints run in the loop, in the turn after the
message was sent, never inside the call that caused it. Belongs to asyncio, unlike the core.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

from fairlead_router.authorization import Principal
from fairlead_router.errors import CallError, Canceled, SessionError
from fairlead_router.member_calls import Endpoint, MemberCalls, Offer
from fairlead_router.messages import (
    CallMessage,
    CallOptions,
    Cancel,
    CancelOptions,
    Error,
    Event,
    Goodbye,
    Interrupt,
    Invocation,
    Message,
    Publish,
    Published,
    PublishOptions,
    Register,
    Registered,
    RegisterOptions,
    Result,
    RevokedRegistration,
    RevokedSubscription,
    Role,
    RoleFeatures,
    Roles,
    Subscribe,
    Subscribed,
    SubscribeOptions,
    Unregister,
    Unregistered,
    Unsubscribe,
    Unsubscribed,
)
from fairlead_router.payload import Payload
from fairlead_router.peer import IN_PROCESS
from fairlead_router.pubsub.topic_source import SourceTopics, TopicSource
from fairlead_router.rights_watch import ObjectWatch
from fairlead_router.session import Features
from fairlead_router.transcode import Codec
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


EventHandler = Callable[["MemberEvent"], None]

_FRAME_OVERHEAD = 64
"""Bytes that an in-process message counts for beside its payload."""

_ROLE = Role(RoleFeatures(payload_passthru_mode=True))
"""Publisher, subscriber and caller hand on what they were told of a payload; endpoints have no way to."""

_CALLEE = Role(RoleFeatures(call_canceling=True, registration_revocation=True, progressive_call_invocations=True))


class CallResult(msgspec.Struct):
    """The final result of a call; `details` are RESULT.Details."""

    args: list[Any]
    kwargs: dict[str, Any]
    details: dict[str, Any] = {}


class MemberEvent(msgspec.Struct):
    """An event as a handler gets it; `topic` is the concrete one also for a pattern, `details` are EVENT.Details."""

    topic: str
    args: list[Any]
    kwargs: dict[str, Any]
    publication: int
    details: dict[str, Any]


class LocalWire:
    """In-process members get messages and payloads as they are."""

    codec: Codec = "json"

    def frame(self, message: Message, payload: Payload) -> Any:
        """The pair itself."""
        return message, payload

    def size(self, frame: Any) -> int:
        """The payload's bytes and a little for the message."""
        return int(frame[1].size) + _FRAME_OVERHEAD

    def joined(self, frames: list[Any]) -> list[Any]:
        """Each is given on by itself."""
        return frames


LOCAL_WIRE = LocalWire()


class Member:
    """An in-process peer. Create it with `Realm.join`."""

    wire = LOCAL_WIRE
    peer = IN_PROCESS

    def __init__(self, realm: "Realm", principal: Principal) -> None:
        roles = Roles(publisher=_ROLE, subscriber=_ROLE, caller=_ROLE, callee=_CALLEE)
        self._realm = realm
        self._session = realm.open_session(principal, self, Features(roles, is_in_process=True))
        self._last_request_id = 0
        self._requests: dict[int, asyncio.Future[Any]] = {}
        self._starting: dict[int, Any] = {}
        self._progress: dict[int, Callable[[list[Any], dict[str, Any]], None]] = {}
        self._handlers: dict[int, list[tuple[str, EventHandler]]] = {}
        self._calls = MemberCalls(self._session)
        self._sources: list[TopicSource] = []

    @property
    def session_id(self) -> int:
        """The session's id."""
        return self._session.id

    @property
    def principal(self) -> Principal:
        """The identity it joined with."""
        return self._session.principal

    # --- what a program calls -----------------------------------------------------------------

    @overload
    def publish(
        self,
        topic: str,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        options: PublishOptions | None = None,
    ) -> None: ...

    @overload
    def publish(
        self,
        topic: str,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        options: PublishOptions | None = None,
        *,
        acknowledge: Literal[True],
    ) -> "asyncio.Future[int]": ...

    def publish(
        self,
        topic: str,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        options: PublishOptions | None = None,
        *,
        acknowledge: bool = False,
    ) -> "asyncio.Future[int] | None":
        """Publish. With `acknowledge` the future has the publication's id, or raises CallError.

        Raises InvalidArgument for values that no serializer has. The options are left as they are.
        """
        payload = Payload.from_values(args or [], kwargs)
        chosen = msgspec.structs.replace(options or PublishOptions(), acknowledge=acknowledge)
        message = Publish(self._next_id(), chosen, topic, *_raw(payload))
        if acknowledge:
            return self._request(message)
        self._handle(message)
        return None

    def subscribe(
        self, topic: str, handler: EventHandler, match: Match = "exact", *, get_retained: bool = False
    ) -> "asyncio.Future[int]":
        """Have the handler called with each event. The future has the subscription's id and may be left alone."""
        request_id = self._next_id()
        self._starting[request_id] = (topic, handler)
        options = SubscribeOptions(match=match, get_retained=get_retained)
        return self._request(Subscribe(request_id, options, topic))

    def unsubscribe(self, subscription: int) -> "asyncio.Future[int]":
        """End a subscription."""
        self._handlers.pop(subscription, None)
        return self._request(Unsubscribe(self._next_id(), subscription))

    def register(  # noqa: PLR0913 - one keyword an option
        self,
        procedure: str,
        endpoint: Endpoint,
        match: Match = "exact",
        invoke: str = "single",
        concurrency: int | None = None,
        force_reregister: bool = False,
        takes_progress: bool = False,
    ) -> "asyncio.Future[int]":
        """Offer a procedure, from this turn on. The future has the registration's id and may be left alone.

        `invoke` lets others share it (invocation_policy.py); beyond `concurrency` calls in progress others wait. With
        `takes_progress` the endpoint takes progressive call invocations (`Call.on_input`); else they are refused.
        """
        options = RegisterOptions(match, invoke, concurrency, force_reregister=force_reregister)
        request_id = self._next_id()
        self._starting[request_id] = Offer(endpoint, takes_progress)
        return self._request(Register(request_id, options, procedure))

    def unregister(self, registration: int) -> "asyncio.Future[int]":
        """Take a procedure back."""
        self._calls.offers.pop(registration, None)
        return self._request(Unregister(self._next_id(), registration))

    async def call(  # noqa: PLR0913 - one keyword an option
        self,
        procedure: str,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        on_progress: Callable[[list[Any], dict[str, Any]], None] | None = None,
        timeout_s: float | None = None,
        wait_s: float = 0,
        options: CallOptions | None = None,
    ) -> CallResult:
        """Call a procedure and wait for its result. Raises CallError. Who gives up waiting cancels the call.

        It ends with `wamp.error.timeout` after `timeout_s`. It waits `wait_s` for a procedure that is not registered.
        Of `options`, which are left as they are, count those that have no argument here: `disclose_me` and `ppt_*`.
        """
        payload = Payload.from_values(args or [], kwargs)
        request_id = self._next_id()
        if on_progress is not None:
            self._progress[request_id] = on_progress
        chosen = msgspec.structs.replace(
            options or CallOptions(),
            progress=False,
            receive_progress=on_progress is not None,
            timeout=0 if timeout_s is None else max(1, round(timeout_s * 1000)),
            fairlead_wait_ms=round(wait_s * 1000),
        )
        future = self._request(CallMessage(request_id, chosen, procedure, *_raw(payload)))
        try:
            result: CallResult = await future
        except asyncio.CancelledError:
            self._give_up(request_id)
            raise
        return result

    def serve_topics(self, prefix: str, source: TopicSource) -> SourceTopics:
        """Be the source of all topics under this prefix (topic_source.py)."""
        self._realm.broker.add_source(prefix, source)
        self._sources.append(source)
        return SourceTopics(self._realm)

    def watch_object(self, object_id: str, moved: Callable[[str], None]) -> Callable[[], None]:
        """Be told, in the turn of a revocation, that rights to an object may have gone; what comes back ends it."""
        gate, watch = self._realm.gate, ObjectWatch(self._session, object_id, moved)
        gate.admit(watch)
        return partial(gate.release, watch)

    def leave(self) -> None:
        """End the session: registrations, subscriptions and sources go with it."""
        self._realm.close_session(self._session, "wamp.close.normal")
        self._stop("the member has left")

    # --- what the session calls (Transport) ---------------------------------------------------

    def write(self, frames: list[Any]) -> None:
        """Messages for this member."""
        for message, payload in frames:
            if self._session.is_open:
                _HANDLERS[type(message)](self, message, payload)

    def session_ended(self, reason: str, text: str) -> None:
        """The realm has ended the session."""
        self._stop(f"the session was ended: {reason}")

    def fail(self, error: SessionError) -> None:
        """A request of this member broke the protocol."""
        self._realm.close_session(self._session, error.uri)
        self._stop(error.text)

    def abort(self) -> None:
        """The realm has ended the session at once."""
        self._stop("the session was ended")

    # --- requests and their answers -----------------------------------------------------------

    def _next_id(self) -> int:
        self._last_request_id += 1
        return self._last_request_id

    def _handle(self, message: Any) -> None:
        if self._session.is_open:
            self._realm.requests.handle(self._session, message)

    def _request(self, message: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._requests[message.request] = future
        self._handle(message)
        if not self._session.is_open:
            self._stop("the member has left")
        return future

    def _answer(self, request_id: int, value: Any) -> None:
        self._starting.pop(request_id, None)
        self._progress.pop(request_id, None)
        future = self._requests.pop(request_id, None)
        if future is not None and not future.done():
            if isinstance(value, Exception):
                future.set_exception(value)
            else:
                future.set_result(value)

    def _give_up(self, request_id: int) -> None:
        if self._requests.pop(request_id, None) is not None and self._session.is_open:
            self._progress.pop(request_id, None)
            self._handle(Cancel(request_id, CancelOptions()))

    def on_subscribed(self, message: Subscribed, payload: Payload) -> None:
        handlers = self._handlers.setdefault(message.subscription, [])
        handler = self._starting[message.request]
        if handler not in handlers:
            handlers.append(handler)
        self._answer(message.request, message.subscription)

    def on_registered(self, message: Registered, payload: Payload) -> None:
        self._calls.offers[message.registration] = self._starting[message.request]
        self._answer(message.request, message.registration)

    def on_published(self, message: Published, payload: Payload) -> None:
        self._answer(message.request, message.publication)

    def on_revoked_subscription(self, message: RevokedSubscription, payload: Payload) -> None:
        """What was sent before has been handled: no event of this subscription follows."""
        self._handlers.pop(message.details["subscription"], None)

    def on_revoked_registration(self, message: RevokedRegistration, payload: Payload) -> None:
        """What was sent before has been handled: no invocation of this registration follows."""
        self._calls.offers.pop(message.details["registration"], None)

    def on_done(self, message: Unsubscribed | Unregistered, payload: Payload) -> None:
        self._answer(message.request, None)

    def on_error(self, message: Error, payload: Payload) -> None:
        self._answer(message.request, CallError(message.error, payload.args, payload.kwargs))

    def on_result(self, message: Result, payload: Payload) -> None:
        if "progress" not in message.details:
            self._answer(message.request, CallResult(payload.args, payload.kwargs, message.details))
        elif message.request in self._progress:
            try:
                self._progress[message.request](payload.args, payload.kwargs)
            except Exception as error:  # noqa: BLE001 - a mistake of the program's own
                self._realm.failures.add("the handler of a progressive result failed", error)

    # --- events and invocations ---------------------------------------------------------------

    def on_event(self, message: Event, payload: Payload) -> None:
        for topic, handler in self._handlers.get(message.subscription, ()):
            concrete = message.details.get("topic", topic)
            try:
                handler(MemberEvent(concrete, payload.args, payload.kwargs, message.publication, dict(message.details)))
            except Exception as error:  # noqa: BLE001 - as above
                self._realm.failures.add(f"the handler of topic {concrete} failed", error)

    def on_invocation(self, message: Invocation, payload: Payload) -> None:
        self._calls.invoke(message, payload)

    def on_interrupt(self, message: Interrupt, payload: Payload) -> None:
        self._calls.interrupt(message)

    def _stop(self, text: str) -> None:
        for source in self._sources:
            self._realm.broker.remove_source(source)
        self._handlers.clear()
        self._calls.stop()
        for request_id, future in list(self._requests.items()):
            self._answer(request_id, CallError(Canceled.uri, [text], {}))
            if not future.cancelled():
                future.exception()  # whoever awaits it has it raised; one left alone is no mistake


def _raw(payload: Payload) -> tuple[msgspec.Raw, msgspec.Raw]:
    return msgspec.Raw(payload.args_bytes), msgspec.Raw(payload.kwargs_bytes)


def _ignore(member: Member, message: Any, payload: Payload) -> None:
    """GOODBYE: the realm has acted already."""


_HANDLERS: dict[type, Callable[[Member, Any, Payload], None]] = {
    Subscribed: Member.on_subscribed,
    Registered: Member.on_registered,
    Published: Member.on_published,
    Unsubscribed: Member.on_done,
    Unregistered: Member.on_done,
    Error: Member.on_error,
    Result: Member.on_result,
    Event: Member.on_event,
    Invocation: Member.on_invocation,
    Interrupt: Member.on_interrupt,
    Goodbye: _ignore,
    RevokedSubscription: Member.on_revoked_subscription,
    RevokedRegistration: Member.on_revoked_registration,
}
