"""Who is a program, or another client than ours: a download, `fairlead logs -f`, a process with a LogWriter.

The processes can be stopped (SIGSTOP) and killed. A download and the command begin anew each time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp

from histories.logs.readers import Reader
from histories.logs.record import Item, Run, Sent
from histories.logs.stage import Place, Stage, seen
from histories.peer import now_s

WRITING = Path(__file__).with_name("writing_process.py")
LIST_S = 5.0
LINE_S = 1.0

Lines = asyncio.StreamReader | aiohttp.StreamReader


class LineReader(Reader):
    """Reads JSON documents of a record each, which do not say of which epoch they are: of that of when it began."""

    async def visit(self, place: Place) -> None:
        self.cursor = None
        epochs = await self._epochs(place)
        if self.stream not in epochs:
            return
        run, stores = self.new_run(), self.stage.stores
        run.epoch = epochs[self.stream]
        with suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            await self.lines(place, run)
        if self.stage.stores != stores:  # it may be of either store
            self.stage.history.runs.remove(run)

    async def lines(self, place: Place, run: Run) -> None:
        """Read lines, `take_line` each."""
        raise NotImplementedError

    def take_line(self, run: Run, line: bytes) -> None:
        """Remember what it says."""
        told, at_s = json.loads(line), now_s()
        assert run.epoch is not None
        if "lagged" in told:
            run.items.append(Item(at_s, "lagged", run.epoch, told["lagged"]["from"], told["lagged"]["to"]))
        elif "seq" in told:
            number = told["seq"]
            record = seen(number, told["source"], told["text"])
            run.items.append(Item(at_s, "records", run.epoch, number, number + 1, [record], len(line)))
        elif "revoked" in told:
            run.refused_s = at_s
        if run.items:
            self.cursor = run.epoch, run.items[-1].next

    async def take_lines(self, run: Run, source: Lines, until_s: float) -> None:
        """All that comes, for as long as it likes to listen."""
        stores = self.stage.stores
        reading = asyncio.ensure_future(source.readline())  # not given up in between: what is read would be lost
        try:
            while self.stage.stores == stores and not self.stage.closing.is_set():
                await asyncio.wait([reading], timeout=LINE_S)
                if reading.done():
                    line = reading.result()
                    if not line.endswith(b"\n"):
                        return
                    self.take_line(run, line)
                    reading = asyncio.ensure_future(source.readline())
                if now_s() > until_s and not self.stage.over.is_set():
                    return
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _epochs(self, place: Place) -> dict[str, int]:
        peer = await place.joined(place.admin)
        try:
            async with asyncio.timeout(LIST_S):
                listed = (await peer.call("fairlead.log.list"))["streams"]
        finally:
            await peer.leave()
        return {each["stream"]: each["epoch"] for each in listed}


class Download(LineReader):
    """`GET /logs/STREAM`, followed; the network is between."""

    async def lines(self, place: Place, run: Run) -> None:
        until_s = now_s() + self.random.uniform(1, 4)
        url = f"http://127.0.0.1:{place.network.port}/logs/{self.stream}?format=ndjson&follow=1&tail=400"
        headers = {"Authorization": f"Bearer {place.tokens[self.user]}"}
        async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as answer:
            if answer.status == 403:
                run.refused_s = now_s()
                return
            answer.raise_for_status()
            await self.take_lines(run, answer.content, until_s)


class Command(LineReader):
    """`fairlead logs -f`."""

    async def lines(self, place: Place, run: Run) -> None:
        until_s = now_s() + self.random.uniform(3, 8)
        arguments = ("logs", "-f", "--json", "--tail", "400", self.stream)
        async with place.server.running(*arguments, token=place.tokens[self.user]) as process:
            assert process.stdout is not None
            self.stage.processes[self.name] = process
            await self.take_lines(run, process.stdout, until_s)
            del self.stage.processes[self.name]


class WritingProcess:
    """A process with a LogWriter and a spool; when it is killed, another one goes on with the spool."""

    def __init__(self, stage: Stage, name: str, stream: str, spool: Path) -> None:
        self._stage = stage
        self._name = name
        self._stream = stream
        self._spool = spool

    async def play(self) -> None:
        mine: list[Sent] = []
        is_all_sent = False
        for number in range(1_000):
            taken: list[Sent] = []
            is_all_sent = await self._run(f"process.{number}", taken)
            mine += taken
            if self._stage.over.is_set():
                break
        if is_all_sent:
            for sent in mine:
                sent.acknowledged_s = now_s()

    async def _run(self, label: str, taken: list[Sent]) -> bool:
        """One process, to its end. Whether all is sent then."""
        place = self._stage.places[0]
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WRITING), place.url, self._stream, label, str(self._spool),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "FAIRLEAD_TOKEN": place.admin},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self._stage.processes[self._name] = process
        ending = asyncio.create_task(self._end(process.stdin))
        last = b""
        try:
            while line := await process.stdout.readline():
                last = line
                if line.strip().isdigit():
                    taken.append(Sent(self._stream, label, int(line), 1, now_s()))
                    self._stage.history.sent.append(taken[-1])
        finally:
            ending.cancel()
            del self._stage.processes[self._name]
            if process.returncode is None:
                process.kill()
            await process.wait()
        return last == b"sent\n"

    async def _end(self, stdin: asyncio.StreamWriter) -> None:
        await self._stage.over.wait()
        stdin.write(b"\n")
