"""The load: sessions that subscribe, an administrator that changes permissions, a publisher. One process.

    python -m bench.permissions.load < job.json

It prints a Result, a JSON object in one line. CPU is that of the router's process, whose pid is in the job.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from typing import Any

import msgspec
import picows
import uvloop

from bench.permissions.dataset import STAFF, STAFF_PROJECT, Dataset, Size
from bench.permissions.server import ADMIN
from bench.procfs import cpu_s

WELCOME, ERROR = 2, 8
TEXT = picows.WSMsgType.TEXT
SUBPROTOCOL = {"Sec-WebSocket-Protocol": "wamp.2.json"}
TICK_S = 0.01
ADMINS = 4
NOTICES_TIMEOUT_S = 10.0
JOINED_AT_ONCE = 50


class Job(msgspec.Struct, frozen=True):
    """What to do, in this order; what is 0 is left out."""

    url: str
    pid: int
    size: Size
    subscriptions_each: int = 10
    direct_revokes: int = 0
    group_revokes: int = 0
    seconds: float = 0.0
    """Of events and changes at these rates."""
    delivered_per_s: int = 0
    changes_per_s: int = 0
    revokes_per_s: int = 0


class Result(msgspec.Struct):
    """What was measured; latencies are those of answered calls of `fairlead.authz.apply`, in the order of calls."""

    subscriptions: int = 0
    direct_revoke_ms: list[float] = msgspec.field(default_factory=list)
    group_revoke_ms: list[float] = msgspec.field(default_factory=list)
    group_notices: list[int] = msgspec.field(default_factory=list)
    group_notices_ms: list[float] = msgspec.field(default_factory=list)
    """From the call to the last notice."""
    seconds: float = 0.0
    cpu_s: float = 0.0
    delivered: int = 0
    expected: int = 0
    changes: int = 0
    change_ms: list[float] = msgspec.field(default_factory=list)
    revoke_ms: list[float] = msgspec.field(default_factory=list)


class Counts:
    """What all subscribers have received."""

    def __init__(self) -> None:
        self.events = 0
        self.notices = 0
        self.last_notice_s = 0.0


class Session(picows.WSListener):
    """One session: requests are answered in order, or by their id."""

    transport: picows.WSTransport

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    async def join(self, authid: str) -> None:
        roles = {
            "subscriber": {"features": {"subscription_revocation": True}},
            "publisher": {},
            "caller": {},
        }
        await self._ask(0, [1, "realm1", {"authid": authid, "roles": roles}])

    async def subscribe(self, topics: Iterable[str]) -> None:
        await asyncio.gather(*[self._request(32, {}, topic) for topic in topics])

    async def apply(self, *changes: dict[str, str]) -> float:
        """Returns how long it took, in ms."""
        before_s = time.perf_counter()
        await self._request(48, {}, "fairlead.authz.apply", [list(changes)])
        return (time.perf_counter() - before_s) * 1e3

    def publish(self, topic: str) -> None:
        self._number += 1
        self.transport.send(TEXT, b'[16,%d,{},"%s",["%s"]]' % (self._number, topic.encode(), b"x" * 100))

    async def _request(self, kind: int, *rest: Any) -> Any:
        self._number += 1
        return await self._ask(self._number, [kind, self._number, *rest])

    async def _ask(self, number: int, message: list[Any]) -> Any:
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        self.transport.send(TEXT, msgspec.json.encode(message))
        return await reply

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        data = frame.get_payload_as_bytes()
        if data.startswith(b"[36,"):
            self._counts.events += 1
        elif data.startswith(b"[35,0,"):
            self._counts.notices += 1
            self._counts.last_notice_s = time.perf_counter()
        else:
            self._answered(msgspec.json.decode(data))

    def _answered(self, message: list[Any]) -> None:
        kind = message[0]
        number = {WELCOME: 0, ERROR: message[2]}.get(kind, message[1])
        reply = self._replies.pop(number)
        if kind == ERROR:
            reply.set_exception(RuntimeError(f"the router answered {message}"))
        else:
            reply.set_result(message)


class Load:
    """The job in progress."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._dataset = Dataset(job.size)
        self._counts = Counts()
        self._result = Result()
        self._readers: dict[str, Session] = {}
        self._topics: dict[str, list[str]] = {}
        self._pending: set[asyncio.Task[None]] = set()
        self._made = 0

    async def run(self) -> Result:
        job = self._job
        self._admins = [await self._join(ADMIN) for _ in range(ADMINS)]
        await self._connect()
        await self._revoke_directly(job.direct_revokes)
        for _ in range(job.group_revokes):
            await self._revoke_group()
        if job.seconds:
            await self._mixed()
        return self._result

    async def _join(self, authid: str) -> Session:
        session = Session(self._counts)
        await picows.ws_connect(lambda: session, self._job.url, extra_headers=SUBPROTOCOL)
        await session.join(authid)
        return session

    async def _connect(self) -> None:
        """Each connected user subscribes to its own object and to some of the big role's project."""
        dataset, each = self._dataset, self._job.subscriptions_each
        live = dataset.live_objects
        for number, user in enumerate(dataset.connected):
            shared = [live[(number + place * len(live) // each) % len(live)] for place in range(each - 1)]
            self._topics[user] = [f"bench.{object_id}" for object_id in (*shared, dataset.own_objects[number])]
        users = dataset.connected
        for first in range(0, len(users), JOINED_AT_ONCE):
            await asyncio.gather(*map(self._start, users[first : first + JOINED_AT_ONCE]))
        self._result.subscriptions = sum(map(len, self._topics.values()))

    async def _start(self, user: str) -> None:
        self._readers[user] = await self._join(user)
        await self._readers[user].subscribe(self._topics[user])

    # --- revocations, one at a time -----------------------------------------------------------

    async def _revoke_directly(self, times: int) -> None:
        """The grant that a user's subscription rests on; then it is given back."""
        admin, dataset = self._admins[0], self._dataset
        for user, object_id in list(zip(dataset.connected, dataset.own_objects, strict=True))[:times]:
            self._result.direct_revoke_ms.append(await admin.apply(change("revoke", user, object_id)))
            await admin.apply(change("grant", user, object_id))
            await self._readers[user].subscribe([f"bench.{object_id}"])

    async def _revoke_group(self) -> None:
        """The big role loses its project, after the teams have: every reader's subscriptions end."""
        teams = self._dataset.teams
        await self._admins[0].apply(*[change("revoke", team, STAFF_PROJECT) for team in teams])
        expected = sum(len(topics) - 1 for topics in self._topics.values())
        self._counts.notices = 0
        before_s = time.perf_counter()
        took_ms = await self._admins[0].apply(change("revoke", STAFF, STAFF_PROJECT))
        limit_s = before_s + NOTICES_TIMEOUT_S
        while self._counts.notices < expected and time.perf_counter() < limit_s:
            await asyncio.sleep(TICK_S)
        self._result.group_revoke_ms.append(took_ms)
        self._result.group_notices.append(self._counts.notices)
        self._result.group_notices_ms.append((self._counts.last_notice_s - before_s) * 1e3)
        await self._admins[0].apply(*[change("grant", role, STAFF_PROJECT) for role in (STAFF, *teams)])
        for user, session in self._readers.items():
            await session.subscribe(self._topics[user][:-1])

    # --- events and changes at a rate ---------------------------------------------------------

    async def _mixed(self) -> None:
        job, result = self._job, self._result
        self._counts.events = 0
        cpu_before_s, before_s = cpu_s(job.pid), time.perf_counter()
        for tick in range(round(job.seconds / TICK_S)):
            self._publish(round(job.delivered_per_s * TICK_S))
            self._change(tick, round(job.changes_per_s * TICK_S), round(job.revokes_per_s * TICK_S))
            await asyncio.sleep(before_s + (tick + 1) * TICK_S - time.perf_counter())
        result.cpu_s = cpu_s(job.pid) - cpu_before_s
        result.seconds = time.perf_counter() - before_s
        await asyncio.gather(*self._pending)
        limit_s = time.perf_counter() + NOTICES_TIMEOUT_S
        while self._counts.events < result.expected and time.perf_counter() < limit_s:
            await asyncio.sleep(TICK_S)
        result.delivered = self._counts.events

    def _publish(self, deliveries: int) -> None:
        """To topics of the big role's project, each with the same number of subscribers."""
        dataset = self._dataset
        each = dataset.size.connected * (self._job.subscriptions_each - 1) // len(dataset.live_objects)
        for _ in range(round(deliveries / each)):
            self._made += 1
            topic = dataset.live_objects[self._made * 7 % len(dataset.live_objects)]
            self._admins[0].publish(f"bench.{topic}")
            self._result.expected += each

    def _change(self, tick: int, changes: int, revokes: int) -> None:
        """Teams lose their project, which their members keep by the big role, and get it back; others are granted."""
        dataset = self._dataset
        for number in range(revokes):
            team = dataset.teams[(tick * revokes + number) % len(dataset.teams)]
            self._start_change(tick, self._result.revoke_ms, change("revoke", team, STAFF_PROJECT))
            self._start_change(tick, self._result.change_ms, change("grant", team, STAFF_PROJECT))
        for number in range(max(0, changes - 2 * revokes)):
            place = tick * changes + number
            user = dataset.users[-1 - place % len(dataset.users)]
            granted = change("grant", user, dataset.objects[place * 13 % len(dataset.objects)])
            self._start_change(tick, self._result.change_ms, granted)

    def _start_change(self, tick: int, times_ms: list[float], what: dict[str, str]) -> None:
        """A team's revoke and grant go through the same session, so they arrive in their order."""

        async def make() -> None:
            times_ms.append(await self._admins[tick % ADMINS].apply(what))
            self._result.changes += 1

        task = asyncio.ensure_future(make())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)


def change(op: str, user: str, object_id: str) -> dict[str, str]:
    """A change as it goes over the wire."""
    return {"op": op, "user": user, "level": "read", "object": object_id}


if __name__ == "__main__":
    done = uvloop.run(Load(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)).run())
    print(msgspec.json.encode(done).decode())
