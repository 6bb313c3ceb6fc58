"""Where a play with logs takes place: one real server, or two on one database, each behind a network of its own."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from histories.logs.record import SOURCES, LogHistory, Seen, Stored
from histories.peer import Gone, Peer, Refused, now_s
from histories.record import NEVER_S, Change
from support.proxy import Proxy
from support.serving import Serving

STREAMS = ["long", "kept", "short"]
RETENTION: dict[str, dict[str, int]] = {"short": {"max_records": 300}, "kept": {"max_age_s": 600}}
"""`short` is trimmed all the time, `kept` when the clock is put forward, `long` never."""

STEADY = "steady"
"""A user who may always read."""
USERS = ["user0", "user1"]
"""Whose rights come and go."""
PROJECT = "all"

CONFIG = """
[logs.budgets.producer]
records_per_s = 200
burst_s = 1.0
"""

JOIN_S = 5.0
PAGE = 1_000
SETTLED_S = 1.3

SERVE = Path(__file__).with_name("serve.py")


class Place(NamedTuple):
    """A server and the network before it."""

    server: Serving
    network: Proxy
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.network.port}/ws"

    @property
    def admin(self) -> str:
        return (self.server.data / "admin.token").read_text().strip()

    async def joined(self, token: str, *, is_direct: bool = False, is_raw: bool = False) -> Peer:
        """A session. Raises Gone, also when that takes long, and Refused."""
        try:
            async with asyncio.timeout(JOIN_S):
                port = self.server.port if is_direct else self.network.port
                return await Peer.join(port, token, is_raw=is_raw)
        except TimeoutError:
            raise Gone from None


class Stage:
    """See the module."""

    def __init__(self, places: list[Place], seed: int) -> None:
        self.places = places
        self.seed = seed
        self.history = LogHistory(STREAMS, [STEADY, *USERS])
        self.over = asyncio.Event()
        """Nobody writes anything new, and there are no more faults."""
        self.closing = asyncio.Event()
        """Nobody wants to hear any more."""
        self.heads: dict[str, tuple[int, int]] = {}
        """Once all is quiet: epoch and head of each stream."""
        self.stores = 0
        """How often the store has begun to be replaced."""
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        """The programs among the players."""

    def random(self, name: str) -> Random:
        """The choices of one of the players."""
        return Random(f"{name} {self.seed}")

    async def set_up(self) -> None:
        """Users, who all may read, and the streams."""
        first = [
            *({"op": "put", "kind": "user", "id": user} for user in self.history.users),
            {"op": "put", "kind": "project", "id": PROJECT, "owner": STEADY},
            *({"op": "put", "kind": "object", "id": stream, "owner": PROJECT} for stream in STREAMS),
            *(_right("grant", user, stream) for user in USERS for stream in STREAMS),
        ]
        for place in self.places:
            change = Change(first, now_s())
            await self._apply(change, place)
            self.history.changes[:] = [change]
            admin = await place.joined(place.admin, is_direct=True)
            for user in self.history.users:
                place.tokens[user] = (await admin.call("fairlead.authz.token", user))["token"]
            await self.create_streams(admin)
            await admin.leave()

    async def create_streams(self, admin: Peer) -> None:
        for stream in STREAMS:
            await create(admin, stream)

    async def change_right(self, op: str, user: str, stream: str) -> None:
        """Grant or revoke, again and again until that is acknowledged."""
        change = Change([_right(op, user, stream)], now_s())
        while change.acknowledged_s == NEVER_S:
            with suppress(Gone, TimeoutError):
                await self._apply(change)
            await asyncio.sleep(0.02)
        self.history.changes.append(change)

    async def replace_store(self) -> None:
        """The server finds another store than it had. What was in the old one is remembered."""
        server = self.places[0].server
        self.stores += 1
        begin_s = now_s()
        await server.kill()
        old = server.directory / "old"
        shutil.copytree(server.data, old / "data")
        for path in server.data.glob("logs.sqlite*"):
            path.unlink()
        await server.start()
        admin = await self.places[0].joined(self.places[0].admin, is_direct=True)
        await self.create_streams(admin)
        self.history.absent.append((begin_s, now_s()))
        await admin.leave()
        async with Serving(old) as beside:
            self.history.stored += await stored_in(beside)

    async def learn_heads(self) -> None:
        """When nothing has come for a while: the service tells what it has dropped a second later."""
        place = self.places[0]
        peer = await place.joined(place.admin, is_direct=True)
        before, heads = None, await _heads(peer)
        while before != heads:
            await asyncio.sleep(SETTLED_S)
            before, heads = heads, await _heads(peer)
        await peer.leave()
        self.history.stored += await stored_in(self.places[0].server)
        known = {each.stream: (each.epoch, each.next) for each in self.history.stored}
        self.heads.update(known)

    async def _apply(self, change: Change, place: Place | None = None) -> None:
        """On this server, else the first. Raises Gone, TimeoutError."""
        place = place or self.places[0]
        admin = await place.joined(place.admin)
        try:
            async with asyncio.timeout(JOIN_S):
                answer = await admin.call("fairlead.authz.apply", change.changes)
        finally:
            await admin.leave()
        change.revision, change.acknowledged_s = answer["revision"], now_s()


@asynccontextmanager
async def set_stage(directory: Path, seed: int, mechanisms: str, database: str | None) -> AsyncIterator[Stage]:
    """With a server of its own, or two that share the database; all end with the block."""
    places: list[Place] = []
    logs = "" if database is None else f'[logs]\ndatabase = "{database}"\nshared = true\n'
    config = directory / "fairlead.toml"
    config.write_text(logs + CONFIG)
    program = (sys.executable, str(SERVE), mechanisms)
    try:
        for name in ("a",) if database is None else ("a", "b"):
            (directory / name).mkdir()
            server = Serving(directory / name, "--config", str(config), program=program)
            await server.start()
            places.append(Place(server, await Proxy(server.port).__aenter__(), {}))
        stage = Stage(places, seed)
        await stage.set_up()
        yield stage
    finally:
        for place in places:
            await place.server.kill()
            await place.network.__aexit__()


async def create(peer: Peer, stream: str, **about: Any) -> dict[str, Any]:
    """Create a stream as all do; also says where a producer stands."""
    limits = {"retention": RETENTION[stream]} if stream in RETENTION else {}
    return await peer.call("fairlead.log.create", stream, object=stream, **limits, **about)


async def stored_in(server: Serving) -> list[Stored]:
    """All that is in the store of a server, and may be read of it."""
    peer = await Peer.join(server.port, (server.data / "admin.token").read_text().strip())
    found = []
    for stream in STREAMS:
        try:
            page = await peer.call("fairlead.log.read", stream, limit=PAGE)
        except Refused:
            continue
        stored = Stored(stream, page["epoch"], page["oldest"], page["head"], [])
        while page["records"]:
            stored.records += seen_in(page["first"], page["records"])
            page = await peer.call("fairlead.log.read", stream, start=page["next"], epoch=page["epoch"], limit=PAGE)
        found.append(stored)
    await peer.leave()
    return found


def seen_in(first: int, records: list[list[Any]], positions: list[int] | None = None) -> list[Seen]:
    """The records of a dict of the wire."""
    where = positions if positions is not None else range(first, first + len(records))
    return [seen(position, source, text) for position, (_, source, text, _) in zip(where, records, strict=True)]


def seen(position: int, source: str, text: str) -> Seen:
    """One record, or marker."""
    if source not in SOURCES:
        return _marker(position, text)
    label, number, _ = text.split(" ", 2)
    return Seen(position, label, int(number))


def text_of(label: str, number: int) -> str:
    """What is always the same for a number."""
    return f"{label} {number} {'x' * (number * 37 % 200)}"


def record_of(label: str, number: int) -> list[Any]:
    """As it goes over the wire."""
    return [1_700_000_000_000_000 + number, SOURCES[number % 2], text_of(label, number), 0]


async def _heads(peer: Peer) -> dict[str, int]:
    listed = (await peer.call("fairlead.log.list"))["streams"]
    return {each["stream"]: each["next"] for each in listed}


def _right(op: str, user: str, stream: str) -> dict[str, Any]:
    return {"op": op, "user": user, "level": "read", "object": stream}


def _marker(position: int, text: str) -> Seen:
    facts = msgspec.json.decode(text)
    if "truncated" in facts:
        return Seen(position, "!truncated", facts["truncated"]["records"], facts.get("producer"))
    if "lost" in facts:
        return Seen(position, "!lost", facts["lost"], facts.get("producer"))
    return Seen(position, f"!{next(iter(facts))}", -1)
