"""`watch` and `View`: records and every change of them, for whoever iterates, or as a picture that stays current."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Self, Unpack

from fairlead_client.backoff import Backoff
from fairlead_client.calling import Calling
from fairlead_client.conversing import converse
from fairlead_client.errors import ClientError, Unreachable
from fairlead_client.requests import MARK, Request
from fairlead_client.runtime import Session, Sessions, Task
from fairlead_client.waiting import Waiting
from fairlead_client.watching import Entry, Item, Marked, Watcher, Watching, Whole


def watch(sessions: Sessions, *, bookmark: str | None = None, **query: Unpack[Watching]) -> AsyncGenerator[Item, None]:
    """The records that a query wants, then every change of them, without end.

    Goes on by itself after lost sessions. Items are Added, Changed, Removed; Whole when the picture is whole; Anew when
    the service began anew, and what follows is what is different. The last one is Revoked, if the session's user loses
    its right to be there. Raises CallFailed for a query that is none, Refused when there is no right to join.
    """
    return converse(sessions, Watcher(bookmark, None, **query))


class View:
    """A picture that is always current: `entries` by id. Enter it, or `start` and `stop` it.

    `on_item` hears every item, after the picture has it. What ends the watch is raised by whoever waits for something.
    """

    def __init__(
        self, sessions: Sessions, on_item: Callable[[Item], object] | None = None, **query: Unpack[Watching]
    ) -> None:
        self._sessions = sessions
        self._watcher = Watcher(None, None, **query)
        self._on_item = on_item
        self._waiting = Waiting(sessions.runtime)
        self._task: Task | None = None
        self._failure: Exception | None = None
        self._whole_on: Session | None = None
        self._marked: set[str] = set()
        self._marks = 0

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What there is, as far as it has been told."""
        return self._watcher.entries

    @property
    def is_whole(self) -> bool:
        """Whether it has been whole on the session that there is now."""
        session = self._watcher.session
        return session is not None and session.is_open and self._whole_on is session

    def start(self) -> None:
        """Watch from now on."""
        self._task = self._sessions.runtime.spawn(self._run())

    def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def wait_whole(self) -> None:
        """Until it is whole on an open session. Raises what ended the watch."""
        while not self.is_whole:
            await self._news()

    async def wait_fresh(self) -> None:
        """Until it has everything that was acknowledged before the call, whatever sessions are lost meanwhile."""
        before = self._watcher.session
        backoff = Backoff()
        while True:
            await self.wait_whole()
            session = self._watcher.session
            assert session is not None
            if session is not before or await self._mark(session):
                return
            await self._sessions.runtime.wakeup().wait(backoff.next_s())

    async def wait_change(self, timeout_s: float | None = None) -> None:
        """Until there is news, or so long. Raises what ended the watch."""
        await self._news(timeout_s)

    async def __aenter__(self) -> Self:
        self.start()
        await self.wait_whole()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def _run(self) -> None:
        try:
            async for item in converse(self._sessions, self._watcher):
                self._take(item)
            self._failure = Unreachable("the watch has ended: there is no right to it any more")
        except ClientError as error:
            self._failure = error
        finally:
            self._waiting.ring()

    def _take(self, item: Item) -> None:
        if isinstance(item, Whole):
            self._whole_on = self._watcher.session
        elif isinstance(item, Marked):
            self._marked.add(item.token)
        if self._on_item is not None:
            self._on_item(item)
        self._waiting.ring()

    async def _mark(self, session: Session) -> bool:
        """Have the service say when it has told everything. False: not now, or the session was lost meanwhile."""
        self._marks += 1
        token = str(self._marks)
        request = Request(MARK, (self._watcher.number, token))
        call = Calling(self._sessions.runtime, session, request)
        try:
            answer = (await call.answers())[-1]
        finally:
            call.cancel()
        if answer.error is not None:
            return False
        while token not in self._marked:
            if self._watcher.session is not session or not session.is_open:
                return False
            await self._news(1.0)
        self._marked.discard(token)
        return True

    async def _news(self, timeout_s: float | None = None) -> None:
        if self._failure is not None:
            raise self._failure
        await self._waiting.wait(timeout_s)
        if self._failure is not None:
            raise self._failure
