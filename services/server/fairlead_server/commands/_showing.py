"""Shows several logs: first what is there, by time, then, if they are followed, what comes.

With one log that is the same with nothing to interleave.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from fairlead_client.follow import follow_items
from fairlead_client.following import Batch, Follower, Item, Revoked, Sealed
from fairlead_client.runtime import Sessions
from fairlead_server.commands._display import Display
from fairlead_server.commands._interleaving import as_they_come, by_time
from fairlead_server.commands._output import Output
from fairlead_server.commands._progress import Progress, share
from fairlead_server.commands._sifting import Sieve
from fairlead_server.errors import EXIT_REVOKED

LARGEST_STATUS = 255


@dataclass
class Log:
    """One log, and how far it is shown; `status` is what we end with because of it."""

    follower: Follower
    sieve: Sieve
    is_over: bool = False
    status: int = 0
    first: int | None = None

    def note(self, item: Item) -> None:
        """An item has come."""
        if isinstance(item, Sealed):
            self.is_over, self.status = True, _status(item.exit_code)
        elif isinstance(item, Revoked):
            self.is_over, self.status = True, EXIT_REVOKED
        elif isinstance(item, Batch) and self.first is None and item.records:
            self.first = item.seqs[0]


class Showing:
    """One run of the command."""

    def __init__(self, logs: Sequence[Log], display: Display, output: Output, progress: Progress) -> None:
        self._logs = logs
        self._display = display
        self._output = output
        self._progress = progress

    async def run(self, sessions: Sequence[Sessions], *, is_followed: bool) -> int:
        """Until all is shown: the status to end with. Raises ClientError."""
        async with AsyncExitStack() as stack:

            def items(number: int) -> AsyncGenerator[Item, None]:
                generator = follow_items(sessions[number], self._logs[number].follower)
                stack.push_async_callback(generator.aclose)
                return generator

            try:
                await self._show(by_time([items(number) for number in range(len(self._logs))]))
            finally:
                self._progress.end()
            going_on = [number for number, log in enumerate(self._logs) if is_followed and not log.is_over]
            for number in going_on:
                self._logs[number].follower.go_on()
            await self._show(as_they_come({number: items(number) for number in going_on}))
        return self._status(is_followed=is_followed)

    async def _show(self, items: AsyncGenerator[tuple[int, Item], None]) -> None:
        async with aclosing(items):
            async for number, item in items:
                log = self._logs[number]
                log.note(item)
                self._display.show(log.follower.stream, log.sieve.sifted(item) if isinstance(item, Batch) else item)
                self._progress.show(self._share())
                await self._output.room()

    def _share(self) -> str:
        done = total = 0
        for log in self._logs:
            cursor, end = log.follower.cursor, log.follower.end
            if log.first is not None and cursor is not None and end is not None:
                done += cursor.next - log.first
                total += end - log.first
        return share(done, max(done, total), "lines")

    def _status(self, *, is_followed: bool) -> int:
        """The first that is not 0, in the order in which the logs were given. Only who follows waits for their ends."""
        statuses = (log.status for log in self._logs if is_followed or log.status == EXIT_REVOKED)
        return next((status for status in statuses if status), 0)


def _status(exit_code: int | None) -> int:
    """The command's status as ours; one that no process can have is an error all the same."""
    if exit_code is None:
        return 0
    return exit_code if 0 <= exit_code <= LARGEST_STATUS else 1
