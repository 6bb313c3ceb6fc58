"""The router that is soaked, in a process of its own: everything that it can is switched on, every limit is short.

One JSON document a line on standard input asks, one on standard output answers:

    -> {"do": "figures"}                    <- the figures of `_Site.figures`
    -> {"do": "rules", "strict": true}      <- {}           revokes what rests on com.volatile.
    -> {"do": "close"}                      <- the figures once all is closed, and the process ends

Before that it says where it listens: {"tcp": port, "tls": port, "unix": path}.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fairlead_router import (
    HistoryRule,
    Limits,
    Principal,
    Realm,
    RealmObserver,
    RealmOptions,
    RealmSetup,
    Router,
    RouterObserver,
    TlsOptions,
)
from fairlead_router.authorizers import Rule, StaticAuthorizer
from fairlead_router.authorizers.rules import ACTIONS

LIMITS = Limits(
    hello_timeout_s=1.0,
    close_timeout_s=0.5,
    ping_interval_s=0.5,
    ping_timeout_s=1.0,
    realm_idle_s=0.5,
    slow_consumer_grace_s=0.3,
    overdraft_s=2.0,
    outbox_bytes=256 << 10,
    callee_wait_s=1.0,
    timeout_grace_s=0.3,
)
HISTORY = (
    HistoryRule("com.kept", "prefix", limit_events=50, limit_bytes=64 << 10),
    HistoryRule("com..changed", "wildcard", limit_events=20, limit_bytes=64 << 10),
)
EVERYTHING = Rule(uri="", match="prefix", roles={"*"}, allow=frozenset(ACTIONS))
STRICT = Rule(uri="com.volatile.", match="prefix", roles={"*"}, deny=frozenset(ACTIONS))
DEMANDED = "on.demand."
"""Realms whose names begin like this are made when somebody asks for one."""


class _Complaints(logging.Handler):
    """What the router logs as wrong: a traceback of ours fails the soak, also where the connection survives it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


class _Sessions(RealmObserver, RouterObserver):
    """Counts who comes and who goes, in all realms; those that are gone included."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.revoked = 0

    def realm_added(self, realm: Realm) -> None:
        realm.observe(self)

    def joined(self, session_id: int, principal: Principal) -> None:
        self.opened += 1

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        self.closed += 1

    def subscription_revoked(self, session_id: int, topic: str, reason: str) -> None:
        self.revoked += 1


class _Site:
    """The router with its realms."""

    def __init__(self, complaints: _Complaints) -> None:
        self.router = Router(LIMITS)
        self.rules = StaticAuthorizer([EVERYTHING])
        self._complaints = complaints
        self._sessions = _Sessions()
        self.router.observe(self._sessions)
        self.router.add_realm("realm1", authorizer=self.rules, options=RealmOptions(event_history=HISTORY))
        options = RealmOptions(event_history=HISTORY, slow_consumer="drop", call_timeout_s=1.0, disclosure="always")
        self.router.add_realm("realm2", authorizer=self.rules, options=options)
        self.router.on_missing_realm = lambda name: RealmSetup() if name.startswith(DEMANDED) else None

    async def listen(self, directory: Path) -> dict[str, Any]:
        path = str(directory / "router.sock")
        certificate = str(directory / "server.pem")
        tcp = await self.router.listen("tcp://127.0.0.1:0", cookies=True)
        secure = await self.router.listen("tls://127.0.0.1:0", tls=TlsOptions(certificate=certificate))
        await self.router.listen(f"unix://{path}")
        return {"tcp": tcp.port, "tls": secure.port, "unix": path}

    def figures(self) -> dict[str, Any]:
        """What could leak, and what has happened. Sizes in KiB."""
        gc.collect()
        return {
            "rss_kib": _resident_kib(),
            "objects": len(gc.get_objects()),
            "tasks": len(asyncio.all_tasks()),
            "timers": len(self.router.host._timers),
            "descriptors": len([*Path("/proc/self/fd").iterdir()]),
            "sessions_opened": self._sessions.opened,
            "sessions_closed": self._sessions.closed,
            "revoked": self._sessions.revoked,
            "stats": msgspec.to_builtins(self.router.stats()),
            "complaints": self._complaints.texts[:20],
        }

    async def do(self, command: dict[str, Any]) -> dict[str, Any]:
        if command["do"] == "figures":
            return self.figures()
        if command["do"] == "rules":
            self.rules.replace([EVERYTHING, STRICT] if command["strict"] else [EVERYTHING])
            return {}
        assert command["do"] == "close"
        await self.router.close()
        return self.figures()


async def serve(directory: Path) -> None:
    """Until it is told to close, or whoever asks is gone."""
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.texts.append(str(context)))
    site = _Site(complaints)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    _say(await site.listen(directory))
    while line := await commands.readline():
        command = json.loads(line)
        _say(await site.do(command))
        if command["do"] == "close":
            return


def main() -> None:
    """Serves; the directory is the last argument."""
    uvloop.run(serve(Path(sys.argv[-1])))


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    main()
