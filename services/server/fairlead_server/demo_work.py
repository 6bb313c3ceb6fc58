"""The work of `fairlead demo`: what is submitted, at first and as long as the demo runs, and who may see it.

Everything is a request with a few attempts, so that what is lost with a dispatcher is run again. Each demo has names of
its own; what an earlier one has left waiting is cancelled.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any, NamedTuple

from fairlead_client.asyncio import Connection
from fairlead_client.calling import ask
from fairlead_client.requests import given
from fairlead_server.children import PROGRAMS

PROJECT = "demo-project"
ATTEMPTS = 100

SUBMIT_S = 4.0
"""Between two short jobs: a little less than three free slots need for one, so that there is a queue to be seen."""

WAITING_LIMIT = 6
"""Of jobs that wait: while there are so many, or all dispatchers are killed, none is added."""

JOB_S = (4, 16)
PRIORITIES = (1, 2, 3, 5, 8)


class Program(NamedTuple):
    """One that runs from the beginning: the request, what is run, and what is to be seen."""

    program: str
    request: str
    about: str
    is_shared: bool

    @property
    def container(self) -> str:
        """Its first container, whose log has the same id."""
        return f"{self.request}-1"


class Work:
    """What one run of the demo has done, in the name of alice. `suffix` makes its names its own."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.programs = (
            Program("simulate", f"simulation-{suffix}", "goes on for ever, warns on stderr", is_shared=True),
            Program("train", f"training-{suffix}", "a progress bar on stderr, ten minutes", is_shared=False),
            Program("verify", f"verification-{suffix}", "ends with status 3 after 20 s", is_shared=True),
        )
        self.shared, self.private = f"shared-{suffix}", f"private-{suffix}"

    def permissions(self) -> list[dict[str, str]]:
        """The changes that make a project of alice with an object a program and two for the jobs; bob may read some."""
        shared = [self.shared, *(program.request for program in self.programs if program.is_shared)]
        private = [self.private, *(program.request for program in self.programs if not program.is_shared)]
        changes = [{"op": "put", "kind": "project", "id": PROJECT, "owner": "alice", "name": "Demo"}]
        changes += [{"op": "put", "kind": "object", "id": name, "owner": PROJECT} for name in (*shared, *private)]
        changes += [{"op": "grant", "user": "bob", "level": "read", "object": name} for name in shared]
        return changes

    async def begin(self, connection: Connection) -> None:
        """Cancels what an earlier demo has left, and submits the programs."""
        for request in await _open_requests(connection):
            await ask(connection, "fairlead.container.cancel", request, reason="another demo has begun")
        for program in self.programs:
            command = [*PROGRAMS, program.program]
            await self._request(connection, command, id=program.request, object=program.request, priority=9)

    async def go_on(self, connection: Connection) -> None:
        """Submits short jobs, for ever: some shared with bob, some that fail, more urgent and less."""
        for number in itertools.count(1):
            await asyncio.sleep(SUBMIT_S)
            if await _waiting_count(connection) >= WAITING_LIMIT:
                continue
            status = 1 if number % 4 == 0 else 0
            command = [*PROGRAMS, "convert", str(random.randint(*JOB_S)), str(status)]
            object_id = self.shared if number % 2 else self.private
            about = {"id": f"job-{self.suffix}-{number}", "object": object_id, "priority": random.choice(PRIORITIES)}
            await self._request(connection, command, **about)

    async def _request(self, connection: Connection, command: list[str], **about: Any) -> None:
        """Its key makes it one request, however often it is asked for over lost connections."""
        about = {**about, "project": PROJECT, "attempts": ATTEMPTS, "name": about["id"], "key": about["id"]}
        await ask(connection, "fairlead.container.request", command, **about)


async def _open_requests(connection: Connection) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        query = {"kind": "container_request", "owner": PROJECT, "where": [["state", "=", "Committed"]]}
        page = await ask(connection, "fairlead.record.list", **query, **given(after=after))
        found += [record["id"] for record in page["records"]]
        after = page["after"]
        if after is None:
            return found


async def _waiting_count(connection: Connection) -> int:
    where = [["state", "=", "Queued"]]
    page = await ask(connection, "fairlead.record.list", kind="container", owner=PROJECT, where=where)
    return len(page["records"])
