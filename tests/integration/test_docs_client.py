"""The programs of docs/client.md print what stands behind them."""

from __future__ import annotations

import pytest

from support.docs import programs, run


@pytest.mark.parametrize(("program", "output"), programs("client.md"))
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    printed, _ = run(program)  # Autobahn writes to stderr that a session is closed
    assert printed == output
