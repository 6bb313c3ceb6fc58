"""The program of docs/rpc.md prints what stands behind it."""

from __future__ import annotations

import pytest

from support.docs import programs, run


@pytest.mark.parametrize(("program", "output"), programs("rpc.md"), ids=["everything"])
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    assert run(program) == (output, "")
