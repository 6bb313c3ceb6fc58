"""The calls that an in-process member's endpoints answer. What a call can do is in call.py.

An endpoint returns its result, an awaitable of it, or PENDING. What it raises is the answer too: a RequestError as it
is, anything else as our own mistake, logged whole.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead_router.errors import Canceled, FeatureNotSupported, InvalidArgument, NoSuchProcedure, RequestError
from fairlead_router.host import Timer
from fairlead_router.messages import Interrupt, Invocation
from fairlead_router.payload import Payload
from fairlead_router.rpc.call import PENDING, Call, Value, _Pending, as_payload

if TYPE_CHECKING:
    from fairlead_router.session import Session


Endpoint = Callable[[Call], Value | _Pending | Awaitable[Value]]


class Offer(msgspec.Struct, frozen=True):
    """An endpoint, and whether it takes progressive call invocations."""

    endpoint: Endpoint
    takes_progress: bool


class MemberCalls:
    """The endpoints of one member by their registrations, and the calls in progress."""

    def __init__(self, session: "Session") -> None:
        self.offers: dict[int, Offer] = {}
        self._session = session
        self._calls: dict[int, Call] = {}
        self._running: dict[int, Timer] = {}

    def invoke(self, message: Invocation, payload: Payload) -> None:
        """A call for one of the endpoints, or another input of one that it has got."""
        call = self._calls.get(message.request)
        if call is not None:
            self._input(call, payload, is_last="progress" not in message.details)
            return
        pending = self._session.invocations.get(message.request)
        if pending is None:
            return
        call = self._calls[message.request] = Call(pending, payload, partial(self._calls.pop, message.request, None))
        call.expects_more = "progress" in message.details
        offer = self.offers.get(message.registration)
        if offer is None:
            call.abort(NoSuchProcedure(f"procedure {call.procedure!r} was just unregistered"))
            return
        if call.expects_more and not offer.takes_progress:
            call.abort(FeatureNotSupported(f"procedure {call.procedure!r} takes its arguments at once"))
            return
        try:
            value = offer.endpoint(call)
        except Exception as error:  # noqa: BLE001 - an endpoint's mistake must not stop the member; it is logged whole
            self._fail(call, error)
            return
        if isawaitable(value):
            finished = partial(self._finished, message.request, call)
            self._running[message.request] = self._session.realm.host.wait_for(value, finished)
        else:
            self._finish(call, value)

    def _input(self, call: Call, payload: Payload, is_last: bool) -> None:
        try:
            call.take(payload, is_last)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(call, error)

    def interrupt(self, message: Interrupt) -> None:
        """The caller canceled, left, or lost the right. With mode=kill it still waits for our ERROR."""
        call = self._calls.get(message.request)
        if call is None:
            return
        call.abort(Canceled("the caller canceled the call"))
        if call.on_end is None:
            return
        try:
            call.on_end(str(message.options.get("reason", Canceled.uri)))
        except Exception as error:  # noqa: BLE001 - a mistake of the program's own
            self._session.realm.failures.add(f"on_end of a call of {call.procedure} failed", error)

    def stop(self) -> None:
        """The member has left: nobody waits for what is still awaited."""
        for endpoint in self._running.values():
            endpoint.cancel()

    def _finished(self, invocation_id: int, call: Call, value: Any) -> None:
        """An awaited endpoint has returned or raised."""
        self._running.pop(invocation_id, None)
        if isinstance(value, BaseException):
            self._fail(call, value)
        else:
            self._finish(call, value)

    def _finish(self, call: Call, value: Any) -> None:
        if value is PENDING:
            return
        try:
            call.finish(as_payload(value))
        except InvalidArgument as error:
            self._fail(call, error)

    def _fail(self, call: Call, error: BaseException) -> None:
        """A RequestError is the answer; anything else is our own mistake and is logged whole."""
        if isinstance(error, RequestError):
            call.abort(error)
            return
        self._session.realm.failures.add(f"the endpoint of {call.procedure} failed", error)
        call.abort(RequestError(f"the endpoint of {call.procedure} failed; the router's log says why"))
