"""What a log service finds when it starts again: its streams, as its procedures give them to any caller."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from crash.producers import CURSOR, PRODUCERS, open_store, records_of
from fairlead_logstream import LogService
from fairlead_logstream.model.attempts import ATTEMPTS_LIMIT
from fairlead_router import CallError, Member, Principal, Router

MARKER = 2


class Unreadable(Exception):
    """The store opened, and what it gives makes no sense; the text says what."""


class Found:
    """One stream."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch = 0
        self.attempt = 0
        self.attempts: dict[int, tuple[int, int | None]] = {}
        """Where each begins, and its exit code."""
        self.sealed: dict[str, Any] | None = None
        self.head = 0
        self.oldest = 0
        self.records: list[tuple[str, int]] = []
        """Who wrote it, and its number there; of a marker its only key and the value."""
        self.producers: dict[str, int] = {}
        self.cursor: int | None = None

    def remembers(self, attempt: int) -> bool:
        """Whether it is one of the latest, of which the stream is to know everything."""
        return attempt > self.attempt - ATTEMPTS_LIMIT

    def numbers(self, producer: str) -> list[int]:
        """Of a producer's records, in the order of the stream."""
        return [number for name, number in self.records if name == producer]


@asynccontextmanager
async def service(url: str) -> AsyncIterator[Member]:
    """The log service on a store, and somebody who may call it."""
    router = Router()
    realm = router.add_realm("realm1")
    logs = await LogService.over(open_store(url))
    try:
        logs.bind(realm)
        yield realm.join(Principal("reader", "user"))
    finally:
        await logs.close()
        await router.close()


async def find(member: Member, name: str) -> Found | None:
    """A stream as it is stored, None where there is none. Raises CallError, Unreadable."""
    found = Found(name)
    try:
        page = await _call(member, "read", name)
    except CallError as error:
        if error.uri != "fairlead.error.no_such_stream":
            raise
        return None
    while True:
        if page["first"] != page["oldest"] + len(found.records):
            raise Unreadable(f"a page begins at {page['first']}, behind {len(found.records)} from {page['oldest']} on")
        found.records += [_understood(record) for record in page["records"]]
        if page["next"] == page["head"]:
            break
        page = await _call(member, "read", name, start=page["next"], epoch=page["epoch"], limit=10_000)
    found.head, found.oldest = page["head"], page["oldest"]
    for producer in PRODUCERS:
        created = await _call(member, "create", name, producer=producer)
        found.producers[producer] = created["producer_seq"]
        found.epoch, found.attempt, found.sealed = created["epoch"], created["attempt"], created["sealed"]
    (entry,) = (await _call(member, "list", prefix=name, limit=1))["streams"]
    found.attempts = {each["attempt"]: (each["first"], each["exit_code"]) for each in entry["attempts"]}
    cursors = await _call(member, "cursors", name)
    found.cursor = next((cursor["next"] for cursor in cursors["cursors"] if cursor["cursor"] == CURSOR), None)
    return found


async def resume(member: Member, found: Found, offered: dict[str, int]) -> Found:
    """What writers do that start again: they send what is missing, and no more, in a new attempt."""
    await _call(member, "create", found.name, attempt=found.attempt + 1)
    for producer, seq in found.producers.items():
        missing = records_of(producer, seq, offered.get(producer, 0) - seq)
        await _call(member, "append", found.name, missing, producer=producer, term=0, seq=seq)
    resumed = await find(member, found.name)
    assert resumed is not None
    return resumed


async def _call(member: Member, name: str, *args: Any, **about: Any) -> dict[str, Any]:
    result = await member.call(f"fairlead.log.{name}", list(args), about)
    assert result.args is not None
    return dict(result.args[0])


def _understood(record: list[Any]) -> tuple[str, int]:
    _time_us, source, text, flags = record
    if flags & MARKER:
        ((key, value),) = json.loads(text).items()
        return key, value
    _, number, _ = text.split(" ")
    if list(record) != records_of(source, int(number), 1)[0]:
        raise Unreadable(f"record {number} of {source} is not as it was sent")
    return source, int(number)
