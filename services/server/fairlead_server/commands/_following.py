"""`fairlead arvados follow`, as it runs: for ever, through restarts of the server and of Arvados.

Whatever goes wrong on the way, the answer is the same: wait, and compare everything anew. Only what cannot pass by
itself ends it: a token that is not taken, a source that is none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from fairlead_authz.arvados.api import Api
from fairlead_authz.arvados.errors import Unavailable
from fairlead_authz.arvados.feed import Feed, lines, websocket
from fairlead_authz.arvados.following import Follower
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.sync import Plan
from fairlead_client import ClientError, Refused
from fairlead_client.asyncio import connect, disconnect
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_server.commands._arvados import Making, facts_of, text_of
from fairlead_server.commands._asking import Asking, Refusal
from fairlead_server.commands._inbox import Inbox
from fairlead_server.commands._notes import note
from fairlead_server.commands._remote import Remote
from fairlead_server.connect import command_error, hush_autobahn

CONNECTING_S = 5.0
"""How long the first comparison waits for the websocket: one that begins before would be followed by another."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Before everything is tried again."""

LASTING = frozenset({"wamp.error.not_authorized", "wamp.error.no_such_procedure", "wamp.error.invalid_argument"})
"""Errors of the server that waiting does not help."""


class Following:
    """One run of the command."""

    def __init__(self, ask: Asking, cluster: str | None, resync_s: float, now_us: Callable[[], int]) -> None:
        self._ask = ask
        self._cluster = cluster
        self._resync_s = resync_s
        self._now_us = now_us
        self._pause_s = FIRST_PAUSE_S

    async def run(self, api: Api, events: str | None, websocket_url: str | None, token: str) -> None:
        """Until the feed ends. Raises ArvadosError and CommandError for what does not pass."""
        hush_autobahn()
        inbox = Inbox(await self._feed(api, events, websocket_url, token))
        try:
            if events is None:
                await inbox.wait(CONNECTING_S)
            while not await self._follow(api, inbox):
                await asyncio.sleep(self._pause_s)
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        finally:
            await inbox.close()

    async def _feed(self, api: Api, events: str | None, websocket_url: str | None, token: str) -> Feed:
        if events is not None:
            return lines(events)
        url = websocket_url or await api.websocket_url()
        return websocket(url, token, lambda reason: note(f"Arvados' websocket is away: {reason}"))

    async def _follow(self, api: Api, inbox: Inbox) -> bool:
        """One session with the server. Whether the feed has ended; else something went wrong, and was said."""
        server = self._ask.server
        try:
            session = await connect(server.url, realm=server.realm, token=server.token)
            try:
                await self._take_all(session, api, inbox)
            finally:
                await disconnect(session)
        except Refused as error:
            raise command_error(error, server.url) from None
        except (ClientError, Unavailable) as error:
            note(f"{error}; trying again")
        except Refusal as error:
            if error.uri in LASTING:
                raise
            note(f"{error}; comparing everything again")  # somebody else has changed something just then
        else:
            return True
        return False

    async def _take_all(self, session: AutobahnSession, api: Api, inbox: Inbox) -> None:
        """Compare and follow until the feed ends."""
        follower = Follower(Remote(self._ask, session), api, self._cluster, self._now_us)
        now_s = asyncio.get_running_loop().time
        while True:
            inbox.forget()
            await self._resync(follower)
            self._pause_s = FIRST_PAUSE_S
            due_s = now_s() + self._resync_s
            while not inbox.has_gap and now_s() < due_s:
                if inbox.is_ended:
                    return
                await inbox.wait(due_s - now_s())
                report = Report()
                self._tell(await follower.take(inbox.take(), report), report)

    async def _resync(self, follower: Follower) -> None:
        report, making = Report(), Making()
        try:
            plan = await follower.resync(report, making)
        finally:
            making.end()
        self._tell(plan, report, is_whole=True)

    def _tell(self, plan: Plan, report: Report, *, is_whole: bool = False) -> None:
        """What was changed; of a comparison also that there was nothing, as JSON."""
        if self._ask.as_json and (plan.batches or is_whole):
            print(json.dumps({"compared": is_whole, **facts_of(plan, report)}), flush=True)
        elif plan.batches:
            for line in text_of(plan, report).splitlines():
                note(line)
