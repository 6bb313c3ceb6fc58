"""Who makes things happen: publishers, and administrators who give and take rights in every way that there is."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from random import Random
from typing import Any

from histories.peer import ERROR, Gone, Message, Peer, Refused, now_s
from histories.record import Publication, Question
from histories.stage import OBJECTS, PRESS, PROJECTS, ROLES, USERS, Stage, join_patiently, topic_of

UNDER_WAY = 64
"""Publications of one publisher whose acknowledgement has not come yet."""

SIZES = (100, 100, 100, 1_000, 16_000)
RECORDS = 0.15
"""The part of what is published that goes into streams."""


class Publisher:
    """Numbers what it sends, and waits for no acknowledgement."""

    def __init__(self, stage: Stage, name: str, random: Random, interval_s: float) -> None:
        self._stage = stage
        self._name = name
        self._random = random
        self._interval_s = interval_s
        self._number = 0
        self._room = asyncio.Semaphore(UNDER_WAY)

    async def play(self) -> None:
        while not self._stage.over.is_set():
            with suppress(Gone):
                peer = await join_patiently(self._stage, await self._stage.token_of(PRESS))
                try:
                    await self._publish(peer)
                finally:
                    await peer.leave()

    async def _publish(self, peer: Peer) -> None:
        self._room = asyncio.Semaphore(UNDER_WAY)
        while not self._stage.over.is_set():
            async with asyncio.timeout(10):
                await self._room.acquire()
            self._send(peer)
            await asyncio.sleep(self._random.expovariate(1 / self._interval_s))
        async with asyncio.timeout(10):
            for _ in range(UNDER_WAY):
                await self._room.acquire()

    def _send(self, peer: Peer) -> None:
        self._number += 1
        random, number = self._random, self._number
        publication = Publication(self._name, number, random.choice(OBJECTS), 0, is_record=random.random() < RECORDS)
        self._stage.history.publications.append(publication)

        padding = "x" * random.choice(SIZES)

        def answered(answer: Message, _size: int) -> None:
            assert answer[0] != ERROR, answer
            publication.accepted_s = now_s()
            self._stage.published_bytes += len(padding)
            self._room.release()

        publication.sent_s = now_s()
        if publication.is_record:
            record = [time.time_ns() // 1000, "stdout", f"{self._name} {number} {padding}", 0]
            peer.send(48, {}, "fairlead.log.append", [publication.object, [record]], on_answer=answered)
        else:
            body = [self._name, number, padding]
            peer.send(16, {"acknowledge": True}, topic_of(publication.object), body, on_answer=answered)


class Administrator:
    """One list of changes after the other."""

    def __init__(self, stage: Stage, random: Random, pause_s: float) -> None:
        self._stage = stage
        self._random = random
        self._pause_s = pause_s

    async def play(self) -> None:
        while not self._stage.over.is_set():
            with suppress(Gone):
                admin = await join_patiently(self._stage, self._stage.token)
                try:
                    while not self._stage.over.is_set():
                        await self._act(admin)
                        await asyncio.sleep(self._random.uniform(0, 2 * self._pause_s))
                finally:
                    await admin.leave()

    async def _act(self, admin: Peer) -> None:
        random, stage = self._random, self._stage
        chance = random.random()
        if chance < 0.02:
            user = random.choice(USERS)
            await stage.change(admin, [{"op": "deactivate", "id": user}])
            await stage.change(admin, [{"op": "activate", "id": user}])
        elif chance < 0.04:
            await stage.end_token(admin, random.choice(USERS))
        elif chance < 0.14:
            with suppress(Refused):
                await admin.call("fairlead.authz.apply", [random_change(random) for _ in range(3)], dry_run=True)
        else:
            await stage.change(admin, [random_change(random) for _ in range(random.choice((1, 1, 1, 2, 5)))])


class Questioner:
    """Asks who may read what, while that changes."""

    def __init__(self, stage: Stage, random: Random, pause_s: float) -> None:
        self._stage = stage
        self._random = random
        self._pause_s = pause_s

    async def play(self) -> None:
        while not self._stage.over.is_set():
            with suppress(Gone):
                admin = await join_patiently(self._stage, self._stage.token)
                try:
                    while not self._stage.over.is_set():
                        await self._ask(admin)
                        await asyncio.sleep(self._pause_s)
                finally:
                    await admin.leave()

    async def _ask(self, admin: Peer) -> None:
        object_id, user = self._random.choice(OBJECTS), self._random.choice([None, *USERS])
        sent_s = now_s()
        if user is None:
            answer = await admin.call("fairlead.authz.who", "read", object_id)
            readers = [each["user"] for each in answer["users"] if each["user"] in self._stage.history.users]
        else:
            answer = await admin.call("fairlead.authz.check", user, "read", object_id)
            readers = [user] if answer["allowed"] else []
        self._stage.history.questions.append(Question(object_id, user, readers, sent_s, now_s()))


def random_change(random: Random) -> dict[str, Any]:
    """Gives or takes something: directly, by a role, by where an object or a project is, by the trash."""
    user, role, object_id = random.choice(USERS), random.choice(ROLES), random.choice(OBJECTS)
    gives = random.random() < 0.6
    link, trash = ("grant", "untrash") if gives else ("revoke", "trash")
    changes: list[dict[str, Any]] = [
        {"op": link, "user": user, "level": "read", "object": object_id},
        {"op": link, "user": user, "level": "read", "object": object_id},
        {"op": link, "user": user, "level": random.choice(("read", "write")), "object": role},
        {"op": link, "user": role, "level": "read", "object": random.choice((*PROJECTS, object_id))},
        {"op": trash, "id": object_id},
        {"op": "put", "kind": "object", "id": object_id, "owner": random.choice((*PROJECTS, user))},
    ]
    if random.random() < 0.1:
        project = "inner" if random.random() < 0.5 else random.choice(PROJECTS)
        changes = [
            {"op": "put", "kind": "project", "id": "inner", "owner": random.choice(("open", "closed", PRESS))},
            {"op": trash, "id": project},
            {"op": "untrash", "id": project},
        ]
    return random.choice(changes)
