"""Which records `fairlead logs` shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fairlead_client.following import Batch
from fairlead_client.records import MARKER
from fairlead_server.commands._sifting import Grep, Sieve

RECORDS = [
    [10, "stdout", "Alpha", 0],
    [11, "stderr", "beta", 0],
    [12, "stdout", b"alpha \xff", 0],
    [13, "stdout", '{"lost":1}', MARKER],
    [14, "stdout", "Stra\u00dfe", 0],
]


def shown(sieve: Sieve, *, at_once: int = 5) -> list[int]:
    batches = [
        Batch(range(start, start + at_once), RECORDS[start : start + at_once])
        for start in range(0, len(RECORDS), at_once)
    ]
    batches[-1] = Batch(range(len(RECORDS) - len(batches[-1].records), len(RECORDS)), batches[-1].records)
    return [seq for batch in batches for seq in sieve.sifted(batch).seqs]


@pytest.mark.parametrize(
    ("sources", "seqs"), [((), [0, 1, 2, 3, 4]), (("stderr",), [1, 3]), (("stdout", "stderr"), [0, 1, 2, 3, 4])]
)
def test_sources_are_chosen_and_markers_are_of_none(sources: Sequence[str], seqs: list[int]) -> None:
    assert shown(Sieve(sources)) == seqs


def test_until_is_a_time_that_is_not_shown_itself() -> None:
    assert shown(Sieve(until_us=12)) == [0, 1]


@pytest.mark.parametrize(
    ("grep", "seqs"),
    [
        (Grep("alpha"), [2]),
        (Grep("alpha", ignores_case=True), [0, 2]),
        (Grep("STRASSE", ignores_case=True), [4]),
        (Grep("lost"), []),
        (Grep("nothing"), []),
        (Grep("beta", context=1), [0, 1, 2]),
        (Grep("a", context=1), [0, 1, 2, 3, 4]),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_grep_finds_a_text_and_what_is_around_it_however_the_records_come(
    grep: Grep, seqs: list[int], at_once: int
) -> None:
    fresh = Grep(grep._text, ignores_case=grep._ignores_case, context=grep._context)
    assert shown(Sieve(grep=fresh), at_once=at_once) == seqs


def test_what_is_around_is_of_the_chosen_sources() -> None:
    assert shown(Sieve(["stdout"], grep=Grep("Alpha", context=1))) == [0, 2]
