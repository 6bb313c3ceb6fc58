"""Who watches: reads, or not for a while, breaks off, comes back with its bookmark or begins anew."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from histories.peer import ERROR, Gone, Message, Peer, now_s
from histories.records.record import QUERIES, Run, Seen, Told
from histories.records.stage import Stage

BEGINS_ANEW = 0.2
IS_SLOW = 0.3
MARK = "the end"
CALL = 48


class Watcher:
    """See the module."""

    def __init__(self, stage: Stage, name: str, user: str, query: int, stays_s: float) -> None:
        self._stage = stage
        self._random = stage.random(name)
        self.name = name
        self._user = user
        self._query = query
        self._stays_s = stays_s
        self._bookmark: str | None = None
        self._number = 0
        self._heard = asyncio.Event()
        self.is_at_rest = False
        """Whether it has been told everything, when all was quiet."""

    async def play(self) -> None:
        while not self._stage.closing.is_set():
            peer, store = await self._stage.joined(self._user)
            try:
                await self._watch(peer, store)
            except Gone:
                pass
            finally:
                await peer.leave(politely=self._random.random() < 0.5)

    async def _watch(self, peer: Peer, store: int) -> None:
        if self._random.random() < BEGINS_ANEW:
            self._bookmark = None
        run = Run(self.name, self._user, self._query, store, now_s(), self._bookmark is not None)
        self._stage.history.runs.append(run)
        query = {**QUERIES[self._query], "heartbeat_s": 1}
        if self._bookmark is not None:
            query["bookmark"] = self._bookmark
        self._heard.clear()
        take = partial(self._take, run)
        peer.send(CALL, {"receive_progress": True}, "fairlead.record.watch", [], query, on_answer=take)
        await self._stay(peer, self._random.uniform(0.03, 1) * self._stays_s)
        if self._stage.over.is_set():
            await self._be_marked(peer)

    async def _stay(self, peer: Peer, seconds: float) -> None:
        """For so long, or until the play is over; some read only then."""
        is_slow = self._random.random() < IS_SLOW
        if is_slow:
            peer.stop_reading()
        try:
            async with asyncio.timeout(seconds):
                await self._stage.over.wait()
        except TimeoutError:
            pass
        if is_slow:
            peer.read_on()
            await asyncio.sleep(0)

    async def _be_marked(self, peer: Peer) -> None:
        """Ask for the mark, and stay until all want to go; a lost session ends that."""
        while self._number == 0 or not self._heard.is_set():
            if not peer.is_open or self._stage.closing.is_set():
                raise Gone
            await asyncio.sleep(0.01)
        await peer.call("fairlead.record.mark", self._number, MARK)
        while peer.is_open and not self._stage.closing.is_set():
            await asyncio.sleep(0.01)

    def _take(self, run: Run, message: Message, size: int) -> None:
        if message[0] == ERROR:
            run.error = message[4]
            return
        said = message[3][0]
        self._number = said.get("watch", self._number)
        self._heard.set()
        reset = said.get("reset", {}).get("reason")
        changes = [_seen(change) for change in said.get("changes", ())]
        told = Told(now_s(), changes, "bookmark" in said, reset, said.get("mark"), size)
        run.told.append(told)
        self._bookmark = said.get("bookmark", self._bookmark)
        self.is_at_rest = self.is_at_rest or told.mark == MARK


def _seen(change: dict[str, Any]) -> Seen:
    n = change["state"]["n"] if "state" in change else None
    return Seen(change["change"], change["id"], change.get("version"), n, change.get("deleted", False))
