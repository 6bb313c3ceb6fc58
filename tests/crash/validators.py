"""What must hold after a crash of the log service, each by its name: a validator lists what is wrong, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crash.found import Found
from crash.told import StreamTold

Validator = Callable[[StreamTold, Found], Iterator[str]]


def complete(told: StreamTold, found: Found) -> Iterator[str]:
    """What was acknowledged is there, where the acknowledgement said."""
    for producer, end, first, following in told.stored:
        expected = [(producer, number) for number in range(end - (following - first), end)]
        there = found.records[first - found.oldest : following - found.oldest]
        if first >= found.oldest and there != expected:
            yield f"{producer}'s records up to {end} were to be at {first} to {following}: {there} is there"


def ordered(_told: StreamTold, found: Found) -> Iterator[str]:
    """Each producer's records follow one another, none twice and none missing in between."""
    for producer in found.producers:
        numbers = found.numbers(producer)
        begin = numbers[0] if numbers and found.oldest else 0
        if numbers != list(range(begin, begin + len(numbers))):
            yield f"{producer}'s records are not in order: {numbers}"


def asked(told: StreamTold, found: Found) -> Iterator[str]:
    """Nothing is there that nobody sent."""
    for producer in found.producers:
        beyond = [number for number in found.numbers(producer) if number >= told.offered.get(producer, 0)]
        if beyond:
            yield f"{producer} never sent {beyond}"


def positioned(_told: StreamTold, found: Found) -> Iterator[str]:
    """The service knows how far each producer is: behind the last record that it has of it."""
    for producer, seq in found.producers.items():
        numbers = found.numbers(producer)
        if (numbers or found.oldest == 0) and seq != len(numbers and range(numbers[-1] + 1)):
            yield f"{producer} is to go on at {seq}, and its last record is {numbers[-1:]}"


def counted(_told: StreamTold, found: Found) -> Iterator[str]:
    """The stream is as long as it says."""
    if found.head != found.oldest + len(found.records):
        yield f"{found.oldest} to {found.head}, and {len(found.records)} records"


def begun(told: StreamTold, found: Found) -> Iterator[str]:
    """It is the same stream, at an attempt that was begun; each has its marker, and the stream knows where."""
    if told.epoch not in {None, found.epoch}:
        yield f"epoch {told.epoch} became {found.epoch}"
    if not max(told.attempts, default=1) <= found.attempt <= told.asked_attempt:
        yield f"attempt {found.attempt}, but {told.attempts} were acknowledged and {told.asked_attempt} was asked for"
    for attempt, following in told.attempts.items():
        marker = found.records[following - 1 - found.oldest : following - found.oldest]
        if following > found.oldest and marker != [("attempt", attempt)]:
            yield f"at {following - 1} is {marker}, not the marker of attempt {attempt}"
        first, _exit_code = found.attempts.get(attempt, (None, None))
        if first != following - 1 and found.remembers(attempt):
            yield f"attempt {attempt} is to begin at {following - 1}, not at {first}"


def ended(told: StreamTold, found: Found) -> Iterator[str]:
    """An acknowledged seal holds until the next attempt, its exit code longer; none is there that nobody asked for."""
    for attempt in filter(found.remembers, told.sealed):
        if found.attempts.get(attempt, (None, None))[1] != attempt:
            yield f"attempt {attempt} was sealed, and what is known of it is {found.attempts.get(attempt)}"
    acknowledged = told.sealed.get(found.attempt)
    if found.sealed is None:
        if acknowledged is not None:
            yield f"the seal of attempt {found.attempt} is lost"
        return
    at = found.sealed["next"]
    if found.sealed["exit_code"] != found.attempt or at != found.head or acknowledged not in {None, at}:
        yield f"sealed {found.sealed} at attempt {found.attempt} and head {found.head}: {acknowledged} was acknowledged"
    if found.attempt not in told.asked_seals:
        yield f"nobody sealed attempt {found.attempt}"


def committed(told: StreamTold, found: Found) -> Iterator[str]:
    """The consumer's cursor is where it was committed, or where a commit was under way to."""
    if told.committed is None and found.cursor is None:
        return
    if found.cursor not in told.asked_commits or found.cursor < (told.committed or 0):
        yield f"the cursor is at {found.cursor}, and {told.committed} was acknowledged"


def trimmed(told: StreamTold, found: Found) -> Iterator[str]:
    """What retention has taken does not come back, and it has taken no more."""
    if found.oldest < told.oldest or found.oldest not in {told.oldest, *told.asked_trims}:
        yield f"the oldest record is {found.oldest}: retention went to {told.oldest}, of {told.asked_trims}"


VALIDATORS: tuple[Validator, ...] = (
    complete, ordered, asked, positioned, counted, begun, ended, committed, trimmed
)  # fmt: skip


def resumed_whole(told: StreamTold, found: Found, resumed: Found) -> Iterator[str]:
    """Once each writer has sent what was missing all is there, and what was there has not moved."""
    if resumed.records[: len(found.records)] != found.records:
        yield "what was there has changed"
    for producer, end in told.offered.items():
        if resumed.numbers(producer)[-1:] not in ([], [end - 1]):
            yield f"{producer} has sent {end}, {resumed.numbers(producer)[-1:]} is the last"
    yield from ordered(told, resumed)
