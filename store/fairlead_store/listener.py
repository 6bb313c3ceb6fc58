"""A connection that hears what other processes notify (PostgreSQL's LISTEN), in the event loop and without a thread.

A wake-up, no truth: nothing is heard while the connection is lost, so who listens also looks by itself now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

RETRY_S = 1.0
"""Between two attempts to listen to a server that is away."""

_log = logging.getLogger(__name__)


class Listener:
    """Hears one channel until it is closed. Create it in the event loop."""

    def __init__(self, engine: sa.Engine, channel: str, heard: Callable[[str], None]) -> None:
        self._engine = engine
        self._channel = channel
        self._heard = heard
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Hear nothing more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connecting = loop.run_in_executor(None, self._connect)
            try:
                connection = await asyncio.shield(connecting)
            except sa.exc.DBAPIError as error:
                _log.debug("nothing can be heard from the database: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            except asyncio.CancelledError:
                connecting.add_done_callback(_close)
                raise
            try:
                await self._listen(connection)
            finally:
                _end(connection)

    def _connect(self) -> sa.Connection:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        connection.exec_driver_sql(f'LISTEN "{self._channel}"')
        return connection

    async def _listen(self, connection: sa.Connection) -> None:
        """Until the connection is lost."""
        loop = asyncio.get_running_loop()
        driver: Any = connection.connection.dbapi_connection
        descriptor, failure = driver.fileno(), self._engine.dialect.loaded_dbapi.Error
        lost: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            try:
                driver.pgconn.consume_input()
                while (notice := driver.pgconn.notifies()) is not None:
                    self._heard(notice.extra.decode())
            except failure:
                loop.remove_reader(descriptor)
                lost.set_result(None)

        loop.add_reader(descriptor, readable)
        try:
            await lost
        finally:
            loop.remove_reader(descriptor)


def _close(connecting: asyncio.Future[sa.Connection]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        _end(connecting.result())


def _end(connection: sa.Connection) -> None:
    """Whatever state it is in."""
    driver: Any = connection.connection.dbapi_connection
    driver.close()
    connection.invalidate()
    connection.close()
