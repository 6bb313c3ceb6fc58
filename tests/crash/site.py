"""A log service that clients reach over WebSocket, in this process; it can go away and come back on the same port."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from fairlead_logstream import LogService
from fairlead_router import Member, Principal, Realm, Router


def database_in(root: Path) -> str:
    """The URL of the database that a stage has there, in a directory that it makes itself."""
    return f"sqlite:///{root}/data/store.sqlite"


class Site:
    """A router with a log service on a store. Enter it, or `start` and `stop` it, as often as you like."""

    def __init__(self, database_url: str) -> None:
        self.realm: Realm
        self._database_url = database_url
        self._port = 0
        self._router: Router | None = None
        self._logs: LogService | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it has been started."""
        return f"ws://127.0.0.1:{self._port}/ws"

    def join(self) -> Member:
        """Somebody in this process who may call it."""
        return self.realm.join(Principal("reader", "user"))

    async def start(self) -> None:
        logs = await LogService.open(self._database_url)
        self._router, self._logs = Router(), logs
        self.realm = self._router.add_realm("realm1")
        logs.bind(self.realm)
        self._port = (await self._router.listen(f"tcp://127.0.0.1:{self._port}")).port

    async def stop(self) -> None:
        router, logs, self._router, self._logs = self._router, self._logs, None, None
        if router is not None and logs is not None:
            await router.close()
            await logs.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
