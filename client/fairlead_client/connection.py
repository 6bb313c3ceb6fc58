"""One session that is opened again whenever it is lost, for all who want to make calls on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fairlead_client.backoff import Backoff
from fairlead_client.errors import REVOKING, Refused, Unreachable
from fairlead_client.runtime import Runtime, Session, Wakeup
from fairlead_client.shield import shielded

# An ABORT with another reason (the router is starting, stopping, full) is worth another attempt.
FINAL_REFUSALS = REVOKING | {"wamp.error.no_such_realm", "wamp.error.no_matching_auth_method"}

OnChange = Callable[[str | None], None]


class Connection:
    """Keeps a session. `on_change` hears None when there is one again, else why there is none, once an outage."""

    def __init__(
        self, runtime: Runtime, open_session: Callable[[], Awaitable[Session]], on_change: OnChange | None = None
    ) -> None:
        self.runtime = runtime
        self._open_session = open_session
        self._on_change = on_change
        self._session: Session | None = None
        self._backoff = Backoff()
        self._last_delay_s = 0.0
        self._opened_s = runtime.time_s()
        self._is_opening = False
        self._is_away = False
        self._waiting: list[Wakeup] = []

    async def session(self) -> Session:
        """The open session, else a new one: tries until there is one. Raises Refused when the router will have none."""
        while self._session is None or not self._session.is_open:
            if self._is_opening:
                bell = self.runtime.wakeup()
                self._waiting.append(bell)
                await bell.wait()
                continue
            self._is_opening = True
            try:
                await self._open()
            finally:
                self._is_opening = False
                waiting, self._waiting = self._waiting, []
                for bell in waiting:
                    bell.set()
        return self._session

    @property
    def current(self) -> Session | None:
        """The session, open or lost, if there was one."""
        return self._session

    def end(self) -> None:
        """Ends the session, if there is one."""
        if self._session is not None and self._session.is_open:
            self._session.end()

    async def _open(self) -> None:
        if self._session is not None:
            await self._pause_after_loss()
        while True:
            try:
                session = await self._open_session()
            except Refused as error:
                if error.uri in FINAL_REFUSALS:
                    raise
                self._say_away(str(error))
            except Unreachable as error:
                self._say_away(str(error))
            else:
                break
            await self._pause()
        self._session, self._opened_s = session, self.runtime.time_s()
        if self._is_away:
            self._is_away = False
            self._say(None)

    async def _pause_after_loss(self) -> None:
        """A session that lived for longer than we last waited ends the series of attempts; a router that accepts us
        and drops us at once does not.
        """
        self._session = None
        self._say_away("the connection was lost")
        if self.runtime.time_s() - self._opened_s > self._last_delay_s:
            self._backoff.reset()
        await self._pause()

    async def _pause(self) -> None:
        self._last_delay_s = self._backoff.next_s()
        await self.runtime.wakeup().wait(self._last_delay_s)

    def _say_away(self, reason: str) -> None:
        if not self._is_away:
            self._is_away = True
            self._say(reason)

    def _say(self, reason: str | None) -> None:
        if self._on_change is not None:
            shielded(self._on_change, reason)


class GivenSessions:
    """For a program whose own Autobahn component joins and rejoins: tell it of each session, and it is used."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._session: Session | None = None
        self._waiting: list[Wakeup] = []

    def joined(self, session: Session) -> None:
        """There is a session, the component's latest."""
        self._session = session
        waiting, self._waiting = self._waiting, []
        for bell in waiting:
            bell.set()

    async def session(self) -> Session:
        """The open session, however long it takes until there is one."""
        while self._session is None or not self._session.is_open:
            bell = self.runtime.wakeup()
            self._waiting.append(bell)
            await bell.wait()
        return self._session
