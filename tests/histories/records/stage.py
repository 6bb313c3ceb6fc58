"""Where a play with records takes place: a real server, objects, users, and the record of all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from histories.peer import Gone, Peer, now_s
from histories.record import NEVER_S, Change
from histories.records.record import RecordHistory
from support.serving import Serving

STEADY = "steady"
"""A user who may always read."""
USERS = ["user0", "user1"]
"""Whose rights come and go."""
OBJECTS = [f"o{number}" for number in range(4)]
PROJECT = "all"
PAGE = 1_000

SERVE = Path(__file__).with_name("serve.py")


class Stage:
    """See the module."""

    def __init__(self, server: Serving, seed: int) -> None:
        self.server = server
        self.seed = seed
        self.history = RecordHistory(OBJECTS, [STEADY, *USERS])
        self.over = asyncio.Event()
        """Nobody writes anything new, and nothing goes wrong any more."""
        self.closing = asyncio.Event()
        """Nobody wants to hear any more."""
        self.store = 0
        """How often the store was replaced by an empty one."""
        self._tokens: dict[str, str] = {}

    def random(self, name: str) -> Random:
        """The choices of one of the players."""
        return Random(f"{name} {self.seed}")

    async def joined(self, user: str | None = None) -> tuple[Peer, int]:
        """A session, as soon as the server is there, and the store that it is with; without a user, the admin's."""
        token = (self.server.data / "admin.token").read_text().strip() if user is None else self._tokens[user]
        while True:
            store = self.store
            with suppress(Gone):
                peer = await Peer.join(self.server.port, token)
                if store == self.store:
                    return peer, store
                await peer.leave(politely=False)
            await asyncio.sleep(0.02)

    async def set_up(self) -> None:
        """Users, who all may read."""
        first = Change(
            [
                *({"op": "put", "kind": "user", "id": user} for user in self.history.users),
                {"op": "put", "kind": "project", "id": PROJECT, "owner": STEADY},
                *({"op": "put", "kind": "object", "id": object_id, "owner": PROJECT} for object_id in OBJECTS),
                *(_right("grant", user, object_id) for user in USERS for object_id in OBJECTS),
            ],
            now_s(),
        )
        await self._apply(first)
        admin, _ = await self.joined()
        for user in self.history.users:
            self._tokens[user] = (await admin.call("fairlead.authz.token", user))["token"]
        await admin.leave()

    async def change_right(self, op: str, user: str, object_id: str) -> None:
        """Grant or revoke, again and again until that is acknowledged."""
        change = Change([_right(op, user, object_id)], now_s())
        while change.acknowledged_s == NEVER_S:
            with suppress(Gone):
                await self._apply(change)

    async def kill(self, *, wipes: bool = False) -> None:
        """`kill -9`, and start; perhaps with an empty store."""
        await self.server.kill()
        if wipes:
            self.store += 1
            for path in self.server.data.glob("records.sqlite*"):
                path.unlink()
        await self.server.start()
        self.history.starts.append(now_s())

    async def learn_what_is_left(self) -> None:
        """All records of the end."""
        admin, _ = await self.joined()
        after: str | None = ""
        while after is not None:
            page = await admin.call("fairlead.record.list", limit=PAGE, **({"after": after} if after else {}))
            self.history.left.update({each["id"]: each["version"] for each in page["records"]})
            after = page["after"]
        await admin.leave()

    async def _apply(self, change: Change) -> None:
        admin, _ = await self.joined()
        try:
            answer = await admin.call("fairlead.authz.apply", change.changes)
        finally:
            await admin.leave()
        change.revision, change.acknowledged_s = answer["revision"], now_s()
        self.history.changes.append(change)


@asynccontextmanager
async def set_stage(directory: Path, seed: int, mechanism: str) -> AsyncIterator[Stage]:
    """With a server of its own, which ends with the block."""
    async with Serving(directory, program=(sys.executable, str(SERVE), mechanism)) as server:
        stage = Stage(server, seed)
        await stage.set_up()
        yield stage


def _right(op: str, user: str, object_id: str) -> dict[str, Any]:
    return {"op": op, "user": user, "level": "read", "object": object_id}
