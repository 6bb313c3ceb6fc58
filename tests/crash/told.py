"""What a workload said before it was cut off: what it asked for, and what it was told that it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec


class Stored(NamedTuple):
    """An acknowledged append: the producer's records up to number `end` came to lie before `next`, from `first` on."""

    producer: str
    end: int
    first: int
    next: int


class StreamTold:
    """Of one stream."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.stored: list[Stored] = []
        self.offered: dict[str, int] = {}
        """How far each producer has sent, whatever became of it."""
        self.attempts: dict[int, int] = {}
        """Those that were acknowledged, with the number behind their marker."""
        self.asked_attempt = 1
        self.sealed: dict[int, int] = {}
        """The attempts whose seal was acknowledged, with the stream's head."""
        self.asked_seals: set[int] = set()
        self.committed: int | None = None
        self.asked_commits: set[int] = set()
        self.oldest = 0
        self.asked_trims: set[int] = set()


def told(lines: Iterable[bytes]) -> dict[str, StreamTold]:
    """What was said of each stream. A last line that was cut off says nothing."""
    streams: dict[str, StreamTold] = {}
    for line in lines:
        if line.endswith(b"\n"):
            mark, stream, *about = msgspec.json.decode(line)
            _hear(streams.setdefault(stream, StreamTold()), mark, about)
    return streams


def _hear(stream: StreamTold, mark: str, about: list[Any]) -> None:
    match mark, about:
        case "C", [epoch]:
            stream.epoch = epoch
        case "a", [producer, seq, count]:
            stream.offered[producer] = max(stream.offered.get(producer, 0), seq + count)
        case "A", [producer, end, first, following]:
            stream.stored.append(Stored(producer, end, first, following))
        case "t", [attempt]:
            stream.asked_attempt = attempt
        case "T", [attempt, following]:
            stream.attempts[attempt] = following
        case "s", [attempt]:
            stream.asked_seals.add(attempt)
        case "S", [attempt, following]:
            stream.sealed[attempt] = following
        case _, [position]:
            _hear_position(stream, mark, position)


def _hear_position(stream: StreamTold, mark: str, position: int) -> None:
    match mark:
        case "p":
            stream.asked_commits.add(position)
        case "P":
            stream.committed = position
        case "k":
            stream.asked_trims.add(position)
        case "K":
            stream.oldest = position
