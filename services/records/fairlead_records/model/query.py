"""A query: which records somebody wants, by id, owner or kind, and by conditions on their fields.

    where = [["state", "=", "Queued"], ["priority", ">", 0]]    all of them
    any   = [[...], [...]]                                      at least one of these lists

A field is one of the record's own (id, kind, owner, object, version, created_us, changed_us), else a path in its state:
`priority`, `runtime.node`. One that is not there is null. Nothing is ignored: what is no condition is refused. Numbers
and strings are compared with their like; a comparison with anything else is false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from fairlead_records.model.record import Record
from fairlead_router import InvalidArgument

CONDITIONS_LIMIT: Final = 64
"""Of one query, all lists together: each is looked at for every change of the kind."""

VALUES_LIMIT: Final = 1_000
"""Of one `in`."""

_encode = msgspec.json.Encoder().encode

_OWN: Final[Mapping[str, Callable[[Record], Any]]] = {
    "id": lambda record: record.id,
    "kind": lambda record: record.kind,
    "owner": lambda record: record.owner,
    "object": lambda record: record.object_id,
    "version": lambda record: record.version,
    "created_us": lambda record: record.created_us,
    "changed_us": lambda record: record.changed_us,
}


class Seen:
    """A record while it is looked at: its state is decoded at most once, for all queries."""

    __slots__ = ("_state", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self._state: dict[str, Any] | None = None

    def value(self, path: Sequence[str]) -> Any:
        """What is at this path of the state; None where there is nothing."""
        if self._state is None:
            self._state = self.record.state
        value: Any = self._state
        for part in path:
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value


class Condition(msgspec.Struct, frozen=True):
    """One of a query."""

    field: str
    op: str
    value: Any

    def holds(self, seen: Seen) -> bool:
        """Whether it is true of a record."""
        own = _OWN.get(self.field)
        found = seen.value(self.field.split(".")) if own is None else own(seen.record)
        return _OPS[self.op](found, self.value)


class Query(msgspec.Struct, frozen=True):
    """What is wanted: all that is said must be true."""

    ids: tuple[str, ...] | None = None
    kind: str | None = None
    owner: str | None = None
    where: tuple[Condition, ...] = ()
    any: tuple[tuple[Condition, ...], ...] = ()

    @property
    def key(self) -> bytes:
        """The same for equal queries only."""
        return _encode(self)

    def matches(self, seen: Seen) -> bool:
        """Whether a record is wanted; its id is one of `ids` already, where these are given."""
        record = seen.record
        if self.kind not in (None, record.kind) or self.owner not in (None, record.owner):
            return False
        if not all(condition.holds(seen) for condition in self.where):
            return False
        return not self.any or any(all(condition.holds(seen) for condition in each) for each in self.any)


def conditions(name: str, given: Iterable[Sequence[Any]]) -> tuple[Condition, ...]:
    """Checked conditions. Raises InvalidArgument, which names the condition and the rule."""
    found = tuple(_condition(f"{name}[{index}]", each) for index, each in enumerate(given))
    if len(found) > CONDITIONS_LIMIT:
        raise InvalidArgument(f"{name} has {len(found)} conditions: at most {CONDITIONS_LIMIT} are looked at")
    return found


def alternatives(name: str, given: Sequence[Sequence[Sequence[Any]]]) -> tuple[tuple[Condition, ...], ...]:
    """Checked lists of conditions, of which one must hold. Raises InvalidArgument."""
    found = tuple(conditions(f"{name}[{index}]", each) for index, each in enumerate(given))
    if sum(map(len, found)) > CONDITIONS_LIMIT:
        raise InvalidArgument(f"{name} has more than {CONDITIONS_LIMIT} conditions in all")
    if given and not all(found):
        raise InvalidArgument(f"{name} has an empty list, which would be true of everything")
    return found


def _condition(place: str, given: Sequence[Any]) -> Condition:
    if len(given) != 3 or not isinstance(given[0], str) or not isinstance(given[1], str):
        raise InvalidArgument(f"{place} is no condition: that is [field, op, value]")
    field, op, value = given
    if not field or not all(field.split(".")):
        raise InvalidArgument(f"{place}: the field {field!r} has an empty part")
    if op not in _OPS:
        raise InvalidArgument(f"{place}: the op {op[:40]!r} is not one of {', '.join(_OPS)}")
    _CHECKS[op](place, op, value)
    return Condition(field, op, value)


# ---- operators


def _is_equal(found: Any, value: Any) -> bool:
    """As JSON has it: true is not 1."""
    return isinstance(found, bool) == isinstance(value, bool) and bool(found == value)


def _is_one_of(found: Any, values: Any) -> bool:
    return any(_is_equal(found, value) for value in values)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(found: Any, value: Any) -> bool:
        return _like(found, value) and compare(found, value)

    return holds


def _like(found: Any, value: Any) -> bool:
    if isinstance(found, str) or isinstance(value, str):
        return isinstance(found, str) and isinstance(value, str)
    return all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (found, value))


_OPS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": _is_equal,
    "!=": lambda found, value: not _is_equal(found, value),
    "<": _compared(operator.lt),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    ">=": _compared(operator.ge),
    "in": _is_one_of,
    "not in": lambda found, values: not _is_one_of(found, values),
    "exists": lambda found, value: (found is not None) is value,
}


def _check_anything(place: str, op: str, value: Any) -> None:
    """Whatever JSON has."""


def _check_comparable(place: str, op: str, value: Any) -> None:
    if not _like(value, value):
        raise InvalidArgument(f"{place}: {op} compares with a number or a string, not {value!r:.40}")


def _check_list(place: str, op: str, value: Any) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= VALUES_LIMIT:
        raise InvalidArgument(f"{place}: {op} takes a list of 1 to {VALUES_LIMIT} values")


def _check_boolean(place: str, op: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidArgument(f"{place}: {op} takes true or false, not {value!r:.40}")


_CHECKS: Final[Mapping[str, Callable[[str, str, Any], None]]] = {
    "=": _check_anything,
    "!=": _check_anything,
    **dict.fromkeys(("<", "<=", ">", ">="), _check_comparable),
    **dict.fromkeys(("in", "not in"), _check_list),
    "exists": _check_boolean,
}
