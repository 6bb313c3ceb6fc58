"""A server's permissions as an import sees them: what there is, and changes to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fairlead_client.requests import Request
from fairlead_server.commands._asking import Asking, Change

if TYPE_CHECKING:
    from fairlead_client.autobahn_session import AutobahnSession
    from fairlead_client.runtime import Answer

EXPORT = "fairlead.authz.export"

WAITING_PAGES = 16
"""Of an export, when no more is read from the server until they are taken in."""


class Remote:
    """The server behind an open session, which must be an administrator's."""

    def __init__(self, ask: Asking, session: AutobahnSession) -> None:
        self._ask = ask
        self._session = session

    @property
    def actor(self) -> str:
        """Who we are there."""
        return str(self._session.session.authid)

    async def export(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        """The pages of `fairlead.authz.export`. Raises ClientError."""
        answers: asyncio.Queue[Answer] = asyncio.Queue()
        is_paused = False

        def arrived(answer: Answer) -> None:
            nonlocal is_paused
            answers.put_nowait(answer)
            if answers.qsize() >= WAITING_PAGES and not is_paused:
                is_paused = True
                self._session.pause()

        cancel = self._session.call(Request(EXPORT, (prefix,), wants_progress=True), arrived)
        answer = None
        try:
            while not (answer := await answers.get()).is_final:
                yield dict(answer.result)
                if is_paused and answers.empty():
                    is_paused = False
                    self._session.resume()
            if answer.error is not None:
                raise answer.error
        finally:
            if is_paused:
                self._session.resume()
            if answer is None or not answer.is_final:
                cancel()

    async def apply(self, changes: list[Change]) -> None:
        """Make the changes, all or none. Raises Refusal, and ClientError when the session is lost."""
        await self._ask.request(self._session, "apply", changes)

    async def would_end(self, changes: list[Change]) -> dict[str, Any]:
        """What the changes would end of what is live. Raises as `apply` does."""
        return await self._ask.request(self._session, "apply", changes, dry_run=True)
