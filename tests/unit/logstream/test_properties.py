"""Whatever happens in whatever order: the log is the list that it should be (L2 to L5, L7).

Several producers append with repetitions, gaps, losses and terms; readers begin anywhere
and are slow; writes fail; the service restarts; the stream is sealed. A plain list says
what must be there.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_router import CallError
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import Peer, ServiceHarness, SlowPeer, records_of, wire_record

PRODUCERS = ("p", "q")


class Model:
    """What is stored, by the rules of docs/reference.md."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.terms: dict[str, int] = {}
        self.seqs: dict[str, int] = {}

    def append(self, producer: str, term: int, seq: int, texts: list[str], lost: int) -> str | None:
        """Store, or name the error."""
        if producer not in self.seqs:
            missing, cut = seq, 0
        else:
            expected = self.seqs[producer]
            if term < self.terms[producer]:
                return "fairlead.error.fenced"
            if seq > expected + lost or (seq < expected and term > self.terms[producer]):
                return "fairlead.error.gap"
            missing, cut = max(0, seq - expected), max(0, expected - seq)
        if missing:
            self.texts.append(f"lost {missing}")
        self.texts += texts[cut:]
        self.seqs[producer] = max(self.seqs.get(producer, 0), seq + len(texts))
        self.terms[producer] = term
        return None


def text_of(record: list[Any]) -> str:
    return f"lost {json.loads(record[2])['lost']}" if record[3] & 2 else str(record[2])


class Run:
    """One random history."""

    def __init__(self, data: st.DataObject, store: StreamStore) -> None:
        self.data = data
        self.store = store
        self.model = Model()
        self.harness = ServiceHarness()
        self.alice: Peer
        self.readers: list[tuple[int, SlowPeer]] = []
        self.epoch = 0

    async def start(self) -> None:
        self.harness = ServiceHarness()
        await self.harness.start(self.store)
        self.alice = self.harness.peer()
        self.epoch = (await self.alice.call("create", "s"))["epoch"]

    async def append(self) -> None:
        draw = self.data.draw
        producer = draw(st.sampled_from(PRODUCERS))
        seq = max(0, self.model.seqs.get(producer, 0) + draw(st.integers(-3, 2)))
        term = max(0, self.model.terms.get(producer, 0) + draw(st.sampled_from([0, 0, 0, 1, -1])))
        texts = [f"{producer}{number}" for number in range(seq, seq + draw(st.integers(0, 4)))]
        about: dict[str, Any] = {"producer": producer, "term": term, "seq": seq, "lost": draw(st.integers(0, 2))}
        if isinstance(self.store, MemoryStreamStore) and draw(st.integers(0, 9)) == 0:
            self.store.fail_next = DiskFull("the disk is full")
            await self.send(texts, about)
            self.store.fail_next = None
        error = await self.send(texts, about)
        assert error == self.model.append(producer, term, seq, texts, about["lost"])

    async def send(self, texts: list[str], about: dict[str, Any]) -> str | None:
        """Append, and give the error's URI."""
        try:
            await self.alice.call("append", "s", [wire_record(text) for text in texts], **about)
        except CallError as error:
            return error.uri
        return None

    async def subscribe(self) -> None:
        start = self.data.draw(st.integers(0, len(self.model.texts)))
        reader = self.harness.slow_peer(f"reader{len(self.readers)}")
        reader.subscribe("s", fairlead_start=start, fairlead_epoch=self.epoch)
        self.readers.append((start, reader))

    async def pause_or_resume(self) -> None:
        if self.readers:
            reader = self.data.draw(st.sampled_from(self.readers))[1]
            self.data.draw(st.sampled_from([reader.pause, reader.resume]))()

    async def read(self) -> None:
        start = self.data.draw(st.integers(0, len(self.model.texts)))
        limit = self.data.draw(st.integers(1, 5))
        page = await self.alice.call("read", "s", start=start, epoch=self.epoch, limit=limit)
        assert (page["head"], page["first"]) == (len(self.model.texts), start)
        assert [text_of(record) for record in page["records"]] == self.model.texts[start : start + limit]

    async def restart(self) -> None:
        await self.check_readers()
        await self.harness.close()
        if isinstance(self.store, SqlStreamStore):
            self.store = SqlStreamStore.open(str(self.store._database._engine.url), "realm1")
        epoch = self.epoch
        await self.start()
        assert self.epoch == epoch

    async def check_readers(self) -> None:
        for start, reader in self.readers:
            reader.resume()
            expected = self.model.texts[start:]
            await eventually(lambda: len(records_of(reader.dicts)) >= len(expected))  # noqa: B023
            assert [text_of(record) for record in records_of(reader.dicts)] == expected
        self.readers.clear()

    async def finish(self) -> None:
        progress, final = self.alice.follow("s")
        await self.alice.call("seal", "s", exit_code=0)
        assert (await final)["sealed"]["next"] == len(self.model.texts)
        assert [text_of(record) for record in records_of(progress)] == self.model.texts
        await self.check_readers()
        await self.harness.close()


async def run_history(data: st.DataObject, store: StreamStore) -> None:
    run = Run(data, store)
    await run.start()
    steps = [run.append, run.append, run.append, run.subscribe, run.pause_or_resume, run.read, run.restart]
    for _ in range(data.draw(st.integers(1, 20), label="steps")):
        await data.draw(st.sampled_from(steps))()
        if data.draw(st.booleans()):
            await asyncio.sleep(0)
    await run.finish()


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_history_over_memory(data: st.DataObject) -> None:
    await run_history(data, MemoryStreamStore())


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_history_over_sqlite(data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        store = SqlStreamStore.open(f"sqlite:///{Path(directory) / 'logs.sqlite'}", "realm1")
        await run_history(data, store)
