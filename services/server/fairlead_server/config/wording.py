"""What msgspec says of a file that does not fit the tables, in the words of the file: key, fault, what is allowed."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.inspect import CollectionType, EnumType, LiteralType, NoneType, StructType, Type, UnionType, type_info

_TABLE_NUMBER = re.compile(r"\[\d+\]")


def describe(text: str, values: dict[str, Any], root: type[msgspec.Struct]) -> str:
    """The error of msgspec as "key: what is wrong": it names places as `$.limits` or `$.rules[...].call`."""
    found = re.fullmatch(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?", text, re.DOTALL)
    assert found is not None
    place = _place(found["place"] or "", values, root)
    table = _TABLE_NUMBER.sub("", place)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", found["what"], re.DOTALL)
    if unknown is not None:
        key = f"{place}.{unknown[1]}" if place else unknown[1]
        return f"unknown key {key!r}; allowed are {', '.join(keys_of(tables_of(root)[table]))}"
    what = found["what"].replace("`", "'")
    if what.startswith("Invalid enum value"):
        what = f"{what}; allowed are {', '.join(_names_at(table, root))}"
    if what == "Expected 'array', got 'object'" and table in tables_of(root):
        what = f"{what}: write the table as [[{place}]]"
    given = _value_at(place, values)
    return f"{place or 'the file'}: {what}" + (f" ({given!r})" if given is not None else "")


def _place(dotted: str, values: dict[str, Any], root: type[msgspec.Struct]) -> str:
    """The place as msgspec gives it, with the number of the table that is wrong instead of dots in brackets."""
    place, kind, value = [], type_info(root), values
    for key in dotted.split(".") if dotted.replace("...", "") else []:
        name = key.partition("[")[0]
        assert isinstance(kind, StructType)
        kind, value = _bare(next(field.type for field in kind.fields if field.encode_name == name)), value[name]
        if isinstance(kind, StructType) and isinstance(value, list) and "[" in key:
            number = next(index for index, each in enumerate(value) if not _fits(each, kind.cls))
            name, value = f"{name}[{number}]", value[number]
        place.append(name)
    return ".".join(place)


def _fits(value: Any, table: type) -> bool:
    try:
        msgspec.convert(value, table)
    except msgspec.ValidationError:
        return False
    return True


def tables_of(root: type[msgspec.Struct]) -> dict[str, StructType]:
    """The place of each table of the file, like `realms.users`; the file itself is ``."""
    return dict(_tables("", type_info(root)))


def keys_of(table: StructType) -> list[str]:
    """As they stand in the file."""
    return [field.encode_name for field in table.fields]


def _tables(place: str, kind: Type) -> list[tuple[str, StructType]]:
    kind = _bare(kind)
    if not isinstance(kind, StructType):
        return []
    below = [_tables(f"{place}.{field.encode_name}".lstrip("."), field.type) for field in kind.fields]
    return [(place, kind), *(table for tables in below for table in tables)]


def _bare(kind: Type) -> Type:
    """What a value is where there is one, and each of several."""
    if isinstance(kind, UnionType):
        return _bare(next(each for each in kind.types if not isinstance(each, NoneType)))
    return _bare(kind.item_type) if isinstance(kind, CollectionType) else kind


def _names_at(place: str, root: type[msgspec.Struct]) -> list[str]:
    """Of a key whose values are names."""
    table, _, key = place.rpartition(".")
    [kind] = [_bare(field.type) for field in tables_of(root)[table].fields if field.encode_name == key]
    if isinstance(kind, EnumType):
        return [str(each.value) for each in kind.cls]
    assert isinstance(kind, LiteralType)
    return [str(each) for each in kind.values]


def _value_at(place: str, values: dict[str, Any]) -> Any:
    """What stands there, to be shown: nothing that lies in a list, since users have secrets."""
    found: Any = values
    for key in place.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, (str, int, float)) else None
