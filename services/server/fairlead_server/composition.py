"""A server put together: router, permissions, logs, records and HTTP on one port, over one data directory.

    server = await Server.open(config)
    ... server.port ...
    await server.close()

Whatever fails while it opens is undone and raised as one CommandError. The port is bound last: who can connect finds
everything there, so `/health` is true from its first answer.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from aiohttp import web

from fairlead_authz import Authz, Put
from fairlead_logstream import LogService
from fairlead_records import Permissions, RecordService
from fairlead_router import AuthenticationFailed, HttpGuard, Listener, Principal, Router
from fairlead_router.auth.decoys import Decoys
from fairlead_router.transports.endpoints import Endpoint, parse_endpoint
from fairlead_server import VERSION
from fairlead_server.config import Config
from fairlead_server.config.listeners import ListenerTable
from fairlead_server.config.reloading import keys_to_restart_for
from fairlead_server.datadir import DataDirectory
from fairlead_server.errors import CommandError
from fairlead_server.http import HTTP_IDLE_S, WEBSOCKET_PATH, HttpService, bounded, http_log
from fairlead_server.log_metrics import LogCollector
from fairlead_server.metrics import Metrics
from fairlead_server.page import find_page
from fairlead_server.realms import ServedRealms
from fairlead_server.record_metrics import RecordCollector
from fairlead_store import StoreError

ADMIN = "admin"

# How long a request for a file of the page may go on once we stop: those are small.
HTTP_SHUTDOWN_S = 1.0


class Server:
    """A running server. Create it with `open`."""

    def __init__(
        self,
        config: Config,
        realms: ServedRealms,
        http: HttpService,
        listeners: tuple[Listener, ...],
        closing: AsyncExitStack,
    ) -> None:
        self._config = config
        self._realms = realms
        self._serving = realms.main.serving
        self._serving.on_change = self._serving_changed
        self.on_taken_over: Callable[[], object] = lambda: None
        """Called when another server has had the permissions: this one serves nobody any more."""
        self._http = http
        self._serving_changed()
        self._listener, *self._others = listeners
        self._closing = closing

    @classmethod
    async def open(cls, config: Config) -> Self:
        """Takes the data directory, opens the stores and the port. Raises CommandError."""
        async with AsyncExitStack() as opened:
            try:
                return await cls._open(config, opened)
            except StoreError as error:
                raise CommandError(str(error)) from error

    @classmethod
    async def _open(cls, config: Config, opened: AsyncExitStack) -> Self:
        directory = DataDirectory(Path(config.data))
        directory.lock()
        opened.callback(directory.unlock)
        url, keep = (
            config.permissions.database_url(directory.permissions_url),
            config.permissions.keep_changes,
        )
        authz = await Authz.open(url, config.realm, rules=config.rules, is_open=config.open, keep_changes=keep)
        opened.push_async_callback(authz.close)
        await keep_admin_token(directory, authz)
        logs = await _open_logs(config, directory, authz)
        opened.push_async_callback(logs.close)
        records = await _open_records(config, directory, authz)
        opened.push_async_callback(records.close)
        router = Router(config.limits, agent=f"fairlead-{VERSION}")
        # Closed first: sessions hear GOODBYE while the services are still there, and retry what was not acknowledged.
        opened.push_async_callback(router.close)
        realms = ServedRealms(router, config, authz, Decoys(directory.decoy_key()))
        authz.bind(realms.main.realm)
        logs.bind(realms.main.realm)
        records.bind(realms.main.realm)
        collectors = LogCollector(config.realm, logs), RecordCollector(config.realm, records)
        metrics = Metrics(router, *collectors) if config.shows_metrics else None
        guard = HttpGuard(config.allowed_hosts, config.allowed_origins)
        http = HttpService(find_page(), guard, metrics, realms.main.realm)
        runner = await _http_runner(http, opened)
        await _listen(router, config, runner)
        directory.serves(router.listeners[0].port)
        return cls(config, realms, http, router.listeners, opened.pop_all())

    @property
    def port(self) -> int:
        """The port that is bound, also when the configuration leaves the choice to the system."""
        return self._listener.port

    @property
    def other_endpoints(self) -> list[str]:
        """Those of `[[listeners]]`, with the ports that are bound."""
        return [listener.endpoint for listener in self._others]

    @property
    def has_page(self) -> bool:
        """Whether the page is built."""
        return self._http.has_page

    @property
    def is_taken_over(self) -> bool:
        """Whether another server has had the permissions since."""
        return self._serving.is_taken_over

    def _serving_changed(self) -> None:
        self._http.state = "ok" if self._serving.is_serving else "suspended"
        if self.is_taken_over:
            self.on_taken_over()

    def reload(self, config: Config) -> list[str]:
        """Takes over users, permissions and rules; what they take away ends in this turn of the loop.

        Returns the keys whose other values take a restart. Raises ConfigError if a file of secrets cannot be read;
        then nothing is different.
        """
        self._realms.replace(config)
        return keys_to_restart_for(self._config, config)

    async def close(self) -> None:
        """GOODBYE to all, what is being written is finished, the stores are closed."""
        self._serving.on_change = lambda: None
        self._http.state = "stopping"
        await self._closing.aclose()


async def keep_admin_token(directory: DataDirectory, authz: Authz) -> None:
    """Leaves in the directory a token that is valid: the one that is there, unless the store does not know it."""
    known = directory.read_admin_token()
    try:
        if known is not None and authz.authenticator.principal(known).authid == ADMIN:
            return
    except AuthenticationFailed:
        pass
    try:
        directory.write_admin_token(await authz.create_token(ADMIN))
    except OSError as error:
        raise CommandError(f"cannot write {str(directory.admin_token)!r}: {error.strerror}") from None


class ObjectMaker:
    """Makes the object of a new stream or record, so that `fairlead run` needs no step before it: the services ask."""

    def __init__(self, authz: Authz) -> None:
        self._authz = authz

    async def __call__(self, caller: Principal, object_id: str, project: str | None) -> None:
        """An object that is there stays as it is; a new one belongs to the project, or else to the caller.

        Raises a RequestError: without write on the project there is no object.
        """
        if object_id in self._authz.graph.nodes:
            return
        await self._authz.apply([Put("object", object_id, owner=project)], self._authz.actor(caller))


async def _open_logs(config: Config, directory: DataDirectory, authz: Authz) -> LogService:
    table = config.logs
    return await LogService.open(
        table.database_url(directory.logs_url),
        config.realm,
        ObjectMaker(authz),
        table.budgets.budgets,
        table.limits,
        archive=table.archive.open(),
        is_shared=table.shared,
    )


async def _open_records(config: Config, directory: DataDirectory, authz: Authz) -> RecordService:
    table = config.records
    permissions = Permissions(ObjectMaker(authz), authz.rights_mark, authz.is_hidden)
    return await RecordService.open(
        table.database_url(directory.records_url), config.realm, permissions, kept_changes=table.keep_changes
    )


async def _http_runner(http: HttpService, opened: AsyncExitStack) -> web.Server:
    runner = web.AppRunner(
        http.application,
        access_log=None,
        logger=http_log(),
        handle_signals=False,
        shutdown_timeout=HTTP_SHUTDOWN_S,
        keepalive_timeout=HTTP_IDLE_S,
    )
    opened.push_async_callback(runner.cleanup)
    await runner.setup()
    assert runner.server is not None
    return runner.server


async def _listen(router: Router, config: Config, http: web.Server) -> None:
    first = ListenerTable(endpoint=f"tcp://{config.address}", trusted_proxies=config.trusted_proxies)
    for table in (first, *config.listeners):
        try:
            await router.listen(
                table.endpoint,
                path=WEBSOCKET_PATH,
                http=bounded(http),
                hosts=config.allowed_hosts,
                origins=config.allowed_origins,
                tls=table.tls,
                cookies=config.sets_cookies,
                trusted_proxies=table.trusted_proxies,
                unix_mode=table.mode,
            )
        except (OSError, ValueError) as error:
            raise CommandError(_why_not(parse_endpoint(table.endpoint), error)) from None


def _why_not(where: Endpoint, error: OSError | ValueError) -> str:
    """The system's words for an endpoint that cannot be had, in ours."""
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE and where.host:
        return f"port {where.port} of {where.host} is in use by another program: choose another with --listen or a file"
    if code == errno.EADDRINUSE:
        return f"cannot listen on {where}: another program listens there, or it is a file and no socket"
    if code == errno.EADDRNOTAVAIL:
        return f"cannot listen on {where}: this machine has no address {where.host}"
    if code == errno.EACCES and where.host:
        return f"cannot listen on {where}: ports below 1024 need a privilege that this process does not have"
    return f"cannot listen on {where}: {getattr(error, 'strerror', None) or error}"
