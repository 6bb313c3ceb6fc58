"""Who reads over sessions: `follow`, also with a filter; waiting reads; the topic; consumers with a named cursor."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

from histories.logs.record import Item, Run
from histories.logs.stage import Place, Stage, seen_in
from histories.peer import ERROR, EVENT, UNSUBSCRIBED, Gone, Message, Peer, Refused, now_s

NOT_AUTHORIZED = "wamp.error.not_authorized"
ANSWER_S = 4.0
STAYS_S = (0.4, 3.0)
"""How long a session lasts before its client leaves, or breaks off."""

SLEEPS_S = (0.3, 1.0)
"""How long a slow one does not read."""

POLL_S = 0.02
WAIT_S = 1
COMMIT_EVERY = 3


class Reader:
    """Has a cursor, and goes on there in one session after the other."""

    def __init__(self, stage: Stage, name: str, user: str, stream: str, source: str | None = None) -> None:
        self.stage = stage
        self.name = name
        self.user = user
        self.stream = stream
        self.source = source
        self.random: Random = stage.random(name)
        self.cursor: tuple[int, int] | None = None
        """Epoch and position."""
        stage.history.stayed[name] = stream

    async def play(self) -> None:
        """Until the stage is closed."""
        while not self.stage.closing.is_set():
            place = self.random.choice(self.stage.places)
            with suppress(Gone, Refused, TimeoutError):
                await self.visit(place)
            await asyncio.sleep(POLL_S)

    async def visit(self, place: Place) -> None:
        """One session. Raises Gone, Refused, TimeoutError."""
        peer = await place.joined(place.tokens[self.user], is_raw=self.random.random() < 0.5)
        try:
            await self.read(peer, now_s() + self.random.uniform(*STAYS_S))
        finally:
            await peer.leave(politely=self.random.random() < 0.5)

    async def read(self, peer: Peer, until_s: float) -> None:
        """Until this time, or for as long as it may."""
        raise NotImplementedError

    @property
    def is_at_rest(self) -> bool:
        """Whether it has come to the head, once that is known."""
        return self.cursor is not None and self.cursor == self.stage.heads.get(self.stream)

    # ---- what the kinds share

    def new_run(self) -> Run:
        """From the cursor on."""
        epoch, start = self.cursor or (None, None)
        run = Run(self.name, self.user, self.stream, now_s(), epoch, start, self.source)
        self.stage.history.runs.append(run)
        return run

    def where(self) -> dict[str, Any]:
        """Arguments that say where to begin, and what to leave out."""
        sources = {} if self.source is None else {"sources": [self.source]}
        return sources if self.cursor is None else {"epoch": self.cursor[0], "start": self.cursor[1], **sources}

    def take(self, run: Run, told: dict[str, Any], size: int) -> None:
        """A dict of the wire: remember it, and move the cursor."""
        for item in items_of(told, self.cursor, size):
            run.items.append(item)
            self.cursor = (item.epoch, item.next)

    async def stay(self, peer: Peer, ended: asyncio.Event, until_s: float) -> None:
        """Listen to what comes by itself; now and then do not even read."""
        while peer.is_open and not ended.is_set() and not self.stage.closing.is_set():
            if now_s() > until_s and not self.stage.over.is_set():
                return
            if self.random.random() < 0.02 and not self.stage.over.is_set():
                peer.stop_reading()
                await asyncio.sleep(self.random.uniform(*SLEEPS_S))
                peer.read_on()
            await asyncio.sleep(POLL_S)


class FollowReader(Reader):
    """`fairlead.log.follow`."""

    async def read(self, peer: Peer, until_s: float) -> None:
        run, ended = self.new_run(), asyncio.Event()

        def answered(answer: Message, size: int) -> None:
            if answer[0] == ERROR:
                _refused(run, answer[4])
                ended.set()
            else:
                self.take(run, answer[3][0], size)

        where = {**self.where(), "heartbeat_s": 1}
        peer.send(48, {"receive_progress": True}, "fairlead.log.follow", [self.stream], where, on_answer=answered)
        await self.stay(peer, ended, until_s)


class PageReader(Reader):
    """`fairlead.log.read`, which waits at the head."""

    async def read(self, peer: Peer, until_s: float) -> None:
        while (now_s() < until_s or self.stage.over.is_set()) and not self.stage.closing.is_set():
            await self.page(peer, self.new_run())

    async def page(self, peer: Peer, run: Run) -> None:
        """One page."""
        before = peer.client.bytes_received
        try:
            async with asyncio.timeout(ANSWER_S):
                page = await peer.call("fairlead.log.read", self.stream, limit=50, wait_s=WAIT_S, **self.where())
        except Refused as error:
            _refused(run, str(error))
            raise
        self.take(run, page, peer.client.bytes_received - before)


class Consumer(PageReader):
    """Keeps its cursor in the service, and after a loss does again what it has not committed."""

    async def read(self, peer: Peer, until_s: float) -> None:
        async with asyncio.timeout(ANSWER_S):
            try:
                known = await peer.call("fairlead.log.cursor", self.stream, self.name)
                self.cursor = known["epoch"], known["next"]
            except Refused as error:
                if str(error) != "fairlead.error.no_such_cursor":
                    raise
                self.cursor = None
        while (now_s() < until_s or self.stage.over.is_set()) and not self.stage.closing.is_set():
            run = self.new_run()
            await self.page(peer, run)
            if self.cursor is not None and self.random.randrange(COMMIT_EVERY) == 0:
                await self._commit(peer, run)

    async def _commit(self, peer: Peer, run: Run) -> None:
        assert self.cursor is not None
        epoch, position = self.cursor
        async with asyncio.timeout(ANSWER_S):
            await peer.call("fairlead.log.commit", self.stream, self.name, position, epoch)
        run.committed = position


class TopicReader(Reader):
    """The topic, with the recent history at first and from the cursor on later."""

    async def read(self, peer: Peer, until_s: float) -> None:
        run, ended = self.new_run(), asyncio.Event()

        def hear(message: Message, size: int) -> None:
            told = message[4][0] if message[0] == EVENT else {}
            if message[0] == UNSUBSCRIBED or "revoked" in told:
                _refused(run, NOT_AUTHORIZED)
                ended.set()
            elif told:
                self.take(run, told, size)

        peer.on_other = hear
        options: dict[str, Any] = {"get_retained": True}
        if self.cursor is not None:
            options = {"_fairlead_epoch": self.cursor[0], "_fairlead_start": self.cursor[1]}
        try:
            async with asyncio.timeout(ANSWER_S):
                await peer.ask(32, options, f"fairlead.stream.{self.stream}")
        except Refused as error:
            _refused(run, str(error))
            raise
        await self.stay(peer, ended, until_s)


def items_of(told: dict[str, Any], cursor: tuple[int, int] | None, size: int) -> list[Item]:
    """What a dict of the wire says, in order. A head does not say of which epoch: without a cursor it says nothing."""
    at_s, items = now_s(), []
    epoch = told.get("epoch") or (cursor or (0, 0))[0]
    if "reset" in told:
        reset = told["reset"]
        epoch = reset["epoch"]
        items.append(Item(at_s, "reset", epoch, reset["next"], reset["next"]))
    if "lagged" in told:
        items.append(Item(at_s, "lagged", epoch, told["lagged"]["from"], told["lagged"]["to"]))
    if "records" in told:
        records = seen_in(told["first"], told["records"], told.get("seqs"))
        items.append(Item(at_s, "records", epoch, told["first"], told["next"], records, size))
    elif "head" in told and epoch:
        items.append(Item(at_s, "head", epoch, told["head"], told["head"]))
    return items


def _refused(run: Run, uri: str) -> None:
    """It was told that it has no right; another error just ends the run."""
    if uri == NOT_AUTHORIZED:
        run.refused_s = min(run.refused_s, now_s())
