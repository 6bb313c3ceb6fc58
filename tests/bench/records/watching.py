"""A light client's end of `fairlead.record.watch`: decodes what it is told, typed, and keeps nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from bench.load.dialects.wamp import UnexpectedMessageError
from bench.suite.wire import Caller

WATCH = b"fairlead.record.watch"
PROGRESS = b'{"receive_progress":true}'


class State(msgspec.Struct):
    """What the loads look at of a state."""

    state: str = ""
    priority: int = 0
    term: int = 0
    number: int = 0


class Told(msgspec.Struct, frozen=True):
    """A change, as it is told."""

    change: str
    id: str
    version: int = 0
    state: State = msgspec.field(default_factory=State)


class Page(msgspec.Struct, frozen=True):
    """A progressive result."""

    changes: list[Told] = []
    bookmark: str | None = None


_decode = msgspec.json.Decoder(tuple[int, int, dict[str, Any], list[Page], dict[str, Any]]).decode


def watch(caller: Caller, query: dict[str, Any], told: Callable[[Page], None]) -> None:
    """Have each page of a watch handed over."""
    caller.call(WATCH, b"[]," + msgspec.json.encode(query), lambda message: told(page_of(message)), PROGRESS)


def page_of(message: bytes) -> Page:
    """The page in a progressive RESULT.

    >>> page_of(b'[50,7,{"progress":true},[{"bookmark":"b"}],{}]')
    Page(changes=[], bookmark='b')
    """
    try:
        return _decode(message)[3][0]
    except (msgspec.MsgspecError, IndexError):
        raise UnexpectedMessageError(f"{message[:200].decode(errors='replace')} is no page") from None
