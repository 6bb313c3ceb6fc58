"""Fairlead's permissions: called in this process, and by the procedures that every session may call."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from bench.environment import Environment
from bench.permissions.dataset import Dataset
from bench.permissions.server import ADMIN
from bench.permissions.serving import Running, make_store, serving
from bench.processes import MeasuringFailed
from bench.procfs import cpu_s, rss_bytes
from fairlead_authz import Authz
from fairlead_authz.admin.pages import MAX_PAGE_ENTRIES
from fairlead_authz.changes import Grant, Revoke
from fairlead_authz.model.closures import FreshClosures
from fairlead_authz.model.levels import READ
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.model.who import Who
from fairlead_router.authorization import Level

RAWSOCKET_JSON = b"\x7f\xf1\x00\x00"
"""Magic, messages of up to 16 MiB, JSON."""
ERROR = 8


class InProcess:
    """As a program that embeds the router asks: a method call."""

    name = "Fairlead, in process"

    def prepare(self, environment: Environment) -> str:
        return metadata.version("fairlead")

    @contextlib.contextmanager
    def load(self, dataset: Dataset, directory: Path) -> Iterator[_Called]:
        store = directory / "permissions.sqlite"
        make_store(dataset, store)
        with asyncio.Runner() as runner:
            authz = runner.run(Authz.open(f"sqlite:///{store}"))
            try:
                yield _Called(authz, runner)
            finally:
                runner.run(authz.close())


class _Called:
    """See Client. Who may read is found as `Authz.who` does, without telling for each user why."""

    def __init__(self, authz: Authz, runner: asyncio.Runner) -> None:
        self._authz = authz
        self._who = Who(authz.graph, Rights(authz.graph, FreshClosures(authz.graph), Policy()))
        self._runner = runner

    def cpu_s(self) -> float:
        return time.process_time()

    def rss_bytes(self) -> int:
        return 0

    def ask_nothing(self) -> None:
        pass

    def check(self, user: str, level: Level, object_id: str) -> bool:
        return self._authz.can(user, level, object_id)

    def who(self, object_id: str) -> set[str]:
        return self._who.users(READ, object_id)

    def grant(self, tail: str, head: str) -> None:
        self._runner.run(self._authz.apply([Grant(tail, "read", head)]))

    def revoke(self, tail: str, head: str) -> None:
        self._runner.run(self._authz.apply([Revoke(tail, "read", head)]))


class OverWamp:
    """As everybody else asks: `fairlead.authz.*` over RawSocket and JSON."""

    name = "Fairlead, over WAMP"

    def prepare(self, environment: Environment) -> str:
        return metadata.version("fairlead")

    @contextlib.contextmanager
    def load(self, dataset: Dataset, directory: Path) -> Iterator[_Caller]:
        store = directory / "permissions.sqlite"
        make_store(dataset, store)
        with serving(store, "--unasked") as running, contextlib.closing(_Caller(running)) as caller:
            yield caller


class _Caller:
    """See Client: a session that calls and waits."""

    def __init__(self, running: Running) -> None:
        self._pid = running.pid
        self._request = 0
        self._socket = socket.create_connection(("127.0.0.1", running.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        self._socket.sendall(RAWSOCKET_JSON)
        self._stream.read(len(RAWSOCKET_JSON))
        self._exchange([1, "realm1", {"authid": ADMIN, "roles": {"caller": {}}}])

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def cpu_s(self) -> float:
        return cpu_s(self._pid)

    def rss_bytes(self) -> int:
        return rss_bytes(self._pid)

    def ask_nothing(self) -> None:
        self._call("wamp.session.count")

    def check(self, user: str, level: Level, object_id: str) -> bool:
        return bool(self._call("fairlead.authz.check", user, level, object_id)["allowed"])

    def who(self, object_id: str) -> set[str]:
        users: set[str] = set()
        after: str | None = ""
        while after is not None:
            page = self._call("fairlead.authz.who", level="read", object=object_id, after=after, limit=MAX_PAGE_ENTRIES)
            users.update(entry["user"] for entry in page["users"])
            after = page["after"]
        return users

    def grant(self, tail: str, head: str) -> None:
        self._call("fairlead.authz.apply", [{"op": "grant", "user": tail, "level": "read", "object": head}])

    def revoke(self, tail: str, head: str) -> None:
        self._call("fairlead.authz.apply", [{"op": "revoke", "user": tail, "level": "read", "object": head}])

    def _call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        self._request += 1
        answer = self._exchange([48, self._request, {}, procedure, args, kwargs])
        if answer[0] == ERROR:
            raise MeasuringFailed(f"the router answered {answer}")
        return answer[3][0]

    def _exchange(self, message: list[Any]) -> Any:
        data = msgspec.json.encode(message)
        self._socket.sendall(struct.pack("!I", len(data)) + data)
        (length,) = struct.unpack("!I", self._stream.read(4))
        return msgspec.json.decode(self._stream.read(length))
