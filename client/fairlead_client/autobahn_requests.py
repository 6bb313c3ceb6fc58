"""Autobahn's requests, awaited alike on either framework, with errors of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import txaio
from autobahn.exception import PayloadExceededError
from autobahn.wamp.exception import TransportLost
from autobahn.wamp.types import CallResult, EventDetails, SubscribeOptions

from fairlead_client.autobahn_session import AutobahnSession, error_of
from fairlead_client.merging import Event
from fairlead_client.runtime import Runtime

# Autobahn and txaio declare no types for what we call of them.
_txaio: Any = txaio
_SubscribeOptions: Any = SubscribeOptions

GET_EVENTS = "wamp.subscription.get_events"
# The keyword argument in which Autobahn hands a handler the details: no program's events have one of this name.
_DETAILS = "fairlead_client_details"


async def ask(runtime: Runtime, start: Callable[[], Any]) -> Any:
    """The result of what `start` begins, at once where nothing is awaited. Raises CallFailed or Unreachable.

    Who stops waiting cancels it.
    """
    bell = runtime.wakeup()
    values: list[Any] = []
    failures: list[BaseException] = []
    try:
        future = start()
    except (TransportLost, PayloadExceededError) as error:
        raise error_of(error) from None
    if not _txaio.is_future(future):
        return future

    def succeeded(value: Any) -> None:
        values.append(value)
        bell.set()

    def failed(failure: Any) -> None:
        failures.append(failure.value)
        bell.set()

    _txaio.add_callbacks(future, succeeded, failed)
    try:
        while not values and not failures:
            await bell.wait()
    except BaseException:
        if not _txaio.is_called(future):
            _txaio.cancel(future)
        raise
    if failures:
        raise error_of(failures[0]) from None
    return values[0]


async def subscribe(
    runtime: Runtime, session: AutobahnSession, topic: str, match: str, on_event: Callable[[Event], None]
) -> Any:
    """Autobahn's subscription; its `id` is the subscription's."""

    def handler(*args: Any, **kwargs: Any) -> None:
        details: EventDetails = kwargs.pop(_DETAILS)
        on_event(Event(details.topic or topic, [*args], kwargs, details.publication))

    options = _SubscribeOptions(match=match, details_arg=_DETAILS)
    return await ask(runtime, lambda: session.session.subscribe(handler, topic, options=options))


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
