"""The common model: data shared with TypeScript, and properties over whatever hypothesis thinks of.

`check` runs for each PUBLISH and CALL. Best times of seven rounds, in microseconds, on a shared 2-core machine (Python
3.11, msgspec 0.22, cbor2 6.2); other runs within the same hour took up to twice that:

    payload                               JSON   MessagePack   CBOR
    args of one string, 100 bytes          0.6           0.5    2.4
    kwargs of four values, 98 bytes        1.3           0.8    4.4
    args of one string, 10 kB              6.8           1.4    4.8
    100 records of text, 14 kB              31            31    173
    100 records of binary, 16 kB           206           159    178
    one binary string, 7.5 kB               27           2.4    4.1
"""

import inspect
import json
import math
import sys
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router import transcode
from fairlead_router.transcode import (
    INTEGER_MAX,
    INTEGER_MIN,
    NESTING_LIMIT,
    Codec,
    OutsideCommonModel,
    StrOrBytes,
    check,
    decode,
    decode_typed,
    encode,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transcode.json").read_text())
CODECS: tuple[Codec, ...] = ("json", "msgpack", "cbor")
PAIRS = [(source, target) for source in CODECS for target in CODECS]


def named(vector: dict[str, Any]) -> str:
    return f"{vector.get('codec', 'all')}: {vector['name']}"


def bytes_of(vector: dict[str, Any], codec: Codec | None = None) -> bytes:
    if codec is None:
        return vector["text"].encode() if "text" in vector else bytes.fromhex(vector["hex"])
    return vector["json"].encode() if codec == "json" else bytes.fromhex(vector[codec])


def check_value(codec: Codec, data: bytes) -> None:
    """As args or, for a map, as kwargs."""
    is_map = type(decode(codec, data)) is dict
    check(codec, b"" if is_map else data, data if is_map else b"")


def exactly(value: Any) -> Any:
    """Something to compare that tells 1 from 1.0 and True, 0.0 from -0.0, and one order of keys from another."""
    if isinstance(value, list):
        return [exactly(item) for item in value]
    if isinstance(value, dict):
        return [(key, exactly(item)) for key, item in value.items()]
    return type(value), repr(value)


# ---- shared data ----


@pytest.mark.parametrize("vector", VECTORS["same"], ids=named)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_value_is_converted_to_exactly_these_bytes(vector: dict[str, Any], source: Codec, target: Codec) -> None:
    check_value(source, bytes_of(vector, source))
    assert transcode.transcode(bytes_of(vector, source), source, target) == bytes_of(vector, target)
    assert encode(target, decode(source, bytes_of(vector, source))) == bytes_of(vector, target)


@pytest.mark.parametrize("vector", VECTORS["read"], ids=named)
def test_another_spelling_is_read_as_the_same_value(vector: dict[str, Any]) -> None:
    data = bytes_of(vector)
    check_value(vector["codec"], data)
    assert encode("json", decode(vector["codec"], data)) == vector["json"].encode()


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=named)
def test_value_outside_the_model_is_refused_with_its_rule(vector: dict[str, Any]) -> None:
    codec: Codec = vector["codec"]
    data = bytes_of(vector)
    with pytest.raises(OutsideCommonModel) as refused:
        check(codec, data, b"")
    assert vector["rule"] in str(refused.value)
    with pytest.raises(OutsideCommonModel):
        decode(codec, data)
    with pytest.raises(OutsideCommonModel):
        transcode.transcode(data, codec, "cbor" if codec == "json" else "json")


# ---- properties ----

texts = st.text(st.characters(codec="utf-8")).filter(lambda text: not text.startswith("\0"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(INTEGER_MIN, INTEGER_MAX)
    | st.sampled_from([INTEGER_MIN, INTEGER_MAX, 2**63 - 1, 2**63, 2**53 + 1, 0, -1])
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.binary()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=25)
args_or_kwargs = st.lists(values) | st.dictionaries(texts, values)


@given(args_or_kwargs)
def test_reading_gives_back_what_was_written(value: Any) -> None:
    for codec in CODECS:
        assert exactly(decode(codec, encode(codec, value))) == exactly(value)


@given(args_or_kwargs)
def test_every_way_through_the_serializers_ends_in_the_same_bytes(value: Any) -> None:
    written = {codec: encode(codec, value) for codec in CODECS}
    for source, target in PAIRS:
        assert transcode.transcode(written[source], source, target) == written[target]
        check_value(source, written[source])


@given(st.sampled_from(CODECS), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(codec: Codec, data: bytes) -> None:
    try:
        value = decode(codec, data)
    except OutsideCommonModel:
        return
    for other in CODECS:
        assert exactly(decode(other, encode(other, value))) == exactly(value)


@given(args_or_kwargs, st.data())
def test_a_changed_byte_is_read_the_same_by_all_or_refused(value: Any, data: st.DataObject) -> None:
    for codec in CODECS:
        written = bytearray(encode(codec, value))
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
        try:
            changed = decode(codec, bytes(written))
        except OutsideCommonModel:
            continue
        for other in CODECS:
            assert exactly(decode(other, encode(other, changed))) == exactly(changed)


def anything_in_python() -> st.SearchStrategy[Any]:
    odd = st.floats() | st.integers() | st.text() | st.dates() | st.complex_numbers() | st.just(object()) | st.binary()
    keys = st.text() | st.integers()
    return st.recursive(odd, lambda inner: st.lists(inner) | st.dictionaries(keys, inner) | st.tuples(inner))


@given(anything_in_python())
def test_python_value_is_written_by_all_serializers_or_by_none(value: Any) -> None:
    outcomes = set()
    for codec in CODECS:
        try:
            decode(codec, encode(codec, value))
            outcomes.add("written")
        except OutsideCommonModel as refused:
            outcomes.add(str(refused))
    assert len(outcomes) == 1


def slow_json_value(value: Any) -> bytes:
    """Spelled so that no shortcut of ours applies."""
    return json.dumps(value, ensure_ascii=True, indent=1).encode()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(INTEGER_MIN, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(json_values)
def test_json_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    assert exactly(decode("json", slow_json_value([value]))) == exactly([value])


pairs: st.SearchStrategy[list[tuple[str, Any]]] = st.recursive(
    st.just([]), lambda inner: st.lists(st.tuples(st.sampled_from("ab:"), inner), max_size=3), max_leaves=8
)


def has_a_key_twice(tree: list[tuple[str, Any]]) -> bool:
    return len({key for key, _ in tree}) < len(tree) or any(has_a_key_twice(inner) for _, inner in tree)


def spell(codec: Codec, tree: list[tuple[str, Any]], plainly: bool) -> bytes:
    """Maps as pairs, so that a key can come twice; not plainly: so that no shortcut applies."""
    inner = [(key, spell(codec, value, plainly)) for key, value in tree]
    if codec == "json":
        colon = b":" if plainly else b" : "
        return b"{" + b",".join(b'"%b"%b%b' % (key.encode(), colon, value) for key, value in inner) + b"}"
    if plainly:
        head = bytes([(0x80 if codec == "msgpack" else 0xA0) + len(tree)])
    else:
        head = bytes([0xDE if codec == "msgpack" else 0xB9, 0, len(tree)])
    key_head = b"\xa1" if codec == "msgpack" else b"\x61"
    return head + b"".join(key_head + key.encode() + value for key, value in inner)


@given(st.sampled_from(CODECS), pairs, st.booleans())
def test_map_is_refused_if_and_only_if_a_key_comes_twice(
    codec: Codec, tree: list[tuple[str, Any]], plainly: bool
) -> None:
    data = spell(codec, tree, plainly)
    if has_a_key_twice(tree):
        with pytest.raises(OutsideCommonModel, match=r"comes twice|Duplicate"):
            check(codec, b"", data)
    else:
        check(codec, b"", data)


MSGPACK_ITEMS = [
    *("c0", "c2", "01", "e0", "90", "80", "81a161dc000181a162df00000001a163dd00000000"),
    *("d081", "d18181", "d281818181", "d38181818181818181", "cc81", "cd8181", "ce81818181", "cf8181818181818181"),
    *("ca81818181", "cb8181818181818181"),
    *("a0", "bf" + "61" * 31, "d981" + "61" * 0x81, "da0081" + "61" * 0x81, "db00000081" + "61" * 0x81),
    *("c481" + "81" * 0x81, "c50081" + "81" * 0x81, "c600000081" + "81" * 0x81),
]


@pytest.mark.parametrize("item", MSGPACK_ITEMS)
def test_keys_are_counted_past_every_kind_of_msgpack_item(item: str) -> None:
    """An item's 0x81 would count as a map if its length were mistaken; the integer before it prevents the shortcut."""
    check("msgpack", bytes.fromhex("92" + "cd0001" + item), b"")
    with pytest.raises(OutsideCommonModel, match="comes twice"):
        check("msgpack", bytes.fromhex("93" + "cd0001" + item + "82a16101a16102"), b"")


# ---- rules that no shared data can show ----


@pytest.mark.parametrize("codec", CODECS)
def test_absent_args_and_kwargs_pass(codec: Codec) -> None:
    check(codec, b"", b"")
    check(codec, encode(codec, []), encode(codec, {}))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("value", [{}, None, 1, "text", b"binary"])
def test_args_that_are_no_array_are_refused(codec: Codec, value: Any) -> None:
    with pytest.raises(OutsideCommonModel, match="args must be an array"):
        check(codec, encode(codec, value), b"")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("value", [[], None, 1, "text", b"binary"])
def test_kwargs_that_are_no_map_are_refused(codec: Codec, value: Any) -> None:
    with pytest.raises(OutsideCommonModel, match="kwargs must be a map"):
        check(codec, b"", encode(codec, value))


@pytest.mark.parametrize("levels", [200, 900, 5000, 200_000])
@pytest.mark.parametrize(
    ("codec", "opening", "innermost", "closing"),
    [
        ("json", b"[", b"", b"]"),
        ("json", b'{"a":', b"1", b"}"),
        ("msgpack", b"\x91", b"\x90", b""),
        ("msgpack", b"\x81\xa1a", b"\x80", b""),
        ("cbor", b"\x81", b"\x80", b""),
        ("cbor", b"\xa1\x61a", b"\xa0", b""),
        ("cbor", b"\x9f", b"\x80", b"\xff"),
        ("cbor", b"\xc1", b"\x80", b""),
    ],
)
def test_deep_nesting_never_ends_in_a_recursion_error(
    codec: Codec, opening: bytes, innermost: bytes, closing: bytes, levels: int
) -> None:
    data = opening * levels + innermost + closing * levels
    with pytest.raises(OutsideCommonModel):
        check(codec, data, b"")
    with pytest.raises(OutsideCommonModel):
        check(codec, b"", data)
    with pytest.raises(OutsideCommonModel):
        decode_typed(codec, data, list[Any] if levels > 1000 else list[int])


def test_little_stack_left_is_no_recursion_error_either() -> None:
    data = b"[" * NESTING_LIMIT + b"]" * NESTING_LIMIT
    value = decode("json", data)

    def at_depth(frames: int) -> None:
        if frames:
            return at_depth(frames - 1)
        with pytest.raises(OutsideCommonModel, match="nested deeper"):
            check("json", data, b"")
        with pytest.raises(OutsideCommonModel, match="nested deeper"):
            encode("json", value)
        return None

    at_depth(sys.getrecursionlimit() - len(inspect.stack()) - 60)


def test_cyclic_python_value_is_refused() -> None:
    cycle: list[Any] = []
    cycle.append({"again": cycle})
    for codec in CODECS:
        with pytest.raises(OutsideCommonModel, match="nested deeper than 63 levels"):
            encode(codec, cycle)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([math.nan], r"float nan at value\[0\] is not finite"),
        ({"a": [0, {"b": 2**64}]}, r"integer 18446744073709551616 at value\.a\[1\]\.b is outside"),
        ([10**6000], r"integer of \d+ bits at value\[0\] is outside"),
        ([{10**6000: 1}], r"a value of type int at value\[0\] is a map's key and not a string"),
        (["\ud800"], r"string '\\ud800' at value\[0\] has a lone surrogate"),
        ([{"\ud800": 1}], r"lone surrogate"),
        (["\0aGk="], r"string '\\x00aGk=' at value\[0\] begins with U\+0000"),
        ([object()], r"a value of type object at value\[0\] is of a type"),
        ([bytearray(b"a")], r"a value of type bytearray"),
        ([{1, 2}], r"a value of type set"),
    ],
)
def test_refusal_names_the_value_its_place_and_the_rule(value: Any, text: str) -> None:
    for codec in CODECS:
        with pytest.raises(OutsideCommonModel, match=text):
            encode(codec, value)


def test_refusal_does_not_repeat_a_long_value() -> None:
    with pytest.raises(OutsideCommonModel) as refused:
        encode("json", {"k" * 10_000: "\0" + "v" * 10_000})
    assert len(str(refused.value)) < 200


def test_tuples_are_written_as_arrays() -> None:
    for codec in CODECS:
        assert decode(codec, encode(codec, (1, (2, b"3")))) == [1, [2, b"3"]]


def test_the_same_serializer_copies_the_bytes_unread() -> None:
    spelled = b" [ 1 ]"
    assert transcode.transcode(spelled, "json", "json") is spelled


# ---- typed reading ----


class Record(msgspec.Struct):
    line: StrOrBytes
    note: StrOrBytes | None = None
    rest: Any = None


class Append(msgspec.Struct, array_like=True):
    stream: str
    records: list[Record]


@given(st.lists(st.tuples(texts | st.binary(), st.none() | texts | st.binary(), scalars)))
def test_binary_arrives_as_bytes_in_typed_fields_from_every_serializer(rows: list[tuple[Any, Any, Any]]) -> None:
    value = ["s", [{"line": line, "note": note, "rest": rest, "unknown": [b"x"]} for line, note, rest in rows]]
    expected = [(line, note, exactly(rest)) for line, note, rest in rows]
    for codec in CODECS:
        read = decode_typed(codec, encode(codec, value), Append)
        assert [(record.line, record.note, exactly(record.rest)) for record in read.records] == expected


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("beside", ["text", b"binary"], ids=["without binary", "beside binary"])
def test_misfit_is_refused_with_its_place(codec: Codec, beside: Any) -> None:
    with pytest.raises(OutsideCommonModel, match=r"Expected `StrOrBytes`, got `int` - at `\$\[1\]\[1\]\.line`"):
        decode_typed(codec, encode(codec, ["s", [{"line": beside}, {"line": 1}]]), Append)
    with pytest.raises(OutsideCommonModel, match=r"Expected `str`, got `int` - at `\$\[0\]`"):
        decode_typed(codec, encode(codec, [1, [{"line": beside}]]), Append)


@pytest.mark.parametrize("codec", CODECS)
def test_binary_is_refused_for_a_field_of_text(codec: Codec) -> None:
    with pytest.raises(OutsideCommonModel, match=r"Expected `str`, got `bytes` - at `\$\[0\]`"):
        decode_typed(codec, encode(codec, [b"binary"]), list[str])


@pytest.mark.parametrize(
    ("codec", "data"),
    [("msgpack", encode("msgpack", ["aGk="])), ("cbor", encode("cbor", ["aGk="])), ("json", b'["aGk=", "\\u0000"]')],
)
def test_text_is_not_read_as_base64_for_a_field_of_binary(codec: Codec, data: bytes) -> None:
    with pytest.raises(OutsideCommonModel, match=r"Expected `bytes`, got `str` - at `\$\[0\]`"):
        decode_typed(codec, data, list[bytes])


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_not_read_as_a_type(codec: Codec) -> None:
    with pytest.raises(OutsideCommonModel):
        decode_typed(codec, b"", Append)


# ---- what we rely on in others ----


def test_cbor2_asks_our_table_for_every_tag() -> None:
    for tag in [*range(300), 1001, 1002, 1003, 1004, 43000, 55799, 2**32]:
        with pytest.raises(OutsideCommonModel, match=f"CBOR tag {tag} "):
            decode("cbor", cbor2.dumps([cbor2.CBORTag(tag, "x")]))
