"""One client of a play: a session on a real socket that asks; what it hears goes to whom it is for, in order."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any, Self

from histories.record import RECEIVE_BUFFER_BYTES
from support.core import EVERY_FEATURE
from support.wamp import Client, ClosedError, RawSocketClient, Where

WELCOME, ABORT, GOODBYE, ERROR, RESULT, EVENT, UNSUBSCRIBED = 2, 3, 6, 8, 50, 36, 35
PROGRESS = "progress"

FAREWELL_S = 5.0

Message = list[Any]

now_s = time.monotonic


class Refused(Exception):
    """ABORT, or ERROR: its URI."""


class Gone(Exception):
    """The connection is gone, or the session."""


class Peer:
    """See the module. `on_other` gets what answers nothing: events, notices, GOODBYE."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.is_open = True
        self.on_other: Callable[[Message, int], None] = lambda message, size: None
        self._numbers = itertools.count(1)
        self._answers: dict[int, Callable[[Message, int], None]] = {}
        self._waiting: set[asyncio.Future[Message]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()

    @classmethod
    async def join(cls, where: Where, token: str, *, is_raw: bool = False, tells_by_event: bool = False) -> Self:
        """Raises Refused when the token is not valid, Gone when nobody listens."""
        kind = RawSocketClient if is_raw else Client
        codec: Any = "cbor" if is_raw else "json"
        try:
            client = await kind.connect(where, codec, receive_buffer=RECEIVE_BUFFER_BYTES)
        except (OSError, asyncio.IncompleteReadError, ClosedError) as error:
            raise Gone from error
        roles = {**EVERY_FEATURE, "subscriber": {}} if tells_by_event else EVERY_FEATURE
        try:
            welcome = await client.ask([1, "realm1", {"roles": roles, "authmethods": ["ticket"]}])
            if welcome[0] == 4:
                welcome = await client.ask([5, token, {}])
        except (ClosedError, ConnectionError) as error:
            await client.close()
            raise Gone from error
        if welcome[0] != WELCOME:
            await client.close()
            raise Refused(welcome[2])
        peer = cls(client)
        peer._reading = asyncio.create_task(peer._read())
        return peer

    async def leave(self, *, politely: bool = True) -> None:
        """With GOODBYE, or as a broken connection. Raises what went wrong with what came."""
        if politely and self._is_connected:
            self.client.send([GOODBYE, {}, "wamp.close.close_realm"])
        else:
            self.client.reset()
        assert self._reading is not None
        self.read_on()
        await asyncio.wait([self._reading], timeout=FAREWELL_S)
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self.client.close()
        if not self._reading.cancelled() and (error := self._reading.exception()) is not None:
            raise error

    @property
    def _is_connected(self) -> bool:
        return self.is_open and not self.client.writer.is_closing()

    def send(self, type_: int, *rest: Any, on_answer: Callable[[Message, int], None]) -> int:
        """A request. Its answers are handed on in the moment in which they come, before what comes behind them."""
        if not self._is_connected:
            raise Gone
        number = next(self._numbers)
        self._answers[number] = on_answer
        self.client.send([type_, number, *rest])
        return number

    async def ask(self, type_: int, *rest: Any, on_answer: Callable[[Message], None] = lambda answer: None) -> Message:
        """A request, and its answer. Raises Refused and Gone."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def answered(answer: Message, _size: int) -> None:
            on_answer(answer)
            if not future.done():
                future.set_result(answer)

        self.send(type_, *rest, on_answer=answered)
        self._waiting.add(future)
        try:
            answer = await future
        finally:
            self._waiting.discard(future)
        if answer[0] == ERROR:
            raise Refused(answer[4])
        return answer

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The one dict of a call's result. Raises Refused and Gone."""
        result: dict[str, Any] = (await self.ask(48, {}, procedure, list(args), kwargs))[3][0]
        return result

    def stop_reading(self) -> None:
        """Look at nothing, so that the buffers fill up, this process's first."""
        self._may_read.clear()

    def read_on(self) -> None:
        self._may_read.set()

    # ---- what comes ----

    async def _read(self) -> None:
        try:
            while self.is_open:
                await self._may_read.wait()
                before = self.client.bytes_received
                message = await self.client.receive()
                self._take(message, self.client.bytes_received - before)
        except ClosedError:
            pass
        finally:
            self.is_open = False
            for future in self._waiting:
                if not future.done():
                    future.set_exception(Gone())

    def _take(self, message: Message, size: int) -> None:
        number = message[2] if message[0] == ERROR else message[1]
        if message[0] in (EVENT, GOODBYE) or number not in self._answers:
            self.on_other(message, size)
            if message[0] == GOODBYE:
                self.is_open = False
            return
        has_more = message[0] == RESULT and message[2].get(PROGRESS)
        answer = self._answers[number] if has_more else self._answers.pop(number)
        answer(message, size)
