"""A message that is longer than its receiver takes (spec: Advanced Profile, RawSocket Transport, Serialization).

It is never dropped in silence. What can be said without its payload is sent without, and says so by
`payload_limit_exceeded` in its details; a final RESULT becomes ERROR. A URI that others chose, and that is too long by
itself, gives way to ours. An INVOCATION means nothing without its arguments: it is not sent, and the caller gets the
error.
"""

from collections.abc import Callable, Iterator

from fairlead_router.errors import PayloadSizeExceeded, ProtocolViolation
from fairlead_router.messages import (
    Abort,
    Error,
    Event,
    Goodbye,
    Invocation,
    Message,
    Result,
    RevokedRegistration,
    RevokedSubscription,
)
from fairlead_router.payload import NO_PAYLOAD, Payload

FLAG = {"payload_limit_exceeded": True}

_CALL_TYPE = 48
"""ERROR for a call names the type of the message that it answers."""


def shortened(message: Message, size: int, encode: Callable[[Message, Payload], bytes], max_bytes: int) -> bytes:
    """The body of what is sent instead. Raises PayloadSizeExceeded for an INVOCATION.

    Raises ProtocolViolation for what must reach the peer as it is (WELCOME, CHALLENGE): with that it cannot go on.
    """
    for shorter in _shorter(message):
        body = encode(shorter, NO_PAYLOAD)
        if len(body) <= max_bytes:
            return body
    name = type(message).__name__.upper()
    text = f"{name} has {size} bytes, and its receiver takes at most {max_bytes}"
    if isinstance(message, Invocation):
        raise PayloadSizeExceeded(text)
    raise ProtocolViolation(text)


def _shorter(message: Message) -> Iterator[Message]:
    """What says less, the better one first."""
    if isinstance(message, Event):
        yield Event(message.subscription, message.publication, message.details | FLAG)
        yield Event(message.subscription, message.publication, FLAG)
    elif isinstance(message, Result) and message.details.get("progress"):
        yield Result(message.request, message.details | FLAG)
        yield Result(message.request, {"progress": True} | FLAG)
    elif isinstance(message, Result):
        yield Error(_CALL_TYPE, message.request, FLAG, PayloadSizeExceeded.uri)
    elif isinstance(message, Error):
        yield Error(message.request_type, message.request, FLAG, message.error)
        yield Error(message.request_type, message.request, FLAG, PayloadSizeExceeded.uri)
    elif isinstance(message, Abort | Goodbye):
        yield type(message)({}, message.reason)
        yield type(message)({}, PayloadSizeExceeded.uri)
    elif isinstance(message, RevokedSubscription | RevokedRegistration):
        yield type(message)(message.request, message.details | {"reason": PayloadSizeExceeded.uri})
