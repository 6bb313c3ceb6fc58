"""Whatever happens in whatever order: the log is the list that it should be (L2 to L5, L7).

Producers append with repetitions, gaps, losses and terms, one of them by byte offsets;
readers of every kind begin anywhere, with an attempt too, and are slow; writes fail; attempts end and begin;
the service restarts, and while it is away what is old is trimmed. A plain list says what
must be there. HISTORIES=20 makes twenty times as many histories.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_logstream import MemoryStreamStore, SqlStreamStore, StreamStore
from fairlead_logstream.model.rows import StreamKey
from fairlead_router import CallError
from fairlead_store import DiskFull
from support.waiting import eventually
from unit.logstream.fakes import LogPeer, Peer, ServiceHarness, records_of, wire_record

PRODUCERS = ("p", "q")
FILE = "file"
"""The producer that counts bytes."""
HISTORIES = int(os.environ.get("HISTORIES", "1"))


class Model:
    """What is stored, by the rules of docs/reference.md."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        """All that ever were: retention takes them from the log only."""
        self.oldest = 0
        self.terms: dict[str, int] = {}
        self.seqs: dict[str, int] = {}
        self.first_offered: dict[str, int] = {}
        """Where a producer began whose append was refused: what it sends next is not its first."""
        self.lines_of_file = 0
        self.attempts: list[dict[str, Any]] = [{"attempt": 1, "first": 0, "exit_code": None}]
        self.is_sealed = False
        self.seals: list[int] = []
        """Where it ended."""

    def append(self, producer: str, term: int, seq: int, texts: list[str], lost: int) -> str | None:
        """Store, or name the error."""
        begins = producer not in self.seqs or term > self.terms[producer]
        if producer not in self.seqs:
            if seq - self.first_offered.setdefault(producer, seq) > lost:
                return "fairlead.error.gap"
            missing, cut = seq, 0
        else:
            expected = self.seqs[producer]
            if term < self.terms[producer]:
                return "fairlead.error.fenced"
            if seq > expected + lost or (seq < expected and term > self.terms[producer]):
                return "fairlead.error.gap"
            missing, cut = max(0, seq - expected), max(0, expected - seq)
        if self.is_sealed and (missing or texts[cut:] or begins):
            return "fairlead.error.sealed"
        if missing:
            self.texts.append(f"lost {missing}")
        self.texts += texts[cut:]
        self.seqs[producer] = max(self.seqs.get(producer, 0), seq + len(texts))
        self.terms[producer] = term
        return None

    def append_file(self, begin: int, end: int) -> str | None:
        """The lines of the file from within one to another; the earlier ones are there."""
        if begin > self.lines_of_file:
            return "fairlead.error.gap"
        if end > self.lines_of_file and self.is_sealed:
            return "fairlead.error.sealed"
        self.texts += [line_of(number) for number in range(self.lines_of_file, end)]
        self.lines_of_file = max(self.lines_of_file, end)
        return None

    def seal(self) -> None:
        self.is_sealed = True
        self.attempts[-1]["exit_code"] = self.exit_code
        self.seals.append(len(self.texts))

    def begin_attempt(self) -> None:
        attempt = self.attempts[-1]["attempt"] + 1
        self.attempts.append({"attempt": attempt, "first": len(self.texts), "exit_code": None})
        self.is_sealed = False
        self.texts.append(f"attempt {attempt}")

    @property
    def exit_code(self) -> int:
        """Of the latest attempt: each has its own."""
        return int(self.attempts[-1]["attempt"])


def line_of(number: int) -> str:
    """Of the file."""
    return f"line {number}"


def offset_of(number: int) -> int:
    """Where a line begins in the file."""
    return sum(len(line_of(each)) + 1 for each in range(number))


class Reader(NamedTuple):
    """A slow one. A follower's call ends at a seal that it meets; a subscriber goes on behind it."""

    start: int
    peer: LogPeer
    follows: bool


def text_of(record: list[Any]) -> str:
    if not record[3] & 2:
        return str(record[2])
    marker = json.loads(record[2])
    return next(f"{key} {marker[key]}" for key in ("lost", "attempt") if key in marker)


def source_of(text: str) -> str | None:
    """The producer of a record; None of a marker."""
    if text.startswith(("lost", "attempt")):
        return None
    return FILE if text.startswith("line") else text[0]


class Run:
    """One random history."""

    def __init__(self, data: st.DataObject, store: StreamStore) -> None:
        self.data = data
        self.store = store
        self.model = Model()
        self.harness = ServiceHarness()
        self.alice: Peer
        self.readers: list[Reader] = []
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

    async def append_file(self) -> None:
        """From a place in a line or at its begin, as an agent does after a restart."""
        known = self.model.lines_of_file
        begin = max(0, known + self.data.draw(st.integers(-2, 1 if known else 0)))
        end = begin + self.data.draw(st.integers(1, 3))
        within = self.data.draw(st.integers(0, 3)) if begin < known else 0
        texts = [line_of(number) for number in range(begin, end)]
        error = await self.send(
            [texts[0][within:], *texts[1:]], {"producer": FILE, "offset": offset_of(begin) + within}
        )
        assert error == self.model.append_file(begin, end)

    async def seal_or_begin(self) -> None:
        if self.model.is_sealed or self.data.draw(st.booleans()):
            await self.alice.call("create", "s", attempt=self.model.attempts[-1]["attempt"] + 1)
            self.model.begin_attempt()
        else:
            await self.alice.call("seal", "s", exit_code=self.model.exit_code)
            self.model.seal()

    async def read_attempt(self) -> None:
        """One of them, from its begin on; retention may have taken that."""
        wanted = self.data.draw(st.sampled_from(self.model.attempts))
        page = await self.alice.call("read", "s", attempt=wanted["attempt"])
        del page["attempt"]["begun_us"], page["attempt"]["reason"]
        later = self.model.attempts[wanted["attempt"] :]
        following = later[0]["first"] if later else None
        assert page["attempt"] == {**wanted, "next": following}
        assert page["first"] == max(wanted["first"], self.model.oldest)
        assert [text_of(record) for record in page["records"]] == self.model.texts[page["first"] :]

    async def send(self, texts: list[str], about: dict[str, Any]) -> str | None:
        """Append, and give the error's URI."""
        try:
            records = [wire_record(text, source=about["producer"]) for text in texts]
            await self.alice.call("append", "s", records, **about)
        except CallError as error:
            return error.uri
        return None

    async def subscribe(self) -> None:
        start = self.data.draw(st.integers(self.model.oldest, len(self.model.texts)))
        reader = self.harness.slow_peer(f"reader{len(self.readers)}")
        reader.subscribe("s", fairlead_start=start, fairlead_epoch=self.epoch)
        self.readers.append(Reader(start, reader, follows=False))

    async def follow(self) -> None:
        reader = self.harness.slow_peer(f"reader{len(self.readers)}")
        reader.follow("s")
        self.readers.append(Reader(self.model.oldest, reader, follows=True))

    async def pause_or_resume(self) -> None:
        if self.readers:
            reader = self.data.draw(st.sampled_from(self.readers)).peer
            self.data.draw(st.sampled_from([reader.pause, reader.resume]))()

    async def read(self) -> None:
        start = self.data.draw(st.integers(0, len(self.model.texts)))
        limit = self.data.draw(st.integers(1, 5))
        page = await self.alice.call("read", "s", start=start, epoch=self.epoch, limit=limit)
        first = max(start, self.model.oldest)
        assert (page["head"], page["first"], page["oldest"]) == (len(self.model.texts), first, self.model.oldest)
        assert page.get("lagged") == (None if first == start else {"from": start, "to": first})
        assert [text_of(record) for record in page["records"]] == self.model.texts[first : first + limit]

    async def read_filtered(self) -> None:
        source = self.data.draw(st.sampled_from([*PRODUCERS, FILE]))
        page = await self.alice.call("read", "s", sources=[source])
        shown = dict(zip(page.get("seqs", []), page["records"], strict=True))
        texts = enumerate(self.model.texts)
        expected = {seq: text for seq, text in texts if seq >= self.model.oldest and source_of(text) == source}
        assert {seq: record[2] for seq, record in shown.items() if not record[3] & 2} == expected

    async def restart(self) -> None:
        await self.check_readers()
        await self.harness.close()
        if isinstance(self.store, SqlStreamStore):
            self.store = SqlStreamStore.open(str(self.store._database._engine.url), "realm1")
        await self.trim()
        self.model.first_offered.clear()
        epoch = self.epoch
        await self.start()
        assert self.epoch == epoch

    async def trim(self) -> None:
        """Retention, while the service is away."""
        (row,) = await self.store.streams()
        key = StreamKey(row.id, row.epoch)
        batches = await self.store.read(key, row.oldest, row.head, 1 << 30)
        border = self.data.draw(st.sampled_from([row.oldest, row.oldest, *[batch.next for batch in batches]]))
        await self.store.trim(key, border)
        self.model.oldest = border

    async def check_readers(self) -> None:
        for reader in self.readers:
            reader.peer.resume()
            await eventually(lambda: self.has_all(reader))  # noqa: B023
        self.readers.clear()

    def has_all(self, reader: Reader) -> bool:
        """Whether it has what it should, up to the end, or to a seal that ended its call."""
        found = [text_of(record) for record in records_of(reader.peer.dicts)]
        assert found == self.model.texts[reader.start : reader.start + len(found)], "something else came"
        has_ended = reader.follows and any("sealed" in value for value in reader.peer.dicts)
        ends = self.model.seals if has_ended else [len(self.model.texts)]
        return reader.start + len(found) in ends

    async def finish(self) -> None:
        progress, final = self.alice.follow("s")
        if not self.model.is_sealed:
            await self.alice.call("seal", "s", exit_code=self.model.exit_code)
            self.model.seal()
        assert (await final)["sealed"]["next"] == len(self.model.texts)
        assert [text_of(record) for record in records_of(progress)] == self.model.texts[self.model.oldest :]
        await self.check_readers()


async def run_history(data: st.DataObject, store: StreamStore) -> None:
    run = Run(data, store)
    await run.start()
    try:
        await take_steps(run, data)
    finally:  # hypothesis ends an example where it likes
        await run.harness.close()


async def take_steps(run: Run, data: st.DataObject) -> None:
    reading = [run.subscribe, run.follow, run.pause_or_resume, run.read, run.read_filtered, run.read_attempt]
    steps = [run.append, run.append, run.append, run.append_file, run.seal_or_begin, *reading, run.restart]
    for _ in range(data.draw(st.integers(1, 25), label="steps")):
        await data.draw(st.sampled_from(steps))()
        if data.draw(st.booleans()):
            await asyncio.sleep(0)
    await run.finish()


@given(st.data())
@settings(max_examples=100 * HISTORIES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_history_over_memory(data: st.DataObject) -> None:
    await run_history(data, MemoryStreamStore())


@given(st.data())
@settings(max_examples=25 * HISTORIES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_history_over_sqlite(data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        store = SqlStreamStore.open(f"sqlite:///{Path(directory) / 'logs.sqlite'}", "realm1")
        await run_history(data, store)
