"""What a download's URL asks for; a mistake is answered with 400, naming the value and the rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web
from multidict import MultiMapping

from fairlead_server.download.formats import FORMATS

NUMBER_LIMIT = 2**53
_DIGITS = len(str(NUMBER_LIMIT))

_SECRETS = ("token", "access_token", "authorization", "ticket")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Query(msgspec.Struct, frozen=True):
    """`begin` are the arguments of the first `read`."""

    format: str
    begin: dict[str, Any]
    until: int | None
    sources: list[str]
    follow: bool


def parse_query(given: MultiMapping[str]) -> Query:
    """Raises HTTPBadRequest."""
    _check_names(given)
    values = {name: _one(given, name) for name in given if name != "source"}
    begin = {name: _READERS[name](name, values[name]) for name in _BEGINNINGS if name in values}
    if len(begin) > 1:
        raise bad_request(f"{' and '.join(begin)} exclude each other: one says where to begin")
    until = _time("until", values["until"]) if "until" in values else None
    follow = _flag("follow", values.get("follow", "0"))
    if follow and until is not None:
        raise bad_request("until and follow exclude each other: what is followed ends with the log")
    return Query(_format(values.get("format", "text")), begin, until, given.getall("source", []), follow)


def bad_request(text: str) -> web.HTTPBadRequest:
    """The request is wrong as it is."""
    return web.HTTPBadRequest(text=f"{text}\n")


def _check_names(given: MultiMapping[str]) -> None:
    for name in given:
        if name.lower() in _SECRETS:
            raise bad_request(f"a URL is no place for a secret ({name}): send the header 'Authorization: Bearer TOKEN'")
        if name not in _NAMES:
            raise bad_request(f"there is no parameter {name!r}; there are {', '.join(_NAMES)}")


def _one(given: MultiMapping[str], name: str) -> str:
    values = given.getall(name)
    if len(values) > 1:
        raise bad_request(f"{name} is given {len(values)} times: only source may be repeated")
    return values[0]


def _format(value: str) -> str:
    if value not in FORMATS:
        raise bad_request(f"format is {value!r}: it is one of {', '.join(FORMATS)}")
    return value


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS and int(value) <= NUMBER_LIMIT):
        raise bad_request(f"{name} is {value[:40]!r}: it is a number from 0 to 2^53")
    return int(value)


def _time(name: str, value: str) -> int:
    """Microseconds since 1970, as numbers or as ISO 8601."""
    if value.isascii() and value.isdigit():
        return _number(name, value)
    try:
        time = datetime.fromisoformat(value)
        time_us = (time - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):  # TypeError: it has no offset, so it could be any time
        time_us = -1
    if time_us < 0:
        rule = "microseconds since 1970, or a time like 2026-11-26T12:00:00Z"
        raise bad_request(f"{name} is {value[:40]!r}: it is {rule}")
    return time_us


def _flag(name: str, value: str) -> bool:
    if value not in ("0", "1"):
        raise bad_request(f"{name} is {value[:40]!r}: it is 0 or 1")
    return value == "1"


_READERS: dict[str, Callable[[str, str], int]] = {
    "tail": _number,
    "tail_bytes": _number,
    "since": _time,
    "attempt": _number,
}
_BEGINNINGS = tuple(_READERS)
_NAMES = ("format", *_BEGINNINGS, "until", "source", "follow")
