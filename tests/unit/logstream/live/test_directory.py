"""The directory: names in order, also while it changes."""

from __future__ import annotations

from fairlead_logstream.live.directory import Directory
from fairlead_logstream.model.rows import State
from unit.logstream.fakes import NOW_US, StreamHarness


async def directory_of(*names: str) -> Directory:
    directory = Directory(StreamHarness().surroundings)
    for name in names:
        await directory.create(name, name, State())
    return directory


async def test_names_come_in_order_from_behind_a_name() -> None:
    directory = await directory_of("b", "a", "ab", "c", "aa")
    assert list(directory.names("", None)) == ["a", "aa", "ab", "b", "c"]
    assert list(directory.names("a", None)) == ["a", "aa", "ab"]
    assert list(directory.names("a", "aa")) == ["ab"]
    assert list(directory.names("b", "aa")) == ["b"]
    assert list(directory.names("", "aaa")) == ["ab", "b", "c"]
    assert list(directory.names("a", "z")) == []


async def test_a_name_that_appears_while_names_are_listed_is_listed_in_its_place() -> None:
    directory = await directory_of("a", "c", "e")
    names = directory.names("", None)
    assert next(names) == "a"
    await directory.create("b", "b", State())
    await directory.create("A", "A", State())
    assert list(names) == ["b", "c", "e"]


async def test_a_stream_has_its_time_and_an_epoch_of_its_own() -> None:
    directory = await directory_of("a", "b")
    streams = [live.stream for live in directory]
    assert [stream.created_us for stream in streams] == [NOW_US, NOW_US]
    assert streams[0].epoch != streams[1].epoch


async def test_the_directory_is_loaded_from_the_store() -> None:
    harness = StreamHarness()
    first = Directory(harness.surroundings)
    await first.create("b", "o", State())
    await first.create("a", "o", State())
    second = Directory(harness.surroundings)
    assert second.get("a") is None
    await second.load()
    assert list(second.names("", None)) == ["a", "b"]
    found = second.get("a")
    assert found is not None
    assert found.stream.object_id == "o"
