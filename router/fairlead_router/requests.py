"""The way of a request: validate, authorize, perform; in order, also when the authorizer takes its time.

While one request of a session waits for an asynchronous authorizer, its later PUBLISH, CALL, SUBSCRIBE,
UNSUBSCRIBE, REGISTER and UNREGISTER wait behind it, so that their order is kept (R1). YIELD, an
invocation's ERROR and CANCEL pass: a session that *is* the authorizer would otherwise wait for itself.

If the principal or the object lost a right while the authorizer was thinking, a yes may be stale and the
question is asked again (G6). Other revocations don't matter: they would keep a slow authorizer busy for ever.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead_router.answers import Verdict
from fairlead_router.errors import (
    AuthorizationFailed,
    Canceled,
    LimitExceeded,
    ProtocolViolation,
    RequestError,
    SessionError,
)
from fairlead_router.gate import Basis
from fairlead_router.messages import (
    CallMessage,
    Cancel,
    Publish,
    ReceivedError,
    Register,
    Subscribe,
    Unregister,
    Unsubscribe,
    Yield,
)
from fairlead_router.questions import Question

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session


WITHDRAWN = object()
"""Stands in the queue for a call that was canceled while it waited."""


class Request(msgspec.Struct, frozen=True):
    """How one type of message is handled. Without a question nothing is authorized; `refuse` sends its ERROR."""

    type_number: int
    perform: Callable[["Session", Any], None]
    question: Callable[["Session", Any], Question | None] | None = None
    refuse: Callable[["Session", Any, RequestError], None] | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A request in the queue, and how many bytes it came in."""

    message: Any
    size: int


class Asked(msgspec.Struct, frozen=True):
    """A request whose answer has not come, and what the answer will rest on."""

    message: Any
    request: Request
    question: Question
    basis: Basis


class Requests:
    """The requests of one realm's sessions."""

    def __init__(self, realm: "Realm") -> None:
        pubsub, rpc, registering = realm.pubsub, realm.rpc, realm.registering
        self._realm = realm
        self._deadlines = realm.deadlines
        self._time_us, self._steady_us = realm.host.time_us, realm.host.steady_us
        self._ordered: dict[type, Request] = {
            Publish: Request(16, pubsub.publish, pubsub.question_publish, self._refuse_publication),
            Subscribe: Request(32, pubsub.subscribe, pubsub.question_subscribe),
            Unsubscribe: Request(34, pubsub.unsubscribe),
            CallMessage: Request(48, rpc.call, rpc.question_call, rpc.refuse),
            Register: Request(64, registering.register, registering.question),
            Unregister: Request(66, registering.unregister),
        }
        self._passing: dict[type, Callable[[Session, Any], None]] = {
            Cancel: self._cancel,
            Yield: rpc.yield_,
            ReceivedError: rpc.error,
        }

    def handle(self, session: "Session", message: Any, size: int = 0) -> None:
        """One message of an open session, of so many bytes. Raises ProtocolViolation for what may not come now."""
        next_us, steady_us = self._deadlines.next_us, self._deadlines.next_steady_us
        if (next_us is not None and next_us <= self._time_us()) or (
            steady_us is not None and steady_us <= self._steady_us()
        ):
            self._deadlines.run_due()
            if not session.is_open:
                return
        request = self._ordered.get(type(message))
        if request is None:
            handler = self._passing.get(type(message))
            if handler is None:
                raise ProtocolViolation(f"{type(message).__name__} is not allowed in an open session")
            handler(session, message)
        elif session.waiting:
            self._wait_behind(session, Waiting(message, size))
        else:
            self._start(session, message, request)

    def _wait_behind(self, session: "Session", waiting: Waiting) -> None:
        message = waiting.message
        try:
            self._check_room(session, waiting.size)
        except LimitExceeded as error:
            if isinstance(message, CallMessage):
                self._withdraw(session, message.request)
            self._refuse(session, message, self._ordered[type(message)], error)
        else:
            session.waiting_bytes += waiting.size
            session.waiting.append(waiting)

    def _check_room(self, session: "Session", size: int) -> None:
        """Raises LimitExceeded unless another request of this size may wait."""
        limits = self._realm.limits
        if len(session.waiting) >= limits.waiting_requests:
            text = f"{limits.waiting_requests} requests wait for the authorizer already"
            raise LimitExceeded(text, limit="waiting_requests")
        if session.waiting_bytes + size > limits.waiting_request_bytes:
            limit = limits.waiting_request_bytes
            text = f"the requests that wait for the authorizer may have {limit} bytes in all"
            raise LimitExceeded(text, limit="waiting_request_bytes")

    def _start(self, session: "Session", message: Any, request: Request) -> None:
        try:
            question = None if request.question is None else request.question(session, message)
            verdict = True if question is None else self._realm.may(session.principal, question)
            if verdict is True:
                if session.is_open:  # the authorizer may have ended it
                    request.perform(session, message)
                return
            assert question is not None
            if verdict is False:
                raise self._realm.refusal(session.principal, question)
            self._wait_for(verdict, session, Asked(message, request, question, self._basis(session, question)))
        except RequestError as error:
            self._refuse(session, message, request, error)

    def _wait_for(self, verdict: Awaitable[bool], session: "Session", asked: Asked) -> None:
        """The answer comes later; meanwhile the request is the first of those that wait."""
        session.waiting.insert(0, Waiting(asked.message, 0))
        self._realm.answers.wait_for(verdict, partial(self._answered, session, asked))

    def _answered(self, session: "Session", asked: "Asked", verdict: Verdict) -> None:
        """The answer has come. No message is being received, so a mistake of the peer is found here."""
        self._deadlines.run_due()
        if not session.is_open:
            return
        try:
            self._resume(session, asked, verdict)
        except SessionError as error:
            session.fail(error)

    def _resume(self, session: "Session", asked: "Asked", verdict: Verdict) -> None:
        message, request = asked.message, asked.request
        if session.waiting.pop(0).message is not WITHDRAWN:
            try:
                self._decide(session, asked, verdict)
            except RequestError as error:
                self._refuse(session, message, request, error)
        if not (session.waiting and session.waiting[0].message is message):  # else it waits again, and all behind it
            self._go_on(session)

    def _decide(self, session: "Session", asked: "Asked", verdict: Verdict) -> None:
        message, request = asked.message, asked.request
        if isinstance(verdict, AuthorizationFailed):
            raise verdict
        if not verdict:
            raise self._realm.refusal(session.principal, asked.question)
        if self._is_stale(session, asked):
            self._start(session, message, request)
        else:
            request.perform(session, message)

    def _is_stale(self, session: "Session", asked: "Asked") -> bool:
        """Whether it would be asked differently now, or a right was lost since. Raises as the question does."""
        assert asked.request.question is not None
        question = asked.request.question(session, asked.message)
        if question is None or question != asked.question:
            return True
        return self._basis(session, question) != asked.basis

    def _basis(self, session: "Session", question: Question) -> Basis:
        return self._realm.gate.basis(session.principal.authid, question.object_id)

    def _go_on(self, session: "Session") -> None:
        """Take up what waited, until the head waits for its own answer."""
        waiting, session.waiting = session.waiting, []
        while waiting and not session.waiting and session.is_open:
            head = waiting.pop(0)
            session.waiting_bytes -= head.size
            if head.message is not WITHDRAWN:
                self._start(session, head.message, self._ordered[type(head.message)])
        session.waiting.extend(waiting)

    def _refuse(self, session: "Session", message: Any, request: Request, error: RequestError) -> None:
        """The one place where a failed request becomes ERROR. A session that has ended meanwhile has heard GOODBYE."""
        if not session.is_open:
            return
        if request.refuse is not None:
            request.refuse(session, message, error)
        else:
            self._realm.limit_exceeded(error, session.id)
            session.send_error(request.type_number, message.request, error)

    def _refuse_publication(self, session: "Session", message: Publish, error: RequestError) -> None:
        """An unacknowledged PUBLISH has no answer in WAMP."""
        self._realm.limit_exceeded(error, session.id)
        if message.options.acknowledge:
            session.send_error(self._ordered[Publish].type_number, message.request, error)
        else:
            self._realm.counters.refused_publications += 1

    def _cancel(self, session: "Session", message: Cancel) -> None:
        """A call that still waits for the authorizer ends at once: no callee has heard of it."""
        last = self._withdraw(session, message.request)
        if last is None or message.request in session.calls:
            self._realm.rpc.cancel(session, message)
        else:
            self._realm.rpc.refuse(session, last, Canceled("the caller canceled the call"))

    def _withdraw(self, session: "Session", request_id: int) -> CallMessage | None:
        """Forget what waits of a call, the first CALL and those that continue it. Returns the last."""
        last = None
        for index, waiting in enumerate(session.waiting):
            message = waiting.message
            if isinstance(message, CallMessage) and message.request == request_id:
                session.waiting[index] = Waiting(WITHDRAWN, 0)
                session.waiting_bytes -= waiting.size
                last = message
        return last
