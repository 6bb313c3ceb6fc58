"""Payload values between the serializers: JSON, MessagePack and CBOR carry one common model, or the payload is refused.

A publication is copied through as bytes to every subscriber of the same serializer and converted once for each other
serializer. Each has values that another lacks, so what cannot reach *every* receiver is refused where it enters
(PUBLISH, CALL, YIELD) and is never lost for some of them.

The common model: null, booleans, integers -2^63..2^64-1, finite floats, Unicode strings, binary strings, arrays, and
maps whose keys are distinct strings. WAMP-JSON writes binary as a string of U+0000 and base64 (spec, "Binary conversion
of JSON Strings"); therefore no other string, and no key, may begin with U+0000, in any serializer.

The rules of this module:
- No I/O and no state. Whatever arrives, the only exception is `OutsideCommonModel`.
- Reading has a fast way in C that may only say "certainly inside", and a slow way in Python that decides. `decode`,
  `check` and `transcode` share both, so that none accepts what another refuses.
- 1 and 1.0 stay apart in all three formats; what a JavaScript reader makes of them, or of 2^53 + 1, is its own affair.
"""

from __future__ import annotations

import binascii
import importlib
import io
import math
import sys
from abc import ABC
from collections.abc import Callable
from functools import cache, cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn, TypeVar

import cbor2
import msgspec

Codec = Literal["json", "msgpack", "cbor"]
T = TypeVar("T")

NESTING_LIMIT: Final = 63
"""Levels of arrays and maps in a payload, args or kwargs itself being the first. With the message's own array that is
64, where the JSON readers of .NET stop by default (Ruby's stops at 100, cbor2 at 400, CPython's own near 1000)."""

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1
"""MessagePack's int 64 and uint 64. CBOR reaches down to -2^64 and JSON has no bound, but MessagePack has these."""

BINARY_MARK: Final = "\0"
SHOWN_CHARACTERS: Final = 40  # of a refused value in the error's text: enough to find it, too little to flood a log


class OutsideCommonModel(ValueError):
    """A value that one of the serializers could not carry; the text names the value, its place and the rule."""


if TYPE_CHECKING:
    StrOrBytes = str | bytes
else:

    class StrOrBytes(ABC):  # noqa: B024 - str and bytes are registered below
        """The field type for `decode_typed` that takes text or binary: msgspec refuses `str | bytes` ("str-like")."""

    StrOrBytes.register(str)
    StrOrBytes.register(bytes)


def decode(codec: Codec, data: bytes) -> Any:
    r"""Reads one value (an args array or a kwargs map) into new Python objects, or raises OutsideCommonModel.

    >>> decode("json", b'["\\u0000aGk=", 1.0]')
    [b'hi', 1.0]
    """
    try:
        return _READ[codec](data, "value")
    except RecursionError as error:
        raise _too_deep("value") from error


def encode(codec: Codec, value: Any) -> bytes:
    r"""Writes one Python value (tuples as arrays), or raises OutsideCommonModel: what services hand over is unchecked.

    >>> encode("json", [b"hi", 1.0])
    b'["\\u0000aGk=",1.0]'
    """
    try:
        return _WRITE[codec](_walk(value, _TO_JSON if codec == "json" else _AS_IT_IS, "value", 1))
    except RecursionError as error:
        raise _too_deep("value") from error


def transcode(data: bytes, source: Codec, target: Codec) -> bytes:
    """The same value in another serializer; for the same one the bytes themselves, unread (`check` is the judge)."""
    if source == target:
        return data
    value = decode(source, data)
    return encode(target, value) if target == "json" else _WRITE[target](value)  # what was read is inside the model


def check(codec: Codec, args: bytes, kwargs: bytes) -> None:
    """Raises OutsideCommonModel unless args is an array and kwargs a map, inside the model; b"" is an absent one."""
    read = _READ[codec]
    root = "args"
    try:
        if args and type(read(args, root)) is not list:
            raise OutsideCommonModel("args must be an array")
        root = "kwargs"
        if kwargs and type(read(kwargs, root)) is not dict:
            raise OutsideCommonModel("kwargs must be a map")
    except RecursionError as error:
        raise _too_deep(root) from error


def decode_typed(codec: Codec, data: bytes, shape: type[T]) -> T:
    r"""Reads a *checked* value into a msgspec type, or raises OutsideCommonModel with msgspec's place of the misfit.

    A field that may be binary is declared `StrOrBytes` (or Any), never `bytes`: msgspec takes unmarked base64 there.
    msgspec's JSON decoder does not know the U+0000 mark and would hand binary on as text, so JSON with the escape
    "\u0000" in it (the only way to write that character) is read untyped, where the mark becomes bytes, and then
    converted. CBOR always goes that way.

    >>> decode_typed("json", b'[1, "\\u0000aGk="]', tuple[int, StrOrBytes])
    (1, b'hi')
    """
    value: T
    try:
        if codec == "json" and b"\\u0000" not in data:
            value = _typed_json(shape).decode(data)
        elif codec == "msgpack":
            value = _typed_msgpack(shape).decode(data)
        else:
            value = msgspec.convert(decode(codec, data), shape, builtin_types=(bytes,), dec_hook=_str_or_bytes)
    except (*_UNREADABLE, RecursionError) as error:
        raise OutsideCommonModel(str(error)) from error
    return value


# ---- reading ----

_UNREADABLE = (msgspec.MsgspecError, cbor2.CBORError, UnicodeError)
_SHALLOW_LEVELS = 6  # the type doubles with each level; [{"records": [{...}]}] has four


def _shallow_type() -> Any:
    """The model as a msgspec type, as far as C can check it: few levels, no binary, and integers only up to 2^63-1."""
    integer = Annotated[int, msgspec.Meta(ge=INTEGER_MIN, le=2**63 - 1)]
    number = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
    leaf: Any = None | bool | integer | number | str
    shape: Any = leaf
    for _ in range(_SHALLOW_LEVELS):
        shape = leaf | list[shape] | dict[str, shape]
    return shape


class _Shallow:
    """Reads that type. Each decoder is made when the first such payload comes: it takes a millisecond of an import."""

    @cached_property
    def json(self) -> Callable[[bytes], Any]:
        return msgspec.json.Decoder(_shallow_type()).decode

    @cached_property
    def msgpack(self) -> Callable[[bytes], Any]:
        return msgspec.msgpack.Decoder(_shallow_type()).decode


_shallow = _Shallow()
_json_any = msgspec.json.Decoder().decode
_json_encode = msgspec.json.Encoder().encode
_msgpack_any = msgspec.msgpack.Decoder().decode
_msgpack_encode = msgspec.msgpack.Encoder().encode


_BACKSLASH, _BRACE = b"\\{"
"""As integers: to look for one takes 0.03 us, for bytes 0.1."""


def _read_json(data: bytes, root: str) -> Any:
    try:
        value = _shallow.json(data)
        is_inside = _BACKSLASH not in data or b"\\u0000" not in data
    except _UNREADABLE:
        value, is_inside = _readable(_json_any, data, root), False
    walked = value if is_inside else _walk(value, _FROM_JSON, root, 1)
    if _BRACE in data and not _has_distinct_keys(data, value):
        _standard_json().loads(data, object_pairs_hook=_refuse_repeated_key)
    return walked


@cache
def _standard_json() -> Any:
    """Python's own json, the only one that shows repeated keys. Imported at need: that takes a millisecond."""
    return importlib.import_module("json")


def _has_distinct_keys(data: bytes, value: Any) -> bool:
    """Whether this is certain: one colon for each key, or the bytes that the value would be written as."""
    return (type(value) is dict and data.count(b":") == len(value)) or _json_encode(value) == data


def _refuse_repeated_key(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs if len(dict(pairs)) != len(pairs) else ():
        if key in seen:
            raise _repeated(_shown(key))
        seen.add(key)


def _repeated(key: str) -> OutsideCommonModel:
    return OutsideCommonModel(f"{key} comes twice in one map: readers disagree about which one counts")


def _read_msgpack(data: bytes, root: str) -> Any:
    try:
        value = _shallow.msgpack(data)
        is_inside = b"\0" not in data or b'"\\u0000' not in _json_encode(value)
    except _UNREADABLE:
        value, is_inside = _readable(_msgpack_any, data, root), False
    walked = value if is_inside else _walk(value, _AS_IT_IS, root, 1)
    if _msgpack_encode(value) != data and _count_written_keys(data) != _count_keys(value):
        raise _repeated(f"a key in {root}")
    return walked


def _read_cbor(data: bytes, root: str) -> Any:
    """Indefinite lengths pass: Jackson, and so Java's peers, write them, and every CBOR reader must know them."""
    source = io.BytesIO(data)
    value = _readable(_decode_cbor, source, root)
    if source.tell() != len(data):
        raise OutsideCommonModel(f"{root} cannot be read: {len(data) - source.tell()} bytes follow the CBOR item")
    return _walk(value, _AS_IT_IS, root, 1)


class _NoTags(dict[int, Any]):
    """A refusal for every tag number; cbor2's own table makes integers, dates and even cycles of them."""

    def __getitem__(self, tag: int) -> NoReturn:
        raise OutsideCommonModel(f"CBOR tag {tag} is of no other serializer")


_NO_TAGS = _NoTags()


def _decode_cbor(source: io.BytesIO) -> Any:
    return cbor2.CBORDecoder(
        source,
        semantic_decoders=_NO_TAGS,
        max_depth=NESTING_LIMIT,  # its first level is 0: _walk draws the exact line
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    ).decode()


def _readable(reader: Callable[[Any], Any], data: Any, root: str) -> Any:
    try:
        return reader(data)
    except _UNREADABLE as error:
        raise OutsideCommonModel(f"{root} cannot be read: {_first_cause(error)}") from error


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:  # cbor2 says "error decoding array" and hangs the reason below
        error = error.__cause__
    return error


# ---- the rules, value by value ----

_Place = str | tuple[Any, str | int]  # a chain (place above, key), written out only for an error


def _where(place: _Place) -> str:
    if isinstance(place, str):
        return place
    above, key = place
    return f"{_where(above)}[{key}]" if isinstance(key, int) else f"{_where(above)}.{_cut(key)}"


class _Rules(msgspec.Struct, frozen=True):
    """What a walk makes of the two kinds that JSON writes alike."""

    text: Callable[[str, _Place], Any]
    binary: Callable[[bytes], Any]


def _walk(value: Any, rules: _Rules, place: _Place, level: int) -> Any:
    """The value with strings and binary as the rules make them, or OutsideCommonModel."""
    kind = type(value)
    if kind is str:
        return rules.text(value, place)
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if INTEGER_MIN <= value <= INTEGER_MAX else _refuse_integer(value, place)
    if kind is float:
        return value if math.isfinite(value) else _refuse(value, place, "is not finite: JSON has no such number")
    if kind is bytes:
        return rules.binary(value)
    if kind not in _CONTAINERS:
        _refuse(value, place, "is of a type that the serializers do not share")
    if level > NESTING_LIMIT:
        raise _too_deep(place)
    if kind is dict:
        return {_key(key, place): _walk(item, rules, (place, key), level + 1) for key, item in value.items()}
    return [_walk(item, rules, (place, index), level + 1) for index, item in enumerate(value)]


_CONTAINERS = frozenset((list, tuple, dict))


def _key(key: Any, place: _Place) -> str:
    if type(key) is not str:
        _refuse(key, place, "is a map's key and not a string: JSON has only string keys")
    return _plain_text(key, (place, key))


def _plain_text(text: str, place: _Place) -> str:
    if text.startswith(BINARY_MARK):
        _refuse(text, place, "begins with U+0000: JSON would read it as binary")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            _refuse(text, place, "has a lone surrogate: UTF-8 cannot carry it")
    return text


def _marked_text(text: str, place: _Place) -> str | bytes:
    """JSON's two kinds of string. Strict: one decoder would skip what is not base64, another would drop the session."""
    if not text.startswith(BINARY_MARK):
        return text  # msgspec has refused lone surrogates
    try:
        return binascii.a2b_base64(text[1:], strict_mode=True)
    except ValueError:  # binascii.Error, or not ASCII
        _refuse(text, place, "begins with U+0000 and is not base64 after it")


def _mark(binary: bytes) -> str:
    return BINARY_MARK + binascii.b2a_base64(binary, newline=False).decode("ascii")


_FROM_JSON = _Rules(_marked_text, bytes)
_AS_IT_IS = _Rules(_plain_text, bytes)
_TO_JSON = _Rules(_plain_text, _mark)


def _refuse(value: Any, place: _Place, rule: str) -> NoReturn:
    raise OutsideCommonModel(f"{_shown(value)} at {_where(place)} {rule}")


def _refuse_integer(value: int, place: _Place) -> NoReturn:
    digits = str(value) if value.bit_length() < 256 else f"of {value.bit_length()} bits"
    raise OutsideCommonModel(
        f"integer {digits} at {_where(place)} is outside -2^63..2^64-1: MessagePack cannot carry it"
    )


def _too_deep(place: _Place) -> OutsideCommonModel:
    return OutsideCommonModel(f"{_cut(_where(place))} is nested deeper than {NESTING_LIMIT} levels")


def _shown(value: Any) -> str:
    if type(value) is str:
        return "string " + _cut(ascii(value[: SHOWN_CHARACTERS + 1]))
    return f"float {value}" if type(value) is float else f"a value of type {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


# ---- MessagePack's map headers ----


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(map(_count_keys, value.values()))
    return sum(map(_count_keys, value)) if type(value) is list else 0


def _count_written_keys(data: bytes) -> int:
    """How many keys the map headers of a valid MessagePack value without extensions announce, token by token."""
    position = total = 0
    while position < len(data):
        head = data[position]
        position += 1
        if 0x80 <= head < 0x90:
            total += head & 0x0F
        elif 0xA0 <= head < 0xC0:
            position += head & 0x1F
        elif head in _LENGTH_WIDTH:
            width = _LENGTH_WIDTH[head]
            length = int.from_bytes(data[position : position + width], "big")
            position += width
            if head in (0xDE, 0xDF):
                total += length
            elif head not in (0xDC, 0xDD):
                position += length
        else:
            position += _NUMBER_WIDTH.get(head, 0)
    return total


_LENGTH_WIDTH = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_NUMBER_WIDTH = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}


# ---- writing ----


_READ: dict[Codec, Callable[[bytes, str], Any]] = {"json": _read_json, "msgpack": _read_msgpack, "cbor": _read_cbor}
_WRITE: dict[Codec, Callable[[Any], bytes]] = {"json": _json_encode, "msgpack": _msgpack_encode, "cbor": cbor2.dumps}


# ---- typed reading ----


def _str_or_bytes(_shape: type, value: Any) -> Any:
    """The hook for types that msgspec does not know; it then refuses, with the place, what is no instance of them."""
    return value


_typed_json: Callable[[Any], msgspec.json.Decoder[Any]]
_typed_json = lru_cache(maxsize=256)(partial(msgspec.json.Decoder, dec_hook=_str_or_bytes))  # shapes are some tens
_typed_msgpack: Callable[[Any], msgspec.msgpack.Decoder[Any]]
_typed_msgpack = lru_cache(maxsize=256)(partial(msgspec.msgpack.Decoder, dec_hook=_str_or_bytes))
