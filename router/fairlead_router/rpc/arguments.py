"""The arguments of a call, bound by position and by name to a msgspec Struct, and checked by its types."""

from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from fairlead_router import transcode
from fairlead_router.errors import InvalidArgument
from fairlead_router.payload import Payload
from fairlead_router.serializers import id_of_javascript
from fairlead_router.transcode import OutsideCommonModel


class ArgumentShape(Protocol):
    """A msgspec Struct that describes arguments: `positional` names the fields that may come by position, in order."""

    positional: ClassVar[tuple[str, ...]]


class NoArguments(msgspec.Struct):
    """What a procedure without arguments takes."""

    positional: ClassVar[tuple[str, ...]] = ()


T = TypeVar("T", bound=ArgumentShape)


def bind(procedure: str, payload: Payload, shape: type[T]) -> T:
    """The arguments; a name wins over a position, unknown names are ignored.

    Raises InvalidArgument, which names the procedure, the argument and the rule.
    """
    try:
        if payload.codec == "json":
            return transcode.decode_typed("json", _named_json(procedure, payload, shape), shape)
        return msgspec.convert(_named_values(procedure, payload, shape), shape)
    except (OutsideCommonModel, msgspec.ValidationError) as error:
        raise InvalidArgument(f"{procedure}: {error}") from error


def _named_json(procedure: str, payload: Payload, shape: type[T]) -> bytes:
    """Positional arguments and kwargs as one JSON object, spliced without decoding the values."""
    values = msgspec.json.decode(payload.args_bytes or b"[]", type=list[msgspec.Raw])
    named = [b'"%b":%b' % (name.encode(), bytes(value)) for name, value in _named(procedure, shape, values)]
    keywords = payload.kwargs_bytes.strip()
    if len(keywords) > 2 and keywords[1:-1].strip():
        named.append(keywords[1:-1])
    return b"{" + b",".join(named) + b"}"


def _named_values(procedure: str, payload: Payload, shape: type[T]) -> dict[str, Any]:
    named = {**dict(_named(procedure, shape, payload.args)), **payload.kwargs}
    return {name: id_of_javascript(value) for name, value in named.items()}


def _named(procedure: str, shape: type[T], values: list[Any]) -> list[tuple[str, Any]]:
    if len(values) > len(shape.positional):
        raise InvalidArgument(
            f"{procedure}: {len(values)} positional arguments; at most {len(shape.positional)} "
            f"are taken: {', '.join(shape.positional)}"
        )
    return list(zip(shape.positional, values, strict=False))
