"""Where a play with containers takes place: a real server, real dispatchers, and who looks at all of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from histories.dispatch.record import DispatchHistory, Process, Said
from histories.peer import ERROR, Gone, Message, Peer, now_s
from support.serving import COMMAND_S, FAIRLEAD, Serving

SERVE = Path(__file__).with_name("serve.py")

LEASE_S = 2
CALL = 48
LOOKS_EVERY_S = 0.02


class Dispatcher:
    """`fairlead dispatch`, under a name of its own."""

    def __init__(self, server: Serving, name: str, slots: int = 2) -> None:
        self._server = server
        self.name = name
        self._options = ("--name", name, "--slots", str(slots), "--lease", str(LEASE_S), "--grace", "1")
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *FAIRLEAD, "dispatch", "--url", self._server.url, *self._options,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env=self._server.environment(), cwd=self._server.directory,
        )  # fmt: skip

    def send_signal(self, number: int) -> None:
        """SIGSTOP, SIGCONT."""
        self._process.send_signal(number)

    async def kill(self) -> None:
        """`kill -9`."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.wait_for(self._process.wait(), COMMAND_S)


class Stage:
    """See the module."""

    def __init__(self, server: Serving, seed: int, dispatchers: int) -> None:
        self.server = server
        self.seed = seed
        self.dispatchers = [Dispatcher(server, f"d{number}") for number in range(dispatchers)]
        self.history = DispatchHistory()
        self.over = asyncio.Event()
        """Nothing new is asked, and nothing goes wrong any more."""
        self.closing = asyncio.Event()
        self._began = server.directory / "began"
        """Each command writes its container and process id there first."""
        self._began.touch()
        self._read = 0
        self._running: dict[int, Process] = {}

    def random(self, name: str) -> Random:
        """The choices of one of the players."""
        return Random(f"{name} {self.seed}")

    def command(self, seconds: float, exit_code: int) -> list[str]:
        """Says that it has begun, stays for so long, and ends so."""
        return ["sh", "-c", f"echo $FAIRLEAD_CONTAINER $$ >> {self._began}; sleep {seconds:.2f}; exit {exit_code}"]

    async def joined(self) -> Peer:
        """A session of the administrator, as soon as the server is there."""
        token = (self.server.data / "admin.token").read_text().strip()
        while True:
            with suppress(Gone):
                return await Peer.join(self.server.port, token)
            await asyncio.sleep(0.02)

    async def ask(self, procedure: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Until there is an answer. Raises Refused."""
        while True:
            peer = await self.joined()
            try:
                return await peer.call(procedure, *args, **kwargs)
            except Gone:
                pass
            finally:
                await peer.leave()

    async def look_at_processes(self) -> None:
        """Which of the commands that have begun are there, again and again."""
        while not self.closing.is_set():
            with self._began.open() as began:
                began.seek(self._read)
                lines = [line for line in began if line.endswith("\n")]
            self._read += sum(len(line) for line in lines)
            for line in lines:
                container, pid = line.split()
                self._running[int(pid)] = Process(container, int(pid), now_s(), now_s())
                self.history.processes.append(self._running[int(pid)])
            for process in list(self._running.values()):
                if _is_there(process.pid):
                    process.last_seen_s = now_s()
                else:
                    del self._running[process.pid]
            await asyncio.sleep(LOOKS_EVERY_S)

    async def watch(self) -> None:
        """Hear of every container, by a watch that is asked for again when it is lost."""
        while not self.closing.is_set():
            peer = await self.joined()
            query = {"kind": "container"}
            with suppress(Gone):
                peer.send(CALL, {"receive_progress": True}, "fairlead.record.watch", [], query, on_answer=self._take)
            while peer.is_open and not self.closing.is_set():
                await asyncio.sleep(0.02)
            await peer.leave()

    def _take(self, message: Message, _size: int) -> None:
        assert message[0] != ERROR, message
        for change in message[3][0].get("changes", ()):
            if change["change"] != "removed":
                self.history.said.append(Said(now_s(), change["id"], change["version"], change["state"]))

    async def learn_what_is_left(self) -> bool:
        """The states of all containers; whether all have ended."""
        after: dict[str, Any] = {}
        left: dict[str, dict[str, Any]] = {}
        while True:
            page = await self.ask("fairlead.record.list", kind="container", **after)
            left |= {each["id"]: each["state"] for each in page["records"]}
            if page["after"] is None:
                break
            after = {"after": page["after"]}
        self.history.left = left
        return all(state["state"] in ("Complete", "Cancelled") for state in left.values())


@asynccontextmanager
async def set_stage(directory: Path, seed: int, dispatchers: int, mechanism: str) -> AsyncIterator[Stage]:
    """With a server and dispatchers, which end with the block."""
    async with Serving(directory, program=(sys.executable, str(SERVE), mechanism)) as server:
        stage = Stage(server, seed, dispatchers)
        try:
            for dispatcher in stage.dispatchers:
                await dispatcher.start()
            yield stage
        finally:
            for dispatcher in stage.dispatchers:
                dispatcher.send_signal(signal.SIGCONT)
                await dispatcher.kill()


def _is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended, and that nobody has waited for yet, does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
