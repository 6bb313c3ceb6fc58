"""The harness counts right: a wrong benchmark is worse than none."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from bench import plots, procfs
from bench.cli import parser
from bench.environment import Environment
from bench.load.dialects.base import Dialect
from bench.load.dialects.notations import JSON, MESSAGE_PACK, Notation, check_marker
from bench.load.group import Group
from bench.load.tally import Tally
from bench.peers import PEERS
from bench.peers.base import takes
from bench.report import complaint, table
from bench.results import Measurement, Outcome
from bench.rounds import Plan, measure
from bench.router.workloads import WORKLOADS as ROUTER_WORKLOADS
from bench.router.workloads import features, growth, latency
from bench.suite.running import Run
from bench.summary import summarize
from bench.targets import Target, targets
from bench.workloads import WORKLOADS

EVENT = b"\x81\x05[..#]"
LONG_EVENT = b"\x82..#~#!xx"


class FakeRouter(Dialect):
    """A dialect whose subscribers are fed by the test."""

    marker = b"#"

    def __init__(self) -> None:
        self.receivers: list[asyncio.BufferedProtocol] = []
        self.published = 0

    async def subscribe(self, topic: str, receiver: asyncio.BufferedProtocol) -> None:
        self.receivers.append(receiver)

    async def publisher(self, topic: str, on_close: Callable[[], None]) -> Callable[[], None]:
        def publish() -> None:
            self.published += 1

        return publish

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


@pytest.mark.parametrize("split", range(1, 2 * len(LONG_EVENT)))
async def test_marker_of_several_bytes_counts_once_wherever_it_is_split(split: int) -> None:
    router, tally = FakeRouter(), Tally()
    router.marker = b"#~#!"
    await Group(tally, subscribers=1).connect(router, "topic")
    events = 2 * LONG_EVENT
    router.deliver(0, events[:split])
    router.deliver(0, events[split:])
    assert tally.received == 2


async def test_split_marker_of_one_connection_is_not_completed_by_another() -> None:
    router, tally = FakeRouter(), Tally()
    router.marker = b"#~#!"
    await Group(tally, subscribers=2).connect(router, "topic")
    router.deliver(0, b"...#~")
    router.deliver(1, b"#!...")
    assert tally.received == 0
    router.deliver(0, b"#!...")
    assert tally.received == 1


@pytest.mark.parametrize("notation", [JSON, MESSAGE_PACK])
@pytest.mark.parametrize("number", [1, 200, 70_000, 2**40])
def test_notation_reads_the_requests_that_it_makes(notation: Notation, number: int) -> None:
    head, tail = notation.parts(16, [{}, "topic"], notation.args(100))
    message = head(number) + tail
    kind, request, options, topic, args = notation.decode(message)
    assert (kind, request, options, topic, len(args[0])) == (16, number, {}, "topic", 100)
    assert message.count(notation.marker) == 1
    assert notation.read(message) == (16, number)
    assert notation.read(notation.encode([8, 48, number, {}, "wamp.error.canceled"])) == (8, number)


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
    _, row = summarize(ours + theirs)
    assert row.ratio is not None
    assert [row.ratio.lowest, row.ratio.median, row.ratio.highest] == pytest.approx([2.0, 3.0, 5.0])
    assert row.cpu_us == pytest.approx(50)


def test_peer_that_lost_something_in_one_round_is_not_compared() -> None:
    ours = outcomes("us", measured(10), measured(10))
    theirs = outcomes("them", measured(5), measured(5, received=990))
    _, row = summarize(ours + theirs)
    assert row.ratio is None
    assert complaint(row) == "**lost 10 of 2,000**"


def test_repeated_events_are_a_complaint() -> None:
    (row,) = summarize(outcomes("them", measured(5, received=1001)))
    assert complaint(row) == "**events repeated**"


def test_failed_peer_is_reported_with_its_reason() -> None:
    (row,) = summarize([Outcome(round=1, workload="w", peer="p", failure="no port")])
    assert (row.rounds, row.failure) == (0, "no port")


def compared(workload: str, ours: Measurement, theirs: Measurement, peer: str = "nexus") -> list[Target]:
    """The targets of a workload that was measured once."""
    pairs = (("fairlead", ours), (peer, theirs))
    found = [Outcome(round=1, workload=workload, peer=name, measurement=measurement) for name, measurement in pairs]
    return list(targets(summarize(found), {workload: "Work"}, None))


def test_target_is_met_by_what_costs_little_enough() -> None:
    assert compared("calls-10", measured(5), measured(10)) == [Target("Work: CPU beside nexus", "0.5", "0.50", True)]
    assert compared("calls-10", measured(6), measured(10)) == [Target("Work: CPU beside nexus", "0.5", "0.60", False)]


def test_nothing_is_dearer_than_the_rival_where_no_other_target_is() -> None:
    (target,) = compared("fan-out-10-window-1", measured(11), measured(10))
    assert (target.at_most, target.is_met) == ("1", False)


def test_peer_that_lost_something_is_no_measure() -> None:
    (target,) = compared("calls-10", measured(5), measured(10, received=999))
    assert (target.measured, target.is_met) == ("nexus lost or refused something", None)
    (target,) = compared("calls-10", measured(5, received=999), measured(10))
    assert (target.measured, target.is_met) == ("we lost something", False)


def test_held_memory_is_a_target() -> None:
    held = replace(measured(5), rss_bytes=201_000_000, rss_before_bytes=1_000_000, holds=10_000)
    memory = compared("idle-10000", held, measured(10))[-1]
    assert memory.cells() == ["Work: memory of each", "20 kB", "20.0 kB", "yes"]


def test_figures_are_drawn_with_readable_text(tmp_path: Path) -> None:
    rows = summarize(outcomes("fairlead", measured(10)) + outcomes("nexus", measured(50)))
    plots.costs(tmp_path / "costs.svg", rows)
    plots.growth(tmp_path / "growth.svg", {"fairlead": [(1, 2.0), (10, 3.0)]}, "topics", "CPU")
    assert ">nexus<" in (tmp_path / "costs.svg").read_text(encoding="utf-8")
    assert "topics" in (tmp_path / "growth.svg").read_text(encoding="utf-8")


def test_peer_is_measured_in_what_it_can_do_and_is_meant_for() -> None:
    assert not takes(PEERS["floor"], WORKLOADS["calls-1"])
    assert takes(PEERS["floor"], WORKLOADS["fan-out-10-window-1"])
    assert [name for name, peer in PEERS.items() if takes(peer, WORKLOADS["connects-wampcra"])] == [
        "fairlead-embedded",
        "crossbar",
        "nexus",
    ]


def test_every_second_round_goes_backwards() -> None:
    peers = [PEERS["crossbar"], PEERS["nexus"]]
    plan = Plan(peers=peers, workloads=[WORKLOADS["calls-1"]], rounds=2, warmup_s=0, measured_s=0)
    assert [peer for _, _, peer in plan.steps()] == peers + peers[::-1]


@pytest.mark.parametrize(
    "workload",
    [
        "fan-out-10-window-1",
        "one-to-one-100-messagepack",
        "calls-10",
        "calls-10-messagepack",
        "connects",
        "connects-wampcra",
    ],
)
def test_everything_arrives_over_our_own_router(workload: str) -> None:
    plan = Plan(peers=[], workloads=[], rounds=1, warmup_s=0.05, measured_s=0.2)
    outcome = measure(plan, 1, WORKLOADS[workload], PEERS["fairlead-embedded"])
    assert outcome.measurement is not None, outcome.failure
    assert outcome.measurement.is_complete
    assert outcome.measurement.latency_samples > 0
    assert outcome.measurement.router_cpu_s > 0


@pytest.mark.parametrize("section", ["features", "topics", "latency", "members", "clients"])
def test_quick_run_of_the_router_by_itself_is_exact(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "COMPARED", ("fairlead",))
    monkeypatch.setattr(latency, "CASES", latency.CASES[1:2])
    monkeypatch.setattr(features, "MEASURED", ("fan-out-10-window-1", "calls-10"))
    run = Run(Console(quiet=True), Namespace(quick=True))
    made = ROUTER_WORKLOADS[section](run)
    assert made.is_exact, made.rows
    assert "|" in made.markdown()


def test_router_that_does_not_start_is_reported_with_what_it_printed() -> None:
    class Broken:
        name, protocol, url = "broken", "wamp", "ws://127.0.0.1:{port}/"
        lacks: frozenset[str] = frozenset()
        only_for: frozenset[str] = frozenset()

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


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1000", "x"])
def test_seconds_that_are_none_are_one_clear_line(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([f"--seconds={seconds}"])
    assert f"{seconds} is not a number of seconds above 0" in capsys.readouterr().err


def test_unknown_peer_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--peers", "crosbar"])
    assert "crosbar is not one of fairlead" in capsys.readouterr().err
