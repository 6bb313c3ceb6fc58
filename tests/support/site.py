"""A whole Fairlead in the test's process, on one loopback port, composed as `serve` does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fairlead_authz import Authz, Put
from fairlead_logstream import LogService
from fairlead_router import Limits, Listener, Member, Principal, Realm, Router


class Site:
    """The running parts. `admin` is an in-process member with every right."""

    def __init__(self, router: Router, realm: Realm, authz: Authz, logs: LogService, listener: Listener) -> None:
        self.router = router
        self.realm = realm
        self.authz = authz
        self.logs = logs
        self.url = f"ws://127.0.0.1:{listener.port}/ws"
        self.admin: Member = realm.join(Principal("admin", "admin"))

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """The one dict of a call's result, called as the administrator."""
        return (await self.admin.call(procedure, list(args), kwargs)).args[0]

    async def token(self, user: str) -> str:
        """A token; the user is made if there is none."""
        token: str = (await self.call("fairlead.authz.token", user, create=True))["token"]
        return token


@asynccontextmanager
async def running_site(directory: Path, limits: Limits | None = None) -> AsyncIterator[Site]:
    """Start one in this directory, close it in the end."""
    authz = await Authz.open(f"sqlite:///{directory}/permissions.sqlite")
    router = Router(limits)
    realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
    authz.bind(realm)

    async def new_object(principal: Principal, object_id: str, project: str | None) -> None:
        if object_id not in authz.graph.nodes:
            await authz.apply([Put("object", object_id, project)], authz.actor(principal))

    logs = await LogService.open(f"sqlite:///{directory}/logs.sqlite", "realm1", new_object)
    logs.bind(realm)
    listener = await router.listen("tcp://127.0.0.1:0")
    try:
        yield Site(router, realm, authz, logs, listener)
    finally:
        await logs.close()
        await authz.close()
        await router.close()
