"""Who falls asleep over a full queue, and has no right to it any more when it wakes up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from histories.peer import Gone, Peer, Refused, now_s
from histories.record import Session
from histories.stage import OBJECTS, SLEEPER, Stage, join_patiently
from histories.watcher import Ear

QUEUED_BYTES = 1 << 20
"""What has been published for a sleeper before it loses its rights: three times what may still arrive of that."""


class Sleeper:
    """A session that sleeps until much is queued, loses its rights, wakes up, and is given them again."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sessions = 0

    async def play(self) -> None:
        while not self._stage.closing.is_set():
            with suppress(Gone, Refused):
                admin = await join_patiently(self._stage, self._stage.token)
                try:
                    await self._stay(admin)
                finally:
                    await admin.leave()

    async def _stay(self, admin: Peer) -> None:
        token = await self._stage.token_of(SLEEPER)
        opened_s = now_s()
        peer = await join_patiently(self._stage, token)
        self._sessions += 1
        session = Session(f"{SLEEPER}.{self._sessions}", SLEEPER, token, opened_s)
        self._stage.history.sessions.append(session)
        ear = Ear(peer, session, SLEEPER, {})
        try:
            await ear.subscribe("prefix", None)
            await ear.subscribe("wildcard", None)
            while not self._stage.over.is_set():
                await self._sleep(ear, admin)
            await self._stage.closing.wait()
        finally:
            session.closed_s = min(session.closed_s, now_s())
            await peer.leave()

    async def _sleep(self, ear: Ear, admin: Peer) -> None:
        await self._stage.change(admin, _links("grant"))
        await ear.mark()
        ear.peer.stop_reading()
        full_bytes = self._stage.published_bytes + QUEUED_BYTES
        while self._stage.published_bytes < full_bytes and not self._stage.over.is_set():
            await asyncio.sleep(0.02)
        await self._stage.change(admin, _links("revoke"))
        ear.peer.read_on()
        await ear.mark()


def _links(op: str) -> list[dict[str, Any]]:
    return [{"op": op, "user": SLEEPER, "level": "read", "object": object_id} for object_id in OBJECTS]
