"""What `fairlead logs` writes for people: prefixes, times, colours, and progress bars."""

from __future__ import annotations

import pytest

from fairlead_client.following import Batch, Lagged
from fairlead_client.records import MARKER, PARTIAL
from fairlead_server.commands._dressed import Dressed, Paper, local_time, utc_time

TERMINAL = Paper(has_colours=False, is_terminal=True)
RED, CLEAR, ANEW = "\x1b[31m", "\x1b[0m", "\r\x1b[K"


class Screen:
    """Both descriptors in the order of writing, as on a terminal."""

    def __init__(self) -> None:
        self.written: list[tuple[int, str]] = []

    def write(self, descriptor: int, data: bytes) -> None:
        self.written.append((descriptor, data.decode()))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.written)

    def of(self, descriptor: int) -> str:
        return "".join(text for each, text in self.written if each == descriptor)


def one(text: str, flags: int = 0, source: str = "stdout", time_us: int = 0) -> Batch:
    return Batch([0], [[time_us, source, text, flags]])


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_several_logs_have_their_ids_before_each_line_aligned(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "long"])
    dressed.show("a", one("one"))
    dressed.show("long", one("two", source="stderr"))
    assert screen.written == [(1, "a    | one\n"), (2, "long | two\n")]


def test_times_come_behind_the_prefix(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"], clock=utc_time)
    dressed.show("a", one("one", time_us=1_000_000))
    assert screen.text == "a | 1970-01-01T00:00:01.000000Z one\n"


def test_parts_of_a_line_go_on_where_it_is_without_another_prefix(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"])
    for batch in (one("na", PARTIAL), one("me? ", PARTIAL), one("bob")):
        dressed.show("a", batch)
    assert screen.text == "a | name? bob\n"


def test_what_comes_between_the_parts_of_a_line_ends_it(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"])
    dressed.show("a", one("half", PARTIAL))
    dressed.show("b", one("other"))
    dressed.show("a", one(" and half"))
    assert screen.text == "a | half\nb | other\na |  and half\n"


def test_a_note_is_a_line_of_its_own(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"])
    dressed.show("a", one("half", PARTIAL))
    dressed.show("b", one('{"lost":2}', MARKER))
    dressed.show("a", Lagged(1, 2))
    assert screen.of(1) == "a | half\n"
    assert screen.of(2) == "fairlead: b: 2 lines were lost here\nfairlead: not kept any more: 1 line from number 1 on\n"


def test_a_file_gets_one_log_byte_for_byte_though_stderr_is_a_terminal(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a"], (Paper(), TERMINAL))
    for batch in (one("1%\r2%", PARTIAL), one("oops", source="stderr"), one("\r3%")):
        dressed.show("a", batch)
    assert screen.of(1) == "1%\r2%\r3%\n"
    assert screen.of(2) == "oops\n"


def test_colours_are_for_prefixes_and_stderr(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"], (Paper(has_colours=True), Paper(has_colours=True)))
    dressed.show("a", one("out"))
    dressed.show("b", one("err", source="stderr"))
    assert screen.text == f"{CLEAR}\x1b[36ma |{CLEAR} out\n{CLEAR}\x1b[33mb |{CLEAR} {RED}err{CLEAR}\n"


def test_a_colour_that_the_log_leaves_on_is_not_that_of_the_next_prefix(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a"], (Paper(has_colours=True), Paper()), clock=lambda _: "now")
    dressed.show("a", one(f"{RED}on"))
    dressed.show("a", one("two"))
    assert screen.text == f"{CLEAR}now {RED}on\n{CLEAR}now two\n"


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([("10%\r50%\r100%", 0)], "100%\n"),
        ([("dos\r", 0)], "dos\n"),
        ([("10%\r", PARTIAL), ("20%\r", PARTIAL), ("done", 0)], f"10%{ANEW}20%{ANEW}done\n"),
        ([("10%\r", PARTIAL), ("", 0)], "10%\n"),
        ([("a", PARTIAL), ("b\rc", 0)], f"a{ANEW}c\n"),
        ([("10%\r", PARTIAL), ("\r", PARTIAL), ("20%", 0)], f"10%{ANEW}20%\n"),
    ],
)
def test_what_is_overwritten_is_left_out_on_a_terminal(
    screen: Screen, texts: list[tuple[str, int]], shown: str
) -> None:
    dressed = Dressed(screen.write, ["a"], (TERMINAL, TERMINAL))
    for text, flags in texts:
        dressed.show("a", one(text, flags))
    assert screen.text == shown


def test_an_overwritten_line_gets_its_prefix_again(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"], (TERMINAL, TERMINAL))
    dressed.show("a", one("10%\r", PARTIAL))
    dressed.show("a", one("20%"))
    assert screen.text == f"a | 10%{ANEW}a | 20%\n"


def test_elsewhere_everything_is_kept(screen: Screen) -> None:
    dressed = Dressed(screen.write, ["a", "b"])
    dressed.show("a", one("10%\r20%\r"))
    assert screen.text == "a | 10%\r20%\r\n"


def test_times_that_no_calendar_has_are_numbers() -> None:
    assert utc_time(2**60) == str(2**60)
    assert local_time(2**60) == str(2**60)


def test_local_times_say_their_offset() -> None:
    assert local_time(1_764_185_400_000_000)[-6] in "+-"
