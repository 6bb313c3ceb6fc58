"""One session that is opened again whenever it is lost, for all who want to make calls on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fairlead_client.backoff import Backoff
from fairlead_client.errors import REVOKING, Refused, Unreachable
from fairlead_client.runtime import Runtime, Session
from fairlead_client.shield import shielded
from fairlead_client.waiting import Waiting

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
        self._is_closed = False
        self._waiting = Waiting(runtime)

    async def session(self) -> Session:
        """The open session, else a new one: tries until there is one.

        Raises Refused when the router will have none, Unreachable when the connection was closed.
        """
        while self._session is None or not self._session.is_open:
            if self._is_closed:
                raise Unreachable("the connection is closed")
            if self._is_opening:
                await self._waiting.wait()
                continue
            self._is_opening = True
            try:
                await self._open()
            finally:
                self._is_opening = False
                self._waiting.ring()
        return self._session

    @property
    def current(self) -> Session | None:
        """The session, open or lost, if there was one."""
        return self._session

    def end(self) -> None:
        """Ends the session, if there is one."""
        if self._session is not None and self._session.is_open:
            self._session.end()

    def _closed(self) -> Session | None:
        """There will be no session any more: the last one, to take leave of."""
        self._is_closed = True
        session, self._session = self._session, None
        return session

    async def _open(self) -> None:
        if self._session is not None:
            await self._pause_after_loss()
        while not self._is_closed:
            try:
                session = await self._open_session()
            except Refused as error:
                if error.uri in FINAL_REFUSALS:
                    raise
                self._say_away(str(error))
            except Unreachable as error:
                self._say_away(str(error))
            else:
                self._opened(session)
                return
            await self._pause()

    def _opened(self, session: Session) -> None:
        if self._is_closed:  # meanwhile
            session.end()
            return
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
        self._waiting = Waiting(runtime)

    def joined(self, session: Session) -> None:
        """There is a session, the component's latest."""
        self._session = session
        self._waiting.ring()

    async def session(self) -> Session:
        """The open session, however long it takes until there is one."""
        while self._session is None or not self._session.is_open:
            await self._waiting.wait()
        return self._session
