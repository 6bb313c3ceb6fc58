"""Who listens: sessions of one user that subscribe, follow, stop reading for a while, break off and come back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

from histories.peer import ERROR, EVENT, GOODBYE, PROGRESS, RESULT, UNSUBSCRIBED, Gone, Message, Peer, Refused, now_s
from histories.record import NEVER_S, Arrival, Interest, Mark, Match, Session
from histories.stage import OBJECTS, Stage, join_patiently, topic_of

PATTERNS: dict[Match, str] = {"prefix": "com.app.", "wildcard": "com.app..state"}
NOTICES = "fairlead.session.revoked"
CATCH_UP_S = 10.0
NO_SUBSCRIPTION = 1
"""Ids are random up to 2^53: to end this one is refused, in order."""


class Watcher:
    """One user's client. `play` it until the stage is closed."""

    def __init__(self, stage: Stage, user: str, number: int, random: Random) -> None:
        self._stage = stage
        self._user = user
        self._name = f"{user}-{number}"
        self._random = random
        self._followed = random.choice(OBJECTS)
        self._cursor: dict[str, int] = {"start": 0}
        self._sessions = 0

    async def play(self) -> None:
        while not self._stage.closing.is_set():
            with suppress(Gone):
                peer = await self._join()
                if peer is not None:
                    await self._stay(*peer)

    async def _join(self) -> tuple[Peer, Session, bool] | None:
        """A session; None if the user may have none now."""
        tells_by_event = self._random.random() < 0.3
        token = ""
        try:
            token = await self._stage.token_of(self._user)
            opened_s = now_s()
            is_raw = self._random.random() < 0.5
            peer = await join_patiently(self._stage, token, is_raw=is_raw, tells_by_event=tells_by_event)
        except Refused:
            self._stage.forget_token(self._user, token)
            await asyncio.sleep(0.02)
            return None
        self._sessions += 1
        session = Session(f"{self._name}.{self._sessions}", self._user, token, opened_s)
        self._stage.history.sessions.append(session)
        return peer, session, tells_by_event

    async def _stay(self, peer: Peer, session: Session, tells_by_event: bool) -> None:
        ear = Ear(peer, session, self._name, self._cursor)
        try:
            if tells_by_event:
                await ear.hear_notices()
            for match in self._random.sample(list(PATTERNS), self._random.randint(0, 1)):
                await ear.subscribe(match, None)
            await self._listen(ear, now_s() + self._random.uniform(1, 6))
        finally:
            session.closed_s = min(session.closed_s, now_s())
            await peer.leave(politely=self._random.random() < 0.5)

    async def _listen(self, ear: Ear, until_s: float) -> None:
        stage, random = self._stage, self._random
        wanted = random.sample(OBJECTS, 4)
        while not stage.closing.is_set() and (now_s() < until_s or stage.over.is_set()):
            for object_id in wanted:
                if not ear.listens("exact", object_id) and random.random() < 0.3:
                    await ear.subscribe("exact", object_id)
            if not ear.listens("follow", self._followed):
                ear.follow(self._followed)
            if random.random() < 0.04 and not stage.over.is_set():
                ear.peer.stop_reading()
                await asyncio.sleep(random.uniform(0.4, 1.2))
                ear.peer.read_on()
            await ear.mark()
            await asyncio.sleep(random.uniform(0.01, 0.04))
        if stage.closing.is_set():
            await ear.catch_up(self._followed)


class Ear:
    """One session: asks for things, and records what it hears. A cursor is {start} or {start, epoch}."""

    def __init__(self, peer: Peer, session: Session, name: str, cursor: dict[str, int]) -> None:
        self.peer = peer
        self._session = session
        self._name = name
        self._cursor = cursor
        self._interests: dict[int, int] = {}
        self._notices_id = 0
        peer.on_other = self._hear

    def listens(self, match: Match, object_id: str | None) -> bool:
        """Whether there is an interest that has been asked for, and is not known to have ended."""
        return any(
            (each.match, each.object) == (match, object_id) and not each.notices and each.refused_s == NEVER_S
            for each in self._session.interests
        )

    async def hear_notices(self) -> None:
        """Such a client is told of its revocations by events."""
        self._notices_id = (await self.peer.ask(32, {}, NOTICES))[2]

    async def mark(self) -> None:
        """See Mark."""
        sent_s = now_s()
        with suppress(Refused):
            await self.peer.ask(34, NO_SUBSCRIPTION)
        self._session.marks.append(Mark(sent_s, now_s()))

    async def subscribe(self, match: Match, object_id: str | None) -> None:
        """To an object's topic, or to a pattern."""
        interest, index = self._new(match, object_id)

        def answered(answer: Message) -> None:
            if answer[0] == ERROR:
                interest.refused_s = now_s()
            else:
                interest.begun_s = now_s()
                self._interests[answer[2]] = index

        topic = PATTERNS[match] if object_id is None else topic_of(object_id)
        with suppress(Refused):
            await self.peer.ask(32, {"match": match}, topic, on_answer=answered)

    def follow(self, object_id: str) -> None:
        """The object's stream, from where the last one has ended."""
        interest, index = self._new("follow", object_id)
        interest.follower = self._name

        def answered(answer: Message, size: int) -> None:
            if answer[0] == ERROR:
                self._end(interest)
                return
            assert answer[0] == RESULT
            assert answer[2].get(PROGRESS), answer
            interest.begun_s = min(interest.begun_s, now_s())
            self._take_batch(index, answer[3][0], size)

        self.peer.send(
            48, {"receive_progress": True}, "fairlead.log.follow", [object_id], self._cursor, on_answer=answered
        )

    async def catch_up(self, object_id: str) -> None:
        """Wait for the head of the followed stream, unless that may not be read any more."""
        with suppress(Refused):
            head = (await self.peer.call("fairlead.log.read", object_id, tail=0))["head"]
            deadline_s = now_s() + CATCH_UP_S
            while self._cursor["start"] < head and now_s() < deadline_s:
                await asyncio.sleep(0.02)
        self._session.caught_up_s = now_s()

    def _new(self, match: Match, object_id: str | None) -> tuple[Interest, int]:
        interest = Interest(match, object_id, now_s())
        self._session.interests.append(interest)
        return interest, len(self._session.interests) - 1

    def _end(self, interest: Interest) -> None:
        """An answer that ends a `follow`: it was refused, or is revoked."""
        if interest.begun_s == NEVER_S:
            interest.refused_s = now_s()
        else:
            interest.notices.append(now_s())

    def _take_batch(self, index: int, batch: dict[str, object], size: int) -> None:
        records = batch.get("records")
        if not isinstance(records, list):
            assert set(batch) <= {"head"}, batch
            return
        first, epoch = batch["first"], batch["epoch"]
        assert isinstance(first, int)
        assert isinstance(epoch, int)
        for position, (_, _, text, _) in enumerate(records, first):
            publisher, number, _ = text.split(" ", 2)
            self._arrived(index, publisher, int(number), size // len(records), position)
        self._cursor |= {"start": first + len(records), "epoch": epoch}

    def _hear(self, message: Message, size: int) -> None:
        if message[0] == EVENT and message[1] == self._notices_id:
            self._told(message[4][0]["subscription"])
        elif message[0] == EVENT:
            publisher, number = message[4][:2]
            self._arrived(self._interests[message[1]], publisher, number, size)
        elif message[0] == UNSUBSCRIBED:
            self._told(message[2]["subscription"])
        elif message[0] == GOODBYE:
            self._session.goodbyes.append(message[2])
            self._session.closed_s = min(self._session.closed_s, now_s())

    def _told(self, subscription: int) -> None:
        self._session.interests[self._interests[subscription]].notices.append(now_s())

    def _arrived(self, index: int, publisher: str, number: int, size: int, position: int | None = None) -> None:
        at_s = now_s()
        self._session.interests[index].last_arrival_s = at_s
        self._session.arrivals.append(Arrival(at_s, index, publisher, number, size, position))
