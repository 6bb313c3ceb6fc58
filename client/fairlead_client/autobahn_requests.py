"""Autobahn's requests, awaited alike on either framework, with errors of this package."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import txaio
from autobahn.wamp.types import CallResult, EventDetails, SubscribeOptions

from fairlead_client.autobahn_session import NOT_SENT, AutobahnSession, error_of
from fairlead_client.errors import ClientError
from fairlead_client.merging import Event
from fairlead_client.runtime import Runtime, Wakeup

# Autobahn and txaio declare no types for what we call of them.
_txaio: Any = txaio
_SubscribeOptions: Any = SubscribeOptions

GET_EVENTS = "wamp.subscription.get_events"
# The keyword argument in which Autobahn hands a handler the details: no program's events have one of this name.
_DETAILS = "fairlead_client_details"


async def ask(runtime: Runtime, start: Callable[[], Any], undo: Callable[[Any], Any] | None = None) -> Any:
    """The result of what `start` begins, at once where nothing is awaited. Raises CallFailed or Unreachable.

    Who stops waiting cancels it. What the router does all the same, without knowing that nobody waits, `undo` takes
    back: it gets the result, and returns what Autobahn does.
    """
    try:
        future = start()
    except NOT_SENT as error:
        raise error_of(error) from None
    if not _txaio.is_future(future):
        return future
    reply = _Reply(runtime.wakeup(), undo)
    _txaio.add_callbacks(future, reply.succeeded, reply.failed)
    try:
        return await reply.value()
    except ClientError:
        raise
    except BaseException:
        reply.give_up()
        if undo is None and not _txaio.is_called(future):
            _txaio.cancel(future)
        raise


class _Reply:
    """What comes for one request, also when nobody waits for it any more."""

    def __init__(self, bell: Wakeup, undo: Callable[[Any], Any] | None) -> None:
        self._bell = bell
        self._undo = undo
        self._values: list[Any] = []
        self._errors: list[ClientError] = []
        self._is_given_up = False

    async def value(self) -> Any:
        while not self._values and not self._errors:
            await self._bell.wait()
        if self._errors:
            raise self._errors[0]
        return self._values[0]

    def give_up(self) -> None:
        self._is_given_up = True
        for value in self._values:
            self._take_back(value)

    def succeeded(self, value: Any) -> None:
        self._values.append(value)
        if self._is_given_up:
            self._take_back(value)
        self._bell.set()

    def failed(self, failure: Any) -> None:
        self._errors.append(error_of(failure.value))
        self._bell.set()

    def _take_back(self, value: Any) -> None:
        """Nobody waits for that, and what fails it, the session's end, does the same."""
        if self._undo is not None:
            with suppress(*NOT_SENT):
                _txaio.add_callbacks(self._undo(value), None, lambda _: None)


async def register(runtime: Runtime, session: AutobahnSession, procedure: str, endpoint: Any, options: Any) -> Any:
    """Autobahn's registration."""
    return await ask(
        runtime,
        lambda: session.session.register(endpoint, procedure, options=options),
        undo=lambda registration: registration.unregister(),
    )


async def subscribe(
    runtime: Runtime, session: AutobahnSession, topic: str, match: str, on_event: Callable[[Event], None]
) -> Any:
    """Autobahn's subscription; its `id` is the subscription's."""

    def handler(*args: Any, **kwargs: Any) -> None:
        details: EventDetails = kwargs.pop(_DETAILS)
        on_event(Event(details.topic or topic, [*args], kwargs, details.publication))

    options = _SubscribeOptions(match=match, details_arg=_DETAILS)
    return await ask(
        runtime,
        lambda: session.session.subscribe(handler, topic, options=options),
        undo=lambda subscription: subscription.unsubscribe(),
    )


async def history(
    runtime: Runtime, session: AutobahnSession, subscription: int, topic: str, **wanted: Any
) -> tuple[list[Event], bool]:
    """A page of a subscription's events, and whether there are more. Raises CallFailed where none are kept.

    `wanted` are arguments of WAMP's procedure. Some routers send the events as arguments, others as one list.
    """
    result = await ask(runtime, lambda: session.session.call(GET_EVENTS, subscription, **wanted))
    is_result = isinstance(result, CallResult)
    shown = [*result.results] if is_result else [result]
    if len(shown) == 1 and not isinstance(shown[0], dict):
        shown = shown[0] or []
    has_more = bool(result.kwresults and result.kwresults.get("is_limit_reached")) if is_result else False
    return [_event(each, topic) for each in shown], has_more


def _event(shown: dict[str, Any], topic: str) -> Event:
    details = shown.get("details") or {}
    return Event(
        details.get("topic", topic),
        [*(shown.get("args") or [])],
        shown.get("kwargs") or {},
        shown["publication"],
        is_past=True,
    )
