"""Entries of the journal as records, and the places in it that are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_server.commands._journal import Entry, Place, Places, batches, entry_of
from fairlead_server.errors import CommandError

HEAD = {"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "7"}


@pytest.mark.parametrize(
    ("fields", "records"),
    [
        ({"MESSAGE": "hello", "SYSLOG_IDENTIFIER": "sshd", "_COMM": "x"}, [(7, "sshd", "hello", 0)]),
        ({"MESSAGE": "a\nb", "_COMM": "x"}, [(7, "x", "a", 0), (7, "x", "b", 0)]),
        ({"MESSAGE": [255, 10, 65]}, [(7, "journal", b"\xff", 0), (7, "journal", "A", 0)]),
        ({"MESSAGE": ["one", [116, 119, 111]]}, [(7, "journal", "one", 0), (7, "journal", "two", 0)]),
        ({"MESSAGE": "x", "SYSLOG_IDENTIFIER": "n" * 100}, [(7, "n" * 64, "x", 0)]),
        ({"MESSAGE": None}, []),
        ({}, []),
    ],
)
def test_a_message_is_a_record_a_line(fields: dict, records: list) -> None:
    assert entry_of({**HEAD, **fields}) == Entry("s=1", records)


@pytest.mark.parametrize("fields", [{}, {"__CURSOR": "s"}, {**HEAD, "__REALTIME_TIMESTAMP": "x"}])
def test_what_is_no_entry_is_an_error(fields: dict) -> None:
    with pytest.raises(ValueError):
        entry_of(fields)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_whatever_the_service_has_the_place_before_it_is_kept(
    tmp_path_factory: pytest.TempPathFactory, steps: list
) -> None:
    path = tmp_path_factory.mktemp("places") / "places.json"
    acknowledged, following = 0, 0
    cursors: dict[int, str | None] = {0: None}
    for count, progress in steps:
        Places(path).add(Place(following, cursors[following]), acknowledged)
        following += count
        cursors.setdefault(following, f"c{following}")
        acknowledged = min(acknowledged + progress, following)
        for has in range(acknowledged, following + 1):
            place = Places(path).before(has)
            assert place is not None
            assert place.seq <= has
            assert cursors[place.seq] == place.cursor


def test_without_a_file_only_the_begin_is_known(tmp_path: Path) -> None:
    places = Places(tmp_path / "new" / "places.json")
    assert places.before(0) == Place(0, None)
    assert places.before(1) is None


def test_a_file_that_is_none_of_ours_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "places.json").write_text("[1]")
    with pytest.raises(CommandError, match="cannot read"):
        Places(tmp_path / "places.json")


async def test_entries_that_come_together_are_sent_together_and_silence_is_told() -> None:
    async def found() -> AsyncIterator[Entry]:
        for number in range(250):
            yield Entry(str(number), [])

    sizes = [len(batch) async for batch in batches(found(), 10)]
    assert sizes == [100, 100, 50]
