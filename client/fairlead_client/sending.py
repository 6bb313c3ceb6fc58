"""The loop that sends what a source has: calls for the state machine of `appending`, over as many sessions as it takes.

On the framework that the sessions are of. What syncs a disk, which may take its time, is done in a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fairlead_client.appending import Appender
from fairlead_client.errors import CANCELED, CallFailed, Refused, Unreachable
from fairlead_client.runtime import Answer, Sessions
from fairlead_client.source import Source

log = logging.getLogger(__name__)


class Sender:
    """Sends until everything is sealed, or refused for good, or `stop`; `on_answer` is called after each answer."""

    def __init__(self, sessions: Sessions, source: Source, on_answer: Callable[[], None] = lambda: None) -> None:
        self.runtime = sessions.runtime
        self.was_open = False
        self._sessions = sessions
        self._source = source
        self._appender = Appender(source)
        self._on_answered = on_answer
        self._news = self.runtime.wakeup()
        self._watchers: list[Callable[[], None]] = []
        self._is_saving = False
        self._is_stopped = False
        self._task = self.runtime.spawn(self._send())

    @property
    def unsent(self) -> int:
        """How much the service has not acknowledged."""
        return self._appender.unsent

    @property
    def is_idle(self) -> bool:
        """The service has acknowledged everything."""
        return self._appender.is_idle

    @property
    def failure(self) -> CallFailed | None:
        """The refusal that ended the sending for good."""
        return self._appender.failure

    @property
    def reason(self) -> str:
        """Why not everything is sent."""
        error = self._appender.last_error if self.failure is None else self.failure
        return "no server took it in time" if error is None else str(error)

    def ring(self) -> None:
        """The source has more."""
        self._news.set()

    def stop(self) -> None:
        """Sends no more."""
        self._is_stopped = True
        self._task.cancel()

    async def opened(self, timeout_s: float) -> bool:
        """Whether the service has accepted us within that time; False also when it refused (see `failure`)."""
        await self._wait_until(lambda: self.was_open or self._appender.is_finished, timeout_s)
        return self.was_open

    async def failed(self) -> CallFailed:
        """Waits for a refusal for good, perhaps for ever, and returns it."""
        await self._wait_until(lambda: self.failure is not None, None)
        assert self.failure is not None, "it was waited for"
        return self.failure

    async def drain(self, timeout_s: float) -> bool:
        """Waits until the service has everything; False when it did not within that time, or never will."""
        await self._wait_until(lambda: self._appender.is_idle or self._appender.is_finished, timeout_s)
        return self.is_idle

    # ------------------------------------------------------------ the loops

    async def _send(self) -> None:
        try:
            await self._send_all()
        except Exception as error:
            if self._is_stopped:  # Twisted's CancelledError is an Exception
                return
            self._appender.failure = CallFailed("fairlead.error.client", f"the writer failed: {error!r}")
            self._tell_watchers()
            raise

    async def _send_all(self) -> None:
        appender = self._appender
        while not appender.is_finished:
            try:
                session = await self._sessions.session()
            except Refused as error:
                appender.failure = CallFailed(error.uri, error.text)
                self._tell_watchers()
                break
            except Unreachable as error:  # the program has closed it
                appender.failure = CallFailed(CANCELED, str(error))
                self._tell_watchers()
                if appender.is_idle:
                    return
                break
            session.on_end(self._news.set)
            appender.connected()
            while session.is_open and not appender.is_finished:
                for request in appender.due(self.runtime.time_s()):
                    session.call(request, self._on_answer)
                await self._news.wait(appender.wait_s(self.runtime.time_s()))
            appender.disconnected()
        if appender.failure is not None:
            log.warning("the log %s takes no more: %s", self._source.meta.stream, appender.failure)

    def _on_answer(self, answer: Answer) -> None:
        if answer.error is None:
            self._appender.succeeded(answer.request, answer.result)
        elif isinstance(answer.error, CallFailed):
            self._appender.failed(answer.request, answer.error)
        self.was_open = self.was_open or (self._appender.is_open and self.failure is None)
        self._save_place()
        self._news.set()
        self._tell_watchers()

    def _save_place(self) -> None:
        if self._appender.must_save and not self._is_saving:
            self._is_saving = True
            self.runtime.in_thread(self._source.saving(), self._saved)

    def _saved(self, error: OSError | None) -> None:
        self._is_saving = False
        self._appender.saved(error)
        self._news.set()

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float | None) -> None:
        bell = self.runtime.wakeup()
        deadline_s = None if timeout_s is None else self.runtime.time_s() + timeout_s
        self._watchers.append(bell.set)
        try:
            while not condition():
                left_s = None if deadline_s is None else deadline_s - self.runtime.time_s()
                if left_s is not None and left_s <= 0:
                    return
                await bell.wait(left_s)
        finally:
            self._watchers.remove(bell.set)

    def _tell_watchers(self) -> None:
        for tell in self._watchers:
            tell()
        self._on_answered()
