"""Who writes: raw producers that pipeline and repeat, by records and by bytes; two that fight; a LogWriter."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from fairlead_client.asyncio import Connection, LogWriter
from histories.logs.record import SOURCES, Sent
from histories.logs.stage import Place, Stage, create, record_of, text_of
from histories.peer import ERROR, Gone, Message, Peer, Refused, now_s

UNDER_WAY = 8
"""Appends that are not acknowledged yet."""

ANSWER_S = 4.0
"""A session that does not answer for so long is given up."""

DRAIN_S = 20.0
FLOOD = 150
"""Records of an append that exceeds the budget soon."""


class Broken(Exception):
    """An append was refused, or not answered: begin with `create` again."""


class Producer:
    """Pipelines appends, and after each loss goes on where the service says, or a little before that."""

    unit = "records"

    def __init__(self, stage: Stage, name: str, stream: str, *, batch: int = 4, pause_s: float = 0.03) -> None:
        self.stage = stage
        self.name = name
        self.stream = stream
        self.random = stage.random(name)
        self.label = f"{name}.0"
        self.next = 0
        """The number of the next new record."""
        self._batch = batch
        self._pause_s = pause_s
        self._place: Place = stage.places[0]
        self._epoch: int | None = None
        self._shift = 0
        """The number of a record is its `seq` and this, which is so in one epoch of the stream."""
        self._term = 0
        self._under_way = 0
        self._is_broken = False
        self._moved = asyncio.Event()

    async def play(self) -> None:
        while True:
            with suppress(Gone, Refused, Broken, TimeoutError):
                self._place = self.random.choice(self.stage.places)
                peer = await self._place.joined(self._place.admin, is_raw=self.random.random() < 0.5)
                try:
                    position = await self.begin(peer)
                    await self._write(peer, position)
                    return
                finally:
                    await peer.leave(politely=self.random.random() < 0.5)
            await asyncio.sleep(0.05)

    async def begin(self, peer: Peer) -> int:
        """Learn where to go on: the number of a record that the service has all before."""
        async with asyncio.timeout(ANSWER_S):
            known = await create(peer, self.stream, producer=self.name, unit=self.unit)
        self._term = known["producer_term"]
        if known["epoch"] != self._epoch:
            self._epoch = known["epoch"]
            self.begin_epoch(known["producer_seq"])
        position = self.number_of(known["producer_seq"])
        back = self.random.choice((0, 0, 3))
        return max(0, self.number_of(0), position - back)

    def begin_epoch(self, seq: int) -> None:
        """The store is another one, which knows nothing of what we have sent: what is new goes there."""
        self._shift = self.next - seq

    def number_of(self, seq: int) -> int:
        return seq + self._shift

    def place_of(self, number: int) -> dict[str, int]:
        """The argument of `append` that says what comes first."""
        return {"seq": number - self._shift}

    async def _write(self, peer: Peer, position: int) -> None:
        """From this number on, until the play is over and everything is acknowledged. Raises Broken, Gone."""
        self._under_way, self._is_broken = 0, False
        while not self.stage.over.is_set() or position < self.next:
            await self._room(UNDER_WAY)
            count = self.random.randint(1, self._batch)
            if self.stage.over.is_set() or (position < self.next and self.random.random() < 0.5):
                count = min(count, max(1, self.next - position))
            lost = self._given_up(position)
            self._append(peer, position + lost, count, lost)
            position += lost + count
            self.next = max(self.next, position)
            await asyncio.sleep(self.random.expovariate(1 / self._pause_s))
        await self._room(1)

    def _given_up(self, position: int) -> int:
        """How many records are never sent, as by a producer without room; of new ones only."""
        is_new = position == self.next and self.unit == "records" and not self.stage.over.is_set()
        return 3 if is_new and self.random.random() < 0.02 else 0

    async def _room(self, limit: int) -> None:
        async with asyncio.timeout(ANSWER_S):
            while self._under_way >= limit and not self._is_broken:
                self._moved.clear()
                await self._moved.wait()
        if self._is_broken:
            raise Broken

    def _append(self, peer: Peer, number: int, count: int, lost: int) -> None:
        sent = Sent(self.stream, self.label, number, count, now_s())
        self.stage.history.sent.append(sent)
        self._under_way += 1

        def answered(answer: Message, _size: int) -> None:
            self._under_way -= 1
            self._moved.set()
            if answer[0] == ERROR:
                self._is_broken = True
                return
            told = answer[3][0]
            sent.acknowledged_s = now_s()
            sent.epoch, sent.first, sent.next = told["epoch"], told["first"], told["next"]

        records = [record_of(self.label, each) for each in range(number, number + count)]
        how: dict[str, Any] = {"producer": self.name, "term": self._term, **self.place_of(number)}
        if lost:
            how["lost"] = lost
        peer.send(48, {}, "fairlead.log.append", [self.stream, records], how, on_answer=answered)


class ByteProducer(Producer):
    """Knows its place in a source of bytes, of which each record is a line."""

    unit = "bytes"

    def __init__(self, stage: Stage, name: str, stream: str) -> None:
        super().__init__(stage, name, stream)
        self._offsets: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._end = (0, 0)

    def begin_epoch(self, seq: int) -> None:
        self._end = (self.next, seq)
        self._offsets, self._numbers = {self.next: seq}, {seq: self.next}

    def number_of(self, seq: int) -> int:
        return self._numbers.get(seq, min(self._offsets))

    def place_of(self, number: int) -> dict[str, int]:
        while number not in self._offsets:
            last, offset = self._end
            self._end = (last + 1, offset + len(text_of(self.label, last)) + len("\n"))
            self._numbers[self._end[1]], self._offsets[self._end[0]] = self._end
        return {"offset": self._offsets[number]}


class Contender(Producer):
    """Takes the name of a producer from whoever has it, with a term of its own parity, and numbers anew each time."""

    def __init__(self, stage: Stage, name: str, stream: str, parity: int) -> None:
        super().__init__(stage, "duel", stream)
        self.random = stage.random(name)
        self._parity = parity

    async def begin(self, peer: Peer) -> int:
        await asyncio.sleep(self.random.uniform(0, 0.3))
        async with asyncio.timeout(ANSWER_S):
            known = await create(peer, self.stream, producer=self.name)
        self._term = known["producer_term"] + 1
        self._term += self._term % 2 != self._parity
        self._epoch = known["epoch"]
        self.label = f"duel.{self._epoch}.{self._term}"
        self.next, self._shift = 0, -known["producer_seq"]
        return 0


class Flooder(Producer):
    """Sends more than its budget."""

    def __init__(self, stage: Stage, name: str, stream: str) -> None:
        super().__init__(stage, name, stream, batch=FLOOD, pause_s=0.25)


class Writer:
    """A LogWriter."""

    def __init__(self, stage: Stage, name: str, stream: str, spool: Path) -> None:
        self._stage = stage
        self._name = name
        self._stream = stream
        self._spool = spool

    async def play(self) -> None:
        random, label = self._stage.random(self._name), f"{self._name}.0"
        place = random.choice(self._stage.places)
        connection = Connection(place.url, token=place.admin)
        writer = LogWriter(connection, self._stream, producer=self._name, object=self._stream, spool=self._spool)
        mine: list[Sent] = []
        while not self._stage.over.is_set():
            number = len(mine)
            mine.append(Sent(self._stream, label, number, 1, now_s()))
            self._stage.history.sent.append(mine[-1])
            writer.write(SOURCES[number % 2], text_of(label, number))
            await asyncio.sleep(random.expovariate(1 / 0.02))
        if await writer.close(DRAIN_S) is None:
            for sent in mine:
                sent.acknowledged_s = now_s()
        await connection.close()
