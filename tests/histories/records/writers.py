"""Who changes things: writers of records, each of its own, and an administrator of rights."""

from __future__ import annotations

import asyncio
from typing import Any

from histories.peer import Gone, Peer, now_s
from histories.records.record import LANES, Step, kind_of, owner_of
from histories.records.stage import OBJECTS, USERS, Stage

FILLED_AT_ONCE = 500
TEXT_LIMIT = 500
DELETED, MOVED, PATCHED = 0.1, 0.2, 0.6
"""Up to here a change of what is there is one of these; else it is put anew."""


class Writer:
    """Puts, patches, moves and deletes its records, in batches; each request again until it is acknowledged."""

    def __init__(self, stage: Stage, name: str, ids: list[str], pace: tuple[int, float], *, deletes: bool) -> None:
        self._stage = stage
        self._random = stage.random(name)
        self._name = name
        self._ids = ids
        self._most, self._pause_s = pace
        self._deletes = deletes
        self._number = 0
        self._store = -1
        self._last: dict[str, Step] = {}
        """Of each record in this store."""
        self._peer: Peer | None = None
        self.is_filled = asyncio.Event()
        """Whether all records are there that are to be there before anybody watches."""

    async def play(self) -> None:
        while not self._stage.over.is_set():
            await self._join()
            missing = [id_ for id_ in self._ids if id_ not in self._last]
            if not self._deletes and missing:
                await self._perform([self._put(id_) for id_ in missing[:FILLED_AT_ONCE]])
                continue
            self.is_filled.set()
            begun_s = now_s()
            ids = self._random.sample(self._ids, self._random.randint(1, self._most))
            await self._perform([self._change(id_) for id_ in ids])
            await asyncio.sleep(max(0.0, begun_s + self._pause_s - now_s()))
        if self._peer is not None:
            await self._peer.leave()

    async def _join(self) -> None:
        """A session, if there is none; in another store nothing is there."""
        if self._peer is not None and self._peer.is_open:
            return
        if self._peer is not None:
            await self._peer.leave(politely=False)
        self._peer, store = await self._stage.joined()
        if store != self._store:
            self._store = store
            self._last.clear()

    async def _perform(self, steps: list[Step]) -> None:
        """One request. In another store it is given up: nobody knows whether it was done in the old one."""
        store, key = self._store, f"{self._name} {self._number}"
        changes = [self._said(step) for step in steps]
        self._stage.history.steps += steps
        self._last.update({step.id: step for step in steps})
        while self._store == store:
            assert self._peer is not None
            try:
                results = (await self._peer.call("fairlead.record.batch", changes, key=key))["results"]
            except Gone:
                await self._join()
                continue
            for step, result in zip(steps, results, strict=True):
                assert result["version"] == step.version, f"{step} has become {result}"
                step.acknowledged_s = now_s()
            return

    def _change(self, id_: str) -> Step:
        last, chosen = self._last.get(id_), self._random.random()
        if last is None or last.is_delete or chosen >= PATCHED:
            return self._put(id_)
        if chosen < DELETED and self._deletes:
            return self._step(id_, last.version, last.object, is_delete=True)
        return self._step(id_, last.version + 1, self._random.choice(OBJECTS) if chosen < MOVED else last.object)

    def _put(self, id_: str) -> Step:
        last = self._last.get(id_)
        return self._step(id_, 1 if last is None else last.version + 1, self._random.choice(OBJECTS))

    def _step(self, id_: str, version: int, object_id: str, *, is_delete: bool = False) -> Step:
        self._number += 1
        lane = self._random.randrange(LANES)
        return Step(self._store, id_, version, self._number, lane, object_id, now_s(), is_delete=is_delete)

    def _said(self, step: Step) -> dict[str, Any]:
        last = self._last.get(step.id)
        if step.is_delete:
            return {"op": "delete", "id": step.id}
        state = {"n": step.n, "lane": step.lane, "text": "x" * (step.n * 37 % TEXT_LIMIT)}
        if last is not None and not last.is_delete and last.object == step.object:
            return {"op": "patch", "id": step.id, "patch": state}
        about = {"kind": kind_of(step.id), "owner": owner_of(step.id), "object": step.object}
        return {"op": "put", "id": step.id, "state": state, **about}


class Administrator:
    """Takes the rights of users, and gives them back; in the end half of what is missing, so that some see less."""

    def __init__(self, stage: Stage, pause_s: float) -> None:
        self._stage = stage
        self._random = stage.random("administrator")
        self._pause_s = pause_s

    async def play(self) -> None:
        held = {(user, object_id): True for user in USERS for object_id in OBJECTS}
        while not self._stage.over.is_set():
            await asyncio.sleep(self._random.uniform(0.2, 1.8) * self._pause_s)
            pair = self._random.choice(list(held))
            held[pair] = not held[pair]
            await self._stage.change_right("grant" if held[pair] else "revoke", *pair)
        for pair, has in list(held.items())[::2]:
            if not has:
                await self._stage.change_right("grant", *pair)
