"""A light WAMP session for the loads: calls that are answered in any order, nothing parsed but the request id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from bench.load.dialects.wamp import TEXT, Session, UnexpectedMessageError, join

RESULT = b"[50,"
ERROR = b"[8,48,"
Answer = Callable[[bytes], None]


class Caller(Session):
    """A session that calls; `answer` of a call gets its RESULT, as bytes. An ERROR ends the run."""

    def __init__(self) -> None:
        super().__init__(self._lost)
        self._answers: dict[int, Answer] = {}
        self._number = 10  # below: what `request` numbers
        self.failure: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """Gets an exception when the session is lost or a call fails."""

    def call(self, procedure: bytes, arguments: bytes, answer: Answer, options: bytes = b"{}") -> int:
        """`arguments` are args and kwargs, a comma between."""
        self._number = number = self._number + 1
        self._answers[number] = answer
        self.transport.send(TEXT, b'[48,%d,%b,"%b",%b]' % (number, options, procedure, arguments))
        return number

    async def result(self, procedure: bytes, arguments: bytes) -> Any:
        """The first argument of the answer."""
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.call(procedure, arguments, got.set_result)
        done, _ = await asyncio.wait((got, self.failure), return_when=asyncio.FIRST_COMPLETED)
        return msgspec.json.decode(done.pop().result())[3][0]

    def received(self, message: bytes) -> None:
        if message.startswith(RESULT):
            number = int(message[4 : message.index(b",", 4)])
            answers = self._answers
            answer = answers[number] if b'"progress":true' in message[:60] else answers.pop(number)
            answer(message)
        else:
            self._fail(message.decode(errors="replace")[:500])

    def _lost(self) -> None:
        self._fail("the server closed the connection")

    def _fail(self, text: str) -> None:
        if not self.failure.done():
            self.failure.set_exception(UnexpectedMessageError(text))


async def caller(url: str) -> Caller:
    """A joined one."""
    return await join(url, Caller())
