"""From the bytes of a pipe to records, and back without a difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_client.records import HAS_RETURN, LONGEST_TEXT_BYTES, PARTIAL, Text, WireRecord
from fairlead_client.splitting import LineSplitter


def bytes_of(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else text


def restored(records: list[WireRecord]) -> bytes:
    return b"".join(bytes_of(text) + (b"" if flags & PARTIAL else b"\n") for _, _, text, flags in records)


def split(*chunks: bytes) -> list[WireRecord]:
    splitter = LineSplitter("stdout")
    records = [record for number, chunk in enumerate(chunks) for record in splitter.feed(chunk, number)]
    return records + splitter.finish()


def test_a_line_is_a_record_without_its_end() -> None:
    assert split(b"one\ntwo\n") == [(0, "stdout", "one", 0), (0, "stdout", "two", 0)]


def test_a_record_has_the_time_at_which_its_first_byte_was_read() -> None:
    assert split(b"one\ntw", b"o\nthree\n") == [
        (0, "stdout", "one", 0),
        (0, "stdout", "two", 0),
        (1, "stdout", "three", 0),
    ]


def test_a_last_line_without_an_end_is_partial() -> None:
    assert split(b"one\ntwo") == [(0, "stdout", "one", 0), (0, "stdout", "two", PARTIAL)]


def test_a_prompt_is_handed_out_before_its_line_ends() -> None:
    splitter = LineSplitter("stdout")
    assert splitter.feed(b"password: ", 1) == []
    assert splitter.has_unfinished
    assert splitter.flush(2) == [(1, "stdout", "password: ", PARTIAL)]
    assert not splitter.has_unfinished
    assert splitter.feed(b"\n", 3) == [(3, "stdout", "", 0)]


def test_a_carriage_return_is_kept_and_flagged() -> None:
    assert split(b" 1%\r 2%\rdone\nplain\n") == [
        (0, "stdout", " 1%\r 2%\rdone", HAS_RETURN),
        (0, "stdout", "plain", 0),
    ]


def test_what_is_not_utf8_is_bytes_and_its_neighbours_are_text() -> None:
    assert [text for _, _, text, _ in split(b"a\n\xff\xfe\nb\n")] == ["a", b"\xff\xfe", "b"]


def test_what_begins_with_nul_is_bytes_and_a_nul_inside_is_text() -> None:
    assert [text for _, _, text, _ in split(b"a\n\0b\nc\0d\n")] == ["a", b"\0b", "c\0d"]


def test_a_long_line_comes_in_parts_that_do_not_cut_characters() -> None:
    line = "é".encode() * LONGEST_TEXT_BYTES
    records = split(b"x" + line + b"\nend\n")
    assert [flags for *_, flags in records] == [PARTIAL, PARTIAL, 0, 0]
    assert all(isinstance(text, str) and len(text.encode()) <= LONGEST_TEXT_BYTES for _, _, text, _ in records)
    assert restored(records) == b"x" + line + b"\nend\n"


def test_a_long_line_that_comes_slowly_is_handed_out_as_it_grows() -> None:
    splitter = LineSplitter("stdout")
    records = [record for _ in range(40) for record in splitter.feed(b"x" * 4096, 0)]
    assert [flags for *_, flags in records] == [PARTIAL, PARTIAL]


def test_flushing_waits_for_the_rest_of_a_character() -> None:
    splitter = LineSplitter("stdout")
    first, last = "né".encode()[:2], "né".encode()[2:]
    splitter.feed(first, 0)
    assert splitter.flush(1) == [(0, "stdout", "n", PARTIAL)]
    assert splitter.flush(2) == []
    assert splitter.feed(last + b"\n", 3) == [(1, "stdout", "é", 0)]


chunks = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([b"line\n", b"\n", b"\r", "é".encode(), b"\xc3", b"\xf0\x9f", b"\0", b"x" * 70_000]),
    ),
    max_size=20,
)


@given(chunks, st.sets(st.integers(0, 20)))
def test_the_records_give_back_every_byte(chunks: list[bytes], flushes: set[int]) -> None:
    splitter = LineSplitter("stdout")
    records: list[WireRecord] = []
    for number, chunk in enumerate(chunks):
        records += splitter.feed(chunk, number)
        if number in flushes:
            records += splitter.flush(number)
    records += splitter.finish()
    whole = b"".join(chunks)
    assert restored(records) == whole
    assert all(len(bytes_of(text)) <= LONGEST_TEXT_BYTES for _, _, text, _ in records)
    assert all(b"\n" not in bytes_of(text) for _, _, text, _ in records)
    assert all(bool(flags & HAS_RETURN) == (b"\r" in bytes_of(text)) for _, _, text, flags in records)
    for _, _, text, _ in records:
        assert isinstance(text, bytes) == (bytes_of(text)[:1] == b"\0" or not is_utf8(bytes_of(text)))


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
