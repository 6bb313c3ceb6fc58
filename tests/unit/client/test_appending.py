"""What a writer calls next: exactly once, in order, whatever happens to sessions and answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_client.appending import APPENDS_IN_FLIGHT, Appender
from fairlead_client.backoff import LARGEST_S
from fairlead_client.errors import CallFailed
from fairlead_client.records import WireRecord
from fairlead_client.requests import APPEND, CREATE, SEAL, Request
from fairlead_client.spool import Spool
from fairlead_client.spool_meta import SpoolMeta
from support.log_service import LogService

LONG_AFTER_S = 10 * LARGEST_S


def lines(start: int, stop: int) -> list[WireRecord]:
    return [(number, "stdout", f"line {number} {'x' * 200}", 0) for number in range(start, stop)]


def seen(service: LogService) -> list[int]:
    return [record[0] for record in service.records]


class Bench:
    """An appender, a service, and a clock in between."""

    def __init__(self, spool: Spool, service: LogService | None = None) -> None:
        self.spool = spool
        self.service = service or LogService()
        self.appender = Appender(spool)
        self.now_s = 0.0
        self.called: list[str] = []

    def due(self) -> list[Request]:
        """What the appender wants called, after its pause if it makes one."""
        requests = self.appender.due(self.now_s)
        if not requests and self.appender.wait_s(self.now_s) is not None:
            self.now_s += LONG_AFTER_S
            requests = self.appender.due(self.now_s)
        self.called += [request.procedure for request in requests]
        return requests

    def answer(self, request: Request) -> None:
        try:
            result = self.service.answer(request)
        except CallFailed as error:
            self.appender.failed(request, error)
        else:
            self.appender.succeeded(request, result)
        if self.appender.must_save:
            self.spool.save_meta()
            self.appender.saved()

    def settle(self) -> None:
        """Answers until there is nothing more to call."""
        while requests := self.due():
            for request in requests:
                self.answer(request)

    def run(self) -> None:
        self.appender.connected()
        self.settle()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    spools: list[Spool] = []

    def make(service: LogService | None = None, meta: SpoolMeta | None = None) -> Bench:
        path = tmp_path / f"spool{len(spools)}"
        spools.append(Spool.create(path, meta or SpoolMeta("log", "writer"), segment_bytes=100_000))
        return Bench(spools[-1], service)

    yield make
    for spool in spools:
        spool.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


def test_everything_arrives_once_in_order_and_is_sealed(bench: Bench) -> None:
    bench.spool.append(lines(0, 2000))
    bench.spool.append_end(3, None)
    bench.run()
    assert seen(bench.service) == [*range(2000)]
    assert bench.service.sealed == {"exit_code": 3, "reason": None, "next": 2000}
    assert bench.appender.is_sealed
    assert bench.appender.is_idle
    assert bench.called[0] == CREATE
    assert bench.called[-1] == SEAL


def test_batches_are_cut_and_only_some_are_under_way(bench: Bench) -> None:
    bench.spool.append(lines(0, 3000))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    under_way = bench.due()
    assert [request.procedure for request in under_way] == [APPEND] * APPENDS_IN_FLIGHT
    assert bench.due() == []
    bench.answer(under_way[0])
    assert len(bench.due()) == 1
    assert bench.service.largest_append <= 64 * 1024


def test_nothing_is_called_without_a_session(bench: Bench) -> None:
    bench.spool.append(lines(0, 10))
    assert bench.due() == []
    bench.appender.connected()
    bench.appender.disconnected()
    assert bench.due() == []


def test_the_seal_waits_for_the_last_acknowledgement(bench: Bench) -> None:
    bench.spool.append(lines(0, 10))
    bench.spool.append_end(0, None)
    bench.appender.connected()
    bench.answer(bench.due()[0])
    [append] = bench.due()
    assert bench.due() == []
    bench.answer(append)
    assert [request.procedure for request in bench.due()] == [SEAL]


def test_what_was_stored_without_an_acknowledgement_is_not_stored_twice(bench: Bench) -> None:
    bench.spool.append(lines(0, 500))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    for request in bench.due():
        bench.service.answer(request)  # the answer is lost
    bench.appender.disconnected()
    bench.run()
    assert seen(bench.service) == [*range(500)]


def test_a_late_answer_of_a_lost_session_changes_nothing(bench: Bench) -> None:
    bench.spool.append(lines(0, 10))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    [append] = bench.due()
    bench.appender.disconnected()
    bench.appender.succeeded(append, {"first": 0, "next": 10, "epoch": 1})
    assert bench.appender.unsent == 10
    bench.run()
    assert seen(bench.service) == [*range(10)]


def test_a_gap_sends_what_is_expected_again(bench: Bench) -> None:
    bench.spool.append(lines(0, 1000))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    first, second, *others = bench.due()
    bench.answer(first)
    for request in others:  # the second one never arrived
        bench.answer(request)
    bench.appender.succeeded(second, {})
    bench.settle()
    assert seen(bench.service) == [*range(1000)]


def test_a_gap_that_the_spool_cannot_fill_is_marked(bench: Bench) -> None:
    for start in range(0, 2000, 100):
        bench.spool.append(lines(start, start + 100))
    bench.run()
    del bench.service.records[100:]
    bench.service.producers["writer"] = (0, 100)  # it has lost what it had acknowledged
    bench.spool.append(lines(2000, 2010))
    bench.settle()
    marker = bench.service.records[100]
    assert marker[2] == f'{{"lost":{int(seen(bench.service)[101]) - 100}}}'
    assert seen(bench.service)[101:] == [*range(seen(bench.service)[101], 2010)]


def test_dropped_records_are_marked(make: Callable[..., Bench], tmp_path: Path) -> None:
    spool = Spool.create(tmp_path / "small", SpoolMeta("log", "writer"), limit_bytes=20_000)
    bench = Bench(spool)
    for start in range(0, 200, 10):
        spool.append(lines(start, start + 10))
    bench.run()
    kept = len(seen(bench.service)) - 1
    assert kept < 199
    assert bench.service.records[kept][2] == f'{{"lost":{200 - kept}}}'  # before anything else is written
    spool.append(lines(200, 210))
    bench.settle()
    assert seen(bench.service)[kept + 1 :] == [*range(200, 210)]
    spool.close()


def test_drops_at_the_very_end_are_marked_before_the_seal(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path / "small", SpoolMeta("log", "writer"), limit_bytes=20_000)
    bench = Bench(spool)
    for start in range(0, 200, 10):
        spool.append(lines(start, start + 10))
    spool.append_end(0, None)
    bench.run()
    assert bench.service.records[-1][1] == "fairlead"
    assert bench.appender.is_idle
    spool.close()


def test_a_replaced_store_gets_all_that_the_spool_still_has(bench: Bench) -> None:
    bench.spool.append(lines(0, 100))
    bench.run()
    bench.appender.disconnected()
    bench.service.replace()
    bench.spool.append(lines(100, 110))
    bench.run()
    assert seen(bench.service) == [*range(110)]


def test_an_error_that_passes_is_retried_after_a_growing_pause(bench: Bench) -> None:
    bench.spool.append(lines(0, 10))
    bench.appender.connected()
    pauses = []
    for _ in range(4):
        [create] = bench.due()
        assert create.procedure == CREATE
        bench.appender.failed(create, CallFailed("fairlead.error.store_failed"))
        assert bench.appender.due(bench.now_s) == []
        pauses.append(bench.appender.wait_s(bench.now_s) or 0)
    assert 0 < pauses[0] <= 0.1
    assert pauses[-1] >= 0.4
    bench.settle()
    assert seen(bench.service) == [*range(10)]


def test_a_pause_that_is_over_before_anybody_waits_is_not_waited_for_forever(bench: Bench) -> None:
    bench.appender.connected()
    [create] = bench.due()
    bench.appender.failed(create, CallFailed("fairlead.error.store_failed"))
    assert bench.appender.due(bench.now_s) == []
    assert bench.appender.wait_s(bench.now_s + LONG_AFTER_S) == 0


def test_an_unknown_error_of_an_append_is_retried_from_what_is_acknowledged(bench: Bench) -> None:
    bench.spool.append(lines(0, 500))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    first, second = bench.due()[:2]
    bench.answer(first)
    bench.appender.failed(second, CallFailed("com.example.surprise"))
    bench.settle()
    assert seen(bench.service) == [*range(500)]


@pytest.mark.parametrize(
    "uri",
    ["wamp.error.not_authorized", "fairlead.error.fenced", "fairlead.error.sealed", "wamp.error.invalid_argument"],
)
def test_a_refusal_for_good_ends_the_sending_and_keeps_the_spool(bench: Bench, uri: str) -> None:
    bench.spool.append(lines(0, 10))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    [append] = bench.due()
    bench.appender.failed(append, CallFailed(uri, "no"))
    assert bench.due() == []
    assert bench.appender.is_finished
    assert bench.appender.failure is not None
    assert bench.appender.failure.uri == uri
    assert bench.appender.unsent == 10


def test_a_seal_whose_answer_was_lost_counts(bench: Bench) -> None:
    bench.spool.append(lines(0, 10))
    bench.spool.append_end(1, None)
    bench.appender.connected()
    for _ in range(2):
        bench.answer(bench.due()[0])
    [seal] = bench.due()
    bench.service.answer(seal)
    bench.appender.disconnected()
    bench.run()
    assert bench.appender.is_sealed


def test_a_sealed_stream_is_refused_before_anything_is_sent(make: Callable[..., Bench]) -> None:
    old = make()
    old.spool.append_end(3, None)
    old.run()
    new = make(old.service, SpoolMeta("log", "another"))
    new.run()
    assert new.called == [CREATE]
    assert new.appender.failure is not None
    assert new.appender.failure.uri == "fairlead.error.sealed"
    assert new.appender.failure.details == {"exit_code": 3, "reason": None, "next": 0, "attempt": 1}


def test_the_next_attempt_goes_on_with_a_sealed_stream(make: Callable[..., Bench]) -> None:
    old = make()
    old.spool.append_end(3, None)
    old.run()
    new = make(old.service, SpoolMeta("log", "another", attempt=2))
    new.spool.append(lines(0, 10))
    new.spool.append_end(0, None)
    new.run()
    assert seen(new.service) == [0, *range(10)]  # behind the marker
    assert new.appender.is_sealed


def test_a_spool_that_was_sent_and_sealed_is_done_again_without_harm(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.spool.append(lines(0, 10))
    bench.spool.append_end(3, None)
    bench.run()
    again = Bench(bench.spool, bench.service)
    again.run()
    assert again.appender.is_idle
    assert seen(bench.service) == [*range(10)]


def test_a_spool_that_was_left_is_sent_on_from_where_the_service_is(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.spool.append(lines(0, 500))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    bench.answer(bench.due()[0])
    arrived = len(seen(bench.service))
    assert 0 < arrived < 500
    again = Bench(bench.spool, bench.service)
    again.run()
    assert seen(bench.service) == [*range(500)]
    assert bench.service.producers == {"writer": (0, 500)}


def test_a_new_spool_of_a_known_producer_takes_over_behind_what_it_had(make: Callable[..., Bench]) -> None:
    old = make()
    old.spool.append(lines(0, 10))
    old.run()
    new = make(old.service, SpoolMeta("log", "writer", takes_over=True))
    new.spool.append(lines(10, 20))
    new.run()
    assert seen(old.service) == [*range(20)]
    [(term, seq)] = old.service.producers.values()
    assert (term > 0, seq) == (True, 20)
    old.spool.append(lines(100, 110))
    old.settle()
    assert old.appender.failure is not None
    assert old.appender.failure.uri == "fairlead.error.fenced"


def test_create_says_what_the_stream_is_about(make: Callable[..., Bench]) -> None:
    bench = make(meta=SpoolMeta("log", "writer", object="job", project="lab", attempt=2))
    bench.run()
    assert bench.service.creates == [{"object": "job", "project": "lab", "producer": "writer", "attempt": 2}]


def test_two_who_take_over_at_once_lose_nothing_and_one_of_them_is_told(make: Callable[..., Bench]) -> None:
    service = LogService()
    both = [make(service, SpoolMeta("log", "writer", takes_over=True)) for _ in range(2)]
    for each in both:
        each.appender.connected()
        each.answer(each.due()[0])  # both know the same place
    both[0].spool.append(lines(0, 10))
    both[0].settle()
    both[1].spool.append(lines(10, 20))
    both[1].settle()
    both[0].spool.append(lines(20, 30))
    both[0].settle()
    failed = [each for each in both if each.appender.failure is not None]
    assert len(failed) == 1
    assert failed[0].appender.failure is not None
    assert failed[0].appender.failure.uri == "fairlead.error.fenced"
    assert len(seen(service)) + sum(each.appender.unsent for each in both) == 30


def test_what_was_not_sent_when_another_took_over_is_not_taken_for_sent(make: Callable[..., Bench]) -> None:
    old = make(meta=SpoolMeta("log", "writer", takes_over=True))
    old.spool.append(lines(0, 10))
    old.run()
    old.appender.disconnected()
    old.spool.append(lines(10, 20))
    new = make(old.service, SpoolMeta("log", "writer", takes_over=True))
    while new.spool.meta.term is None or new.spool.meta.term <= (old.spool.meta.term or 0):
        new.spool.meta.term = None  # the terms are chosen at random above the one known
        new.spool.append(lines(100, 150))
        new.run()
    old.run()
    assert old.appender.failure is not None
    assert old.appender.failure.uri == "fairlead.error.fenced"
    assert old.appender.unsent == 10


def test_a_spool_that_lost_its_end_to_a_power_loss_goes_on_behind_what_arrived(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.spool.append(lines(0, 10))
    position = bench.spool.read(bench.spool.oldest)
    bench.spool.append(lines(10, 20))
    bench.run()
    bench.spool.close()
    assert position is not None
    [segment] = bench.spool.path.glob("*.seg")
    os.truncate(segment, position.after.offset)  # never synced
    spool = Spool.open(bench.spool.path)
    again = Bench(spool, bench.service)
    spool.append(lines(20, 30))
    again.run()
    assert seen(bench.service) == [*range(30)]
    spool.close()


def test_what_a_power_loss_took_is_known_to_whoever_sends_next(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.spool.append(lines(0, 20))
    bench.run()
    bench.spool.close()
    [segment] = bench.spool.path.glob("*.seg")
    os.truncate(segment, 0)  # never synced
    offline = Spool.open(bench.spool.path)
    offline.append(lines(20, 30))
    offline.close()  # no server answered
    spool = Spool.open(bench.spool.path)
    Bench(spool, bench.service).run()
    assert seen(bench.service) == [*range(30)]
    spool.close()


def test_nothing_is_sent_before_the_place_is_saved(bench: Bench) -> None:
    bench.spool.append(lines(0, 10))
    bench.appender.connected()
    [create] = bench.due()
    bench.appender.succeeded(create, bench.service.answer(create))
    assert bench.appender.must_save
    assert bench.due() == []
    bench.appender.saved(OSError(28, "No space left on device"))
    assert [request.procedure for request in bench.due()] == [CREATE]  # again, after a pause
    bench.settle()


def test_who_promised_to_be_heard_is_heard_without_records(make: Callable[..., Bench]) -> None:
    bench = make(meta=SpoolMeta("log", "writer", heartbeat_s=3))
    bench.spool.append(lines(0, 10))
    bench.appender.connected()
    bench.answer(bench.due()[0])
    bench.answer(bench.due()[0])
    assert bench.service.creates[0]["heartbeat_s"] == 3
    assert bench.appender.due(0.5) == []
    assert bench.appender.wait_s(0.5) == 0.5
    [heartbeat] = bench.appender.due(1.0)
    assert (heartbeat.procedure, heartbeat.args[1], heartbeat.kwargs["seq"]) == (APPEND, [], 10)
    assert bench.appender.due(5.0) == []  # one at a time
    bench.answer(heartbeat)
    assert seen(bench.service) == [*range(10)]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_history_of_losses_ends_with_every_record_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    spool = Spool.create(tmp_path_factory.mktemp("s") / "spool", SpoolMeta("log", "writer"), segment_bytes=50_000)
    bench = Bench(spool)
    bench.appender.connected()
    written = 0
    under_way: list[Request] = []
    for step in data.draw(
        st.lists(st.sampled_from(["write", "due", "answer", "lose_answer", "disconnect"]), max_size=60)
    ):
        if step == "write":
            spool.append(lines(written, written + 150))
            written += 150
        elif step == "due":
            under_way += bench.due()
        elif step == "disconnect":
            arrived = data.draw(st.integers(0, len(under_way)))  # in order, up to some point
            for request in under_way[:arrived]:
                bench.service.answer(request)
            under_way = []
            bench.appender.disconnected()
            bench.appender.connected()
        elif under_way:
            request = under_way.pop(0)
            if step == "answer":
                bench.answer(request)
            else:
                bench.service.answer(request)
                bench.appender.failed(request, CallFailed("wamp.error.timeout"))
                under_way = []
    bench.appender.disconnected()
    spool.append_end(0, None)
    bench.run()
    assert seen(bench.service) == [*range(written)]
    assert bench.appender.is_idle
    spool.close()
