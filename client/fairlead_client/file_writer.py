"""The FileWriter: a growing file becomes a stream, exactly, without a copy of it.

    writer = FileWriter(connection, "my-stream", "app", Path("/var/log/app.log"), Path("/var/lib/agent/app.log"))
    ...
    await writer.close()

Where the service stands in the file it says itself: a program that was killed goes on there. See `tailing` for files
that are rotated or truncated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from fairlead_client.errors import CallFailed
from fairlead_client.runtime import Sessions
from fairlead_client.sending import Sender
from fairlead_client.spooling import About, meta_of
from fairlead_client.tailing import FileTail

# How often the file is looked at: what a reader feels as immediate, for a few system calls.
POLL_S = 0.25
LINGER_S = 60.0


class FileWriter:
    """Sends a file as the records of one source; `directory` keeps the place, and must outlive the program.

    The keywords of `About` tell more of a new stream; `spool` and `limit_bytes` mean nothing here. Raises SpoolError
    where the place cannot be kept.
    """

    def __init__(
        self,
        sessions: Sessions,
        stream: str,
        source: str,
        path: Path,
        directory: Path,
        **about: Unpack[About],
    ) -> None:
        self.tail = FileTail(path, source, directory, meta_of(stream, unit="bytes", **about))
        self._sender = Sender(sessions, self.tail)
        self._polling = sessions.runtime.spawn(self._poll())

    @property
    def unsent_bytes(self) -> int:
        """How much of the file the service has not acknowledged."""
        return self._sender.unsent

    @property
    def failure(self) -> CallFailed | None:
        """The refusal that ended the sending for good."""
        return self._sender.failure

    async def opened(self, timeout_s: float) -> bool:
        """Whether the service has accepted us within that time; False also when it refused (see `failure`)."""
        return await self._sender.opened(timeout_s)

    async def drain(self, timeout_s: float) -> bool:
        """Waits until the service has all that is in the file now; a last line without an end is waited for, too."""
        return await self._sender.drain(timeout_s)

    async def finish(self, timeout_s: float, exit_code: int | None = None, reason: str | None = None) -> bool:
        """Nothing follows: sends the rest and seals the stream; False when that did not succeed in time."""
        self.tail.finish({"exit_code": exit_code, "reason": reason})
        self._sender.ring()
        return await self.drain(timeout_s)

    async def close(self, linger_s: float = LINGER_S) -> bool:
        """Sends what there is and stops; the place is kept. Returns whether everything was sent."""
        is_done = await self.drain(linger_s)
        self._sender.stop()
        self._polling.cancel()
        self.tail.close()
        return is_done

    async def _poll(self) -> None:
        while True:
            await self._sender.runtime.wakeup().wait(POLL_S)
            self._sender.ring()
