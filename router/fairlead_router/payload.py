"""Payload: the args and kwargs of a message as bytes, in one serializer, copied through unparsed.

Immutable. The bytes of another serializer are made on first demand and kept, so that an event for
a thousand subscribers is converted at most once per serializer. An absent args or kwargs is empty
bytes, which no serializer uses for a value. No Python object of one session ever reaches another:
in-process members get values decoded anew.
"""

from typing import Any, TypeVar

import msgspec

from fairlead_router import transcode
from fairlead_router.errors import InvalidArgument
from fairlead_router.transcode import Codec, OutsideCommonModel

T = TypeVar("T")


class Payload(msgspec.Struct, eq=False):
    """The args and kwargs of one message.

    >>> payload = Payload.of("hello", answer=42)
    >>> payload.args, payload.kwargs
    (['hello'], {'answer': 42})
    """

    codec: Codec
    args_bytes: bytes = b""
    kwargs_bytes: bytes = b""
    _others: "dict[Codec, Payload] | None" = None

    @classmethod
    def of(cls, *args: Any, **kwargs: Any) -> "Payload":
        """From str, bytes, int, float, bool, None, and lists and dicts of them. Raises InvalidArgument for others."""
        return cls.from_values(list(args), kwargs)

    @classmethod
    def from_values(cls, args: list[Any], kwargs: dict[str, Any] | None = None) -> "Payload":
        """Like `of`, from a list and a dict. kwargs given but empty are sent as `{}`, None are not sent."""
        try:
            args_bytes = transcode.encode("json", args) if args or kwargs is not None else b""
            kwargs_bytes = transcode.encode("json", kwargs) if kwargs is not None else b""
        except OutsideCommonModel as error:
            raise InvalidArgument(str(error)) from error
        return cls("json", args_bytes, kwargs_bytes)

    @classmethod
    def from_json(cls, args_bytes: bytes, kwargs_bytes: bytes = b"") -> "Payload":
        """From WAMP-JSON bytes that are known to be valid: an array, and an object or nothing."""
        return cls("json", args_bytes, kwargs_bytes)

    @property
    def args(self) -> list[Any]:
        """The decoded args, a new list each time. Raises InvalidArgument."""
        return self._decoded(self.args_bytes, list)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The decoded kwargs, a new dict each time. Raises InvalidArgument."""
        return self._decoded(self.kwargs_bytes, dict)

    @property
    def size(self) -> int:
        """Bytes of args and kwargs together."""
        return len(self.args_bytes) + len(self.kwargs_bytes)

    def check(self) -> None:
        """Raise InvalidArgument unless every serializer can carry this payload (transcode.py)."""
        try:
            transcode.check(self.codec, self.args_bytes, self.kwargs_bytes)
        except OutsideCommonModel as error:
            raise InvalidArgument(str(error)) from error

    def to(self, codec: Codec) -> "Payload":
        """The same payload in another serializer. Raises InvalidArgument if that cannot carry it."""
        if codec == self.codec:
            return self
        if self._others is None:
            self._others = {}
        other = self._others.get(codec)
        if other is None:
            other = self._others[codec] = self._converted(codec)
        return other

    def _converted(self, codec: Codec) -> "Payload":
        try:
            return Payload(
                codec,
                transcode.transcode(self.args_bytes, self.codec, codec) if self.args_bytes else b"",
                transcode.transcode(self.kwargs_bytes, self.codec, codec) if self.kwargs_bytes else b"",
            )
        except OutsideCommonModel as error:
            raise InvalidArgument(str(error)) from error

    def _decoded(self, data: bytes, shape: type[T]) -> T:
        if not data:
            return shape()
        try:
            value = transcode.decode(self.codec, data)
        except OutsideCommonModel as error:
            raise InvalidArgument(str(error)) from error
        if not isinstance(value, shape):
            raise InvalidArgument(f"payload {data[:80]!r} must be {'an array' if shape is list else 'a map'}")
        return value


NO_PAYLOAD = Payload("json")
"""What a message without args and kwargs carries."""
