"""A stage on the protocol core: no sockets, and the clock is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fairlead_authz import Authz
from fairlead_router.options import RealmOptions
from fairlead_router.pubsub.event_history import HistoryRule
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer
from support.transitions.stage import Attendant, Link, Stage, open_services
from support.transitions.surfaces import RULES, Message
from support.transitions.table import Transition
from support.transitions.unguarded import Unjudged

KEEP_ALL = RealmOptions(event_history=(HistoryRule("com.app.", match="prefix"),))

QUIET_TURNS = 10
"""Of asyncio's loop, in which the core has nothing to do: nothing is on its way any more."""


class CoreLink(Link):
    """A peer of the core."""

    def __init__(self, stage: CoreStage) -> None:
        self._stage = stage
        self.peer = Peer(stage.core)

    async def join(self, token: str) -> None:
        self.peer.ask([1, "realm1", {"roles": EVERY_FEATURE, "authmethods": ["ticket"]}])
        [welcome] = self.peer.ask([5, token, {}])
        assert welcome[0] == 2, welcome

    def send(self, *messages: Message) -> None:
        self.peer.send(*messages)

    async def take(self) -> list[Message]:
        await self._stage.rest()
        return self.peer.take()


class CoreStage(Stage):
    """`core.realm1`."""

    core: Core

    async def rest(self) -> None:
        quiet = 0
        while quiet < QUIET_TURNS:
            quiet = 0 if self.core.host.run() else quiet + 1
            await asyncio.sleep(0)

    async def link(self, token: str, door: str) -> Link:
        link = CoreLink(self)
        await link.join(token)
        return link

    def pass_time(self, seconds: float) -> None:
        self.core.host.stall(seconds)

    def clog(self, attendants: Iterable[Attendant]) -> bool:
        for peer in _peers(attendants):
            peer.clog()
        return True

    def read_on(self, attendants: Iterable[Attendant]) -> None:
        for peer in _peers(attendants):
            peer.read_on()


def _peers(attendants: Iterable[Attendant]) -> list[Peer]:
    return [each.link.peer for each in attendants if isinstance(each.link, CoreLink)]


@asynccontextmanager
async def core_stage(
    url: str, transition: Transition, *, is_guarded: bool = True, realm: str = "realm1"
) -> AsyncIterator[CoreStage]:
    """The world before a transition, whose permissions are those of a realm of the database.

    Not guarded: nothing that was allowed is judged again, no session is ended.
    """
    authz = await Authz.open(url, realm, rules=RULES)
    settings: dict[str, Any] = {} if is_guarded else {"gate": GateSwitchedOff}
    authorizer: Any = authz.authorizer if is_guarded else Unjudged(authz.authorizer)
    core = Core(authorizer=authorizer, options=KEEP_ALL, **settings)
    core.realm1.authenticator = authz.authenticator
    if not is_guarded:
        core.realm1.kill = lambda *reason, **whom: 0  # type: ignore[method-assign]
    stage = CoreStage(core.realm1, authz, await open_services(core.realm1, authz))
    stage.core = core
    try:
        await stage.set(transition)
        yield stage
    finally:
        await stage.close()
