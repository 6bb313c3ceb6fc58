"""The harness counts right: a wrong benchmark is worse than none."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import procfs
from bench.cli import parser
from bench.environment import Environment
from bench.load.dialects.base import OnReply
from bench.load.dialects.wamp_json import check_marker
from bench.load.group import Group
from bench.load.tally import Tally
from bench.peers import PEERS
from bench.report import complaint, table
from bench.results import Measurement, Outcome
from bench.rounds import Plan, measure
from bench.summary import summarize
from bench.workloads import WORKLOADS

EVENT = b"\x81\x05[..#]"


class FakeRouter:
    """A dialect whose subscribers are fed by the test."""

    marker = ord("#")

    def __init__(self) -> None:
        self.receivers: list[asyncio.BufferedProtocol] = []
        self.published = 0

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        self.receivers.append(receiver)

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        def publish() -> None:
            self.published += 1

        return publish

    async def callee(self, procedure: str, on_close: Callable[[], None]) -> None:
        raise NotImplementedError

    async def caller(self, procedure: str, on_reply: OnReply, on_close: Callable[[], None]) -> Callable[[], None]:
        raise NotImplementedError

    def deliver(self, receiver: int, data: bytes) -> None:
        to = self.receivers[receiver]
        memoryview(to.get_buffer(len(data)))[: len(data)] = data
        to.buffer_updated(len(data))


async def test_publication_is_in_flight_until_every_subscriber_has_its_event() -> None:
    router, tally = FakeRouter(), Tally()
    group = Group(tally, subscribers=2, window=2)
    await group.connect(router, "topic")
    group.start()
    assert router.published == 2
    router.deliver(0, EVENT + EVENT)
    assert router.published == 2
    router.deliver(1, EVENT)
    assert router.published == 3
    tally.is_sending = False
    router.deliver(1, EVENT)
    assert (router.published, tally.expected, tally.received) == (3, 6, 4)
    assert len(tally.latencies_s) == 4


async def test_event_split_between_reads_counts_once() -> None:
    router, tally = FakeRouter(), Tally()
    group = Group(tally, subscribers=1, window=3)
    await group.connect(router, "topic")
    group.start()
    for at in range(len(EVENT)):
        router.deliver(0, EVENT[at : at + 1])
    assert tally.received == 1


def test_payload_whose_frame_header_could_hold_the_marker_is_refused() -> None:
    check_marker(100)
    with pytest.raises(ValueError, match="holds the byte '#'"):
        check_marker(0x2300 - 50)


def test_family_and_times_of_this_process() -> None:
    assert os.getpid() in procfs.family(os.getpid())
    assert procfs.cpu_s(os.getpid()) > 0
    assert procfs.rss_bytes(os.getpid()) > 1 << 20


def measured(cpu_us: float, received: int = 1000) -> Measurement:
    return Measurement(
        units=1000,
        wall_s=1.0,
        router_cpu_s=cpu_us * 1000 / 1e6,
        load_cpu_s=0.1,
        p50_us=1.0,
        p99_us=2.0,
        latency_samples=1000,
        rss_bytes=1,
        expected=1000,
        received=received,
        refused=0,
        closed=0,
    )


def outcomes(peer: str, *measurements: Measurement) -> list[Outcome]:
    return [Outcome(round=number, workload="w", peer=peer, measurement=one) for number, one in enumerate(measurements)]


def test_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    ours = outcomes("us", measured(10), measured(20), measured(40))
    theirs = outcomes("them", measured(50), measured(40), measured(120))
    _, row = summarize(ours + theirs, "us")
    assert row.ratio is not None
    assert [row.ratio.lowest, row.ratio.median, row.ratio.highest] == pytest.approx([2.0, 3.0, 5.0])
    assert row.cpu_us == pytest.approx(50)


def test_peer_that_lost_something_in_one_round_is_not_compared() -> None:
    ours = outcomes("us", measured(10), measured(10))
    theirs = outcomes("them", measured(5), measured(5, received=990))
    _, row = summarize(ours + theirs, "us")
    assert row.ratio is None
    assert complaint(row) == "**lost 10 of 2,000**"


def test_repeated_events_are_a_complaint() -> None:
    (row,) = summarize(outcomes("them", measured(5, received=1001)), "us")
    assert complaint(row) == "**events repeated**"


def test_failed_peer_is_reported_with_its_reason() -> None:
    (row,) = summarize([Outcome(round=1, workload="w", peer="p", failure="no port")], "us")
    assert (row.rounds, row.failure) == (0, "no port")


def test_every_second_round_goes_backwards() -> None:
    peers = [PEERS["crossbar"], PEERS["nexus"]]
    plan = Plan(peers=peers, workloads=[WORKLOADS["calls-1"]], rounds=2, warmup_s=0, measured_s=0)
    assert [peer for _, _, peer in plan.steps()] == peers + peers[::-1]


@pytest.mark.parametrize("workload", ["fan-out-10-window-1", "one-to-one-100", "calls-10"])
def test_everything_arrives_over_our_own_router(workload: str) -> None:
    plan = Plan(peers=[], workloads=[], rounds=1, warmup_s=0.05, measured_s=0.2)
    outcome = measure(plan, 1, WORKLOADS[workload], PEERS["fairlead-embedded"])
    assert outcome.measurement is not None, outcome.failure
    assert outcome.measurement.is_complete
    assert outcome.measurement.latency_samples > 0
    assert outcome.measurement.router_cpu_s > 0


def test_router_that_does_not_start_is_reported_with_what_it_printed() -> None:
    class Broken:
        name, dialect, path = "broken", "wamp-json", "/"

        def prepare(self, environment: Environment) -> str:
            return "0"

        def command(self, port: int, directory: Path) -> list[str]:
            return [sys.executable, "-c", "raise SystemExit('no such realm')"]

    plan = Plan(peers=[], workloads=[], rounds=1, warmup_s=0, measured_s=0)
    outcome = measure(plan, 1, WORKLOADS["calls-1"], Broken())
    assert "ended with 1" in outcome.failure
    assert "no such realm" in outcome.failure


def test_table_lines_up_in_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---:|\n| 1 | 2 |"


def test_unknown_peer_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--peers", "crosbar"])
    assert "crosbar is not one of fairlead" in capsys.readouterr().err
