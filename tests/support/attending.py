"""Raw clients that live: they read all the time, answer pings, and know which answer belongs to which request.

    async with await join(port, "rawsocket") as client:
        answer = await client.ask(32, {}, "com.x")      # [33, 1, 4711]
        print(client.others)                            # [[36, 4711, ...]]

Leaving one closes its connection without a word.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

from fairlead_router.transcode import Codec
from support.wamp import PING, PONG, RAW_PING, RAW_PONG, Client, ClosedError, RawSocketClient, Where, raw_frame

ERROR, EVENT = 8, 36
ANSWERS = frozenset((17, 33, 35, 50, 65, 67))
"""PUBLISHED, SUBSCRIBED, UNSUBSCRIBED, RESULT, REGISTERED, UNREGISTERED: their second field is the request's id."""


class LivingClient(Client):
    """Over WebSocket."""

    async def receive_frame(self) -> tuple[int, bytes]:
        opcode, payload = await super().receive_frame()
        if opcode == PING:
            self.send_frame(PONG, payload)
        return opcode, payload


class LivingRawSocketClient(RawSocketClient):
    """Over RawSocket."""

    async def receive_frame(self) -> tuple[int, bytes]:
        kind, payload = await super().receive_frame()
        if kind == RAW_PING:
            self.writer.write(raw_frame(RAW_PONG, payload))
        return kind, payload


CLIENTS: dict[str, type[Client]] = {"websocket": LivingClient, "rawsocket": LivingRawSocketClient}


class Attended:
    """Reads its client from entering to leaving; then the connection is closed without a word."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.others: list[list[Any]] = []
        """What has come that answers no request."""
        self.end: ClosedError | None = None
        self.ended = asyncio.Event()
        self.last_request = 0
        self._answers: dict[int, asyncio.Future[list[Any]]] = {}
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def join(cls, where: Where, transport: str = "websocket", codec: Codec = "json", **how: Any) -> Self:
        """One with an open session, by the name of its transport."""
        client = await CLIENTS[transport].connect(where, codec, **how)
        await client.join()
        return cls(client)

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reading is not None
        self.stop_attending()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.client.close()

    def start(self, kind: int, *fields: Any) -> asyncio.Future[list[Any]]:
        """Send a request, its id added; its answer is a future. Raises ClosedError, as the future does."""
        if self.end is not None:
            raise self.end
        request = self.next_request()
        answer = self._answers[request] = asyncio.get_running_loop().create_future()
        self.client.send([kind, request, *fields])
        return answer

    def next_request(self) -> int:
        """The id of another request, whose answer, if there is one, goes to `hear`."""
        self.last_request += 1
        return self.last_request

    async def ask(self, kind: int, *fields: Any) -> list[Any]:
        """A request and its answer. Raises ClosedError."""
        return await self.start(kind, *fields)

    def hear(self, message: list[Any]) -> None:
        """Something has come that answers no request."""
        self.others.append(message)

    def stop_attending(self) -> None:
        """Read no more, and answer no PING."""
        assert self._reading is not None
        self._reading.cancel()

    @property
    def events(self) -> list[Any]:
        """The first argument of each event that has come."""
        return [message[4][0] for message in self.others if message[0] == EVENT]

    async def _read(self) -> None:
        try:
            while True:
                self._take(await self.client.receive())
        except (ClosedError, OSError) as error:  # TLS and timeouts of the kernel have errors of their own
            self.end = error if isinstance(error, ClosedError) else ClosedError(0, str(error))
            self.ended.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self.end)
                answer.exception()  # whoever waits is told; that nobody does is no mistake

    def _take(self, message: list[Any]) -> None:
        request = message[2] if message[0] == ERROR else message[1] if message[0] in ANSWERS else 0
        answer = None if _is_progress(message) else self._answers.pop(request, None)
        if answer is None:
            self.hear(message)
        elif not answer.done():
            answer.set_result(message)


join = Attended.join


def _is_progress(message: list[Any]) -> bool:
    return message[0] == 50 and bool(message[2].get("progress"))
