"""Where the commands that follow logs get their sessions from.

A follower whose reader is slow reads no more from its session, so each has a connection of its own. What only reads
what is there makes one call at a time, and all share a session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fairlead_client import Unreachable
from fairlead_client.asyncio import AsyncioRuntime, Connection, connect, disconnect
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.connection import OnChange
from fairlead_client.runtime import Session, Sessions
from fairlead_server.commands._notes import note
from fairlead_server.connect import Server


@asynccontextmanager
async def one_for_all(server: Server, count: int) -> AsyncIterator[list[Sessions]]:
    """One session, as long as it lives: for who does not wait for a server that is away. Raises ClientError."""
    session = await connect(server.url, realm=server.realm, token=server.token)
    try:
        yield [_OneSession(session)] * count
    finally:
        await disconnect(session)


@asynccontextmanager
async def each_its_own(server: Server, count: int) -> AsyncIterator[list[Sessions]]:
    """Connections that are made again whenever they are lost; an outage of the server is told once."""
    outage = _Outage()
    connections = [
        Connection(server.url, realm=server.realm, token=server.token, on_change=outage.watcher(number))
        for number in range(count)
    ]
    try:
        yield [*connections]
    finally:
        for connection in connections:
            await connection.close()


class _OneSession:
    """Sessions of somebody who has one."""

    def __init__(self, session: AutobahnSession) -> None:
        self.runtime = AsyncioRuntime()
        self._session = session

    async def session(self) -> Session:
        """The session, as long as it lives."""
        if not self._session.is_open:
            raise Unreachable("the connection was lost")
        return self._session


class _Outage:
    """Which of several connections are away: the first to go and the last to come back are worth a word."""

    def __init__(self) -> None:
        self._away: set[int] = set()

    def watcher(self, number: int) -> OnChange:
        """For the connection of this number to tell its changes to."""

        def changed(reason: str | None) -> None:
            if reason is None:
                self._away.discard(number)
                if not self._away:
                    note("connected again")
            else:
                if not self._away:
                    note(f"{reason}; trying again")
                self._away.add(number)

        return changed
