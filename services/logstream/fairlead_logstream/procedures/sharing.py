"""The procedures of a service whose store other servers write too: they look there before they answer.

A stream that the directory does not know may be another server's; one that it knows may have gone on. Who writes need
not look at the latter: the fence of the store does, whatever comes of the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import Any

from fairlead_common.errors import StoreFailed
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.elsewhere import Elsewhere, Look
from fairlead_logstream.procedures.arguments import stream_of
from fairlead_router import PENDING, Call

Procedure = Callable[[Call], Any]

FENCED = frozenset({"create", "update", "append", "seal", "delete"})
"""Those that go through the appender, whose writes are fenced; the others answer from what is in memory."""


class Sharing:
    """Makes procedures look first."""

    def __init__(self, directory: Directory, elsewhere: Elsewhere) -> None:
        self._directory = directory
        self._elsewhere = elsewhere

    def looking(self, name: str, procedure: Procedure) -> Procedure:
        """The same procedure, behind a look."""
        return partial(self._write if name in FENCED else self._read, procedure)

    def _write(self, procedure: Procedure, call: Call) -> Any:
        stream = stream_of(call)
        if stream is None or not self._elsewhere.is_to_be_found(stream):
            return procedure(call)
        return self._after(self._elsewhere.find(stream), procedure, call)

    def _read(self, procedure: Procedure, call: Call) -> Any:
        stream = stream_of(call)
        if stream is None:
            return procedure(call)
        live = self._directory.get(stream)
        look = self._elsewhere.find(stream) if live is None else self._elsewhere.look(live)
        return self._after(look, procedure, call)

    async def _after(self, look: Look, procedure: Procedure, call: Call) -> Any:
        error = await asyncio.shield(look)
        if not call.is_open:
            return PENDING
        if isinstance(error, StoreFailed):
            raise error
        result = procedure(call)
        return await result if isawaitable(result) else result
