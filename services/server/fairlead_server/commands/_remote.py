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
        cancel = self._session.call(Request(EXPORT, (prefix,), wants_progress=True), answers.put_nowait)
        answer = None
        try:
            while not (answer := await answers.get()).is_final:
                yield dict(answer.result)
            if answer.error is not None:
                raise answer.error
        finally:
            if answer is None or not answer.is_final:
                cancel()

    async def apply(self, changes: list[Change]) -> None:
        """Make the changes, all or none. Raises Refusal, and ClientError when the session is lost."""
        await self._ask.request(self._session, "apply", changes)

    async def would_end(self, changes: list[Change]) -> dict[str, Any]:
        """What the changes would end of what is live. Raises as `apply` does."""
        return await self._ask.request(self._session, "apply", changes, dry_run=True)
