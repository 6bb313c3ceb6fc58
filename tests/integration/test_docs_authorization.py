"""The programs of docs/authorization.md print what stands behind them."""

from __future__ import annotations

import pytest

from support.docs import programs, run


@pytest.mark.parametrize(("program", "output"), programs("authorization.md"), ids=["rules", "function", "procedure"])
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    assert run(program) == (output, "")
