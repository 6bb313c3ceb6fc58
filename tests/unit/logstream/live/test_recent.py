"""The recent batches: contiguous windows under one bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.live.recent import Recent, Window
from fairlead_logstream.model.batch import cost_of
from unit.logstream.fakes import batch_of, texts_of


def test_a_window_is_read_from_any_number_in_it() -> None:
    window, recent = Window(), Recent()
    for first in range(10, 20, 2):
        recent.add(window, batch_of(first, str(first), str(first + 1)))
    assert window.read(9, 10_000) is None
    assert [batch.first for batch in window.read(10, 10_000) or []] == [10, 12, 14, 16, 18]
    assert [batch.first for batch in window.read(15, 10_000) or []] == [14, 16, 18]
    assert [batch.first for batch in window.read(15, 1) or []] == [14]


def test_an_empty_window_has_nothing() -> None:
    assert Window().read(0, 100) is None


def test_a_busy_stream_pushes_an_idle_one_out_and_never_itself_at_the_head() -> None:
    idle, busy = Window(), Window()
    recent = Recent(limit_bytes=10 * cost_of(batch_of(0, "x" * 100)))
    recent.add(idle, batch_of(0, "x" * 100))
    for first in range(100):
        recent.add(busy, batch_of(first, "x" * 100))
    assert idle.read(0, 100) is None
    assert busy.read(50, 100) is None
    assert [batch.first for batch in busy.read(95, 10_000) or []] == [95, 96, 97, 98, 99]


@given(st.lists(st.integers(0, 2), max_size=200), st.integers(1, 20))
def test_windows_stay_contiguous_up_to_their_heads(order: list[int], room: int) -> None:
    recent = Recent(limit_bytes=room * cost_of(batch_of(0, "00")))
    windows, heads = [Window() for _ in range(3)], [0, 0, 0]
    for index in order:
        recent.add(windows[index], batch_of(heads[index], f"{heads[index]:02}"[-2:]))
        heads[index] += 1
    kept = 0
    for window, head in zip(windows, heads, strict=True):
        begins = [number for number in range(head) if window.read(number, 10_000) is not None]
        assert begins == list(range(head - len(begins), head))
        for number in begins:
            assert texts_of(window.read(number, 100_000) or []) == [f"{text:02}"[-2:] for text in range(number, head)]
        kept += len(begins)
    assert kept == min(len(order), room)
