"""Calls of the log service by coroutines that run on either framework."""

from __future__ import annotations

from collections import deque
from typing import Any

from fairlead_client.backoff import Backoff
from fairlead_client.errors import PASSING, CallFailed
from fairlead_client.requests import Request, Result
from fairlead_client.runtime import Answer, Runtime, Session, Sessions

# Answers that wait for whoever iterates before we stop reading: 4 MiB at most, as each is under 256 KiB.
WAITING_ANSWERS = 16


async def ask(sessions: Sessions, procedure: str, *args: Any, **kwargs: Any) -> Result:
    """The result of a call that may be repeated, over as many sessions as it takes. Raises CallFailed, Refused."""
    backoff = Backoff()
    while True:
        session = await sessions.session()
        call = Calling(sessions.runtime, session, Request(procedure, args, kwargs))
        try:
            answer = (await call.answers())[-1]
        finally:
            call.cancel()
        if answer.error is None:
            return answer.result
        if isinstance(answer.error, CallFailed) and answer.error.uri not in PASSING:
            raise answer.error
        if session.is_open:
            await sessions.runtime.wakeup().wait(backoff.next_s())


class Calling:
    """One call under way, and the answers that wait to be looked at."""

    def __init__(self, runtime: Runtime, session: Session, request: Request) -> None:
        self.is_over = False
        self._session = session
        self._bell = runtime.wakeup()
        self._answers: deque[Answer] = deque()
        self._is_paused = False
        self._is_answered = False
        self._cancel = session.call(request, self._on_answer)

    async def answers(self) -> list[Answer]:
        """What has come since the last time, at least one."""
        if self._is_paused:
            self._is_paused = False
            self._session.resume()
        while not self._answers:
            await self._bell.wait()
        answers = [*self._answers]
        self._answers.clear()
        self.is_over = answers[-1].is_final
        return answers

    def cancel(self) -> None:
        """Wants no more answers."""
        if self._is_paused:
            self._session.resume()
        if not self._is_answered:
            self._is_answered = True
            self._cancel()
        self._answers.clear()

    def _on_answer(self, answer: Answer) -> None:
        if self._is_answered:
            return
        self._is_answered = answer.is_final
        self._answers.append(answer)
        self._bell.set()
        if len(self._answers) >= WAITING_ANSWERS and not self._is_paused and not answer.is_final:
            self._is_paused = True
            self._session.pause()
