"""The harness of the log service sees what is lost, repeated or late."""

from __future__ import annotations

import pytest

from bench.load.dialects.wamp import UnexpectedMessageError
from bench.load.tally import Tally
from bench.logs.clients.base import Acknowledged
from bench.logs.clients.jetstream import Connection, UnexpectedAnswerError
from bench.logs.lines import BATCH_LINES, Check, Lines
from bench.logs.loads.append import IN_FLIGHT, Producer
from bench.logs.viewers import Audience, span
from bench.logs.workloads import WORKLOADS
from bench.suite.page import names
from bench.suite.section import EXACT, found


def seen(*batches: bytes) -> tuple[int, int]:
    check = Check()
    for batch in batches:
        check.see(batch)
    return check.lines, check.disordered


def test_lines_in_order_are_seen_as_such_in_every_form() -> None:
    lines = Lines(3)
    assert seen(lines.json(0), b"\n".join(lines.plain(1))) == (2 * BATCH_LINES, 0)
    assert {len(line) for line in lines.plain(1)} == {100}


@pytest.mark.parametrize("batches", [(0, 2), (0, 0), (1,)])
def test_a_lost_or_repeated_batch_is_seen(batches: tuple[int, ...]) -> None:
    lines = Lines(3)
    assert seen(*(lines.json(batch) for batch in batches))[1] > 0


def test_producers_are_told_apart() -> None:
    assert seen(Lines(1).json(0), Lines(2).json(0), Lines(1).json(1)) == (3 * BATCH_LINES, 0)


class FakeClient:
    """Acknowledges when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Acknowledged]] = []

    async def prepare(self) -> None: ...

    async def connect(self, producer: int) -> None: ...

    def send(self, producer: int, batch: int, acknowledged: Acknowledged) -> None:
        self.sent.append((batch, acknowledged))

    async def stored(self) -> Check:
        return Check()


async def test_a_batch_is_in_flight_until_all_its_lines_are_acknowledged() -> None:
    client, tally = FakeClient(), Tally()
    await Producer(client, 0, tally).start()
    assert len(client.sent) == IN_FLIGHT
    client.sent[0][1](BATCH_LINES - 1)
    assert (len(client.sent), tally.latencies_s) == (IN_FLIGHT, [])
    client.sent[0][1](1)
    assert ([batch for batch, _ in client.sent], len(tally.latencies_s)) == ([0, 1, 2, 3, 4], 1)
    assert (tally.received, tally.expected) == (BATCH_LINES, 5 * BATCH_LINES)


def test_the_last_viewer_counts() -> None:
    audience = Audience(2)
    audience.sent(20)
    audience.advanced(0, 20)
    assert audience.lags_s == []
    audience.advanced(0, 20)
    assert (len(audience.lags_s), audience.received) == (1, 40)


def test_viewers_may_get_several_appends_at_once() -> None:
    audience = Audience(2)
    audience.sent(20)
    audience.sent(40)
    audience.advanced(0, 40)
    audience.advanced(0, 20)
    assert len(audience.lags_s) == 1
    audience.advanced(20, 40)
    assert len(audience.lags_s) == 2


def test_what_is_no_batch_is_not_taken_for_one() -> None:
    with pytest.raises(UnexpectedMessageError):
        span(b'[36,1,2,{},[{"revoked":{"reason":"gone"}}]]')


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


@pytest.fixture
def jetstream() -> Connection:
    connection = Connection(4, 1)
    connection.connection_made(FakeTransport())  # type: ignore[arg-type]
    return connection


ACKNOWLEDGED = b'MSG _A.4.7 1 27\r\n{"stream":"bench", "seq":5}\r\n'


@pytest.mark.parametrize("cut", range(1, len(ACKNOWLEDGED)))
def test_an_acknowledgement_of_jetstream_may_come_in_parts(jetstream: Connection, cut: int) -> None:
    told: list[int] = []
    jetstream.publish(7, b"", told.append)
    jetstream.data_received(b"INFO {}\r\nPING\r\n" + ACKNOWLEDGED[:cut])
    jetstream.data_received(ACKNOWLEDGED[cut:] + ACKNOWLEDGED)
    assert (told, jetstream.highest) == ([1, 1], 5)


def test_an_error_of_jetstream_is_no_acknowledgement(jetstream: Connection) -> None:
    jetstream.publish(7, b"", lambda lines: pytest.fail(f"{lines} lines are stored"))
    with pytest.raises(UnexpectedAnswerError):
        jetstream.data_received(b'MSG _A.4.7 1 12\r\n{"error":{}}\r\n')


def test_a_table_says_what_is_missing() -> None:
    assert found(5, 0, 5) == EXACT
    assert found(4, 1, 5) == "**4 of 5, 1 out of order**"


def test_workloads_are_named_in_their_order() -> None:
    assert names(list(WORKLOADS), "fan-out,append") == ["append", "fan-out"]
